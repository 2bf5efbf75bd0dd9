#include "protocol/control.hpp"

#include <limits>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "protocol/limits.hpp"
#include "protocol/nearest.hpp"

using namespace hub;
using namespace hub::control;

namespace {

constexpr auto kMaxId = std::numeric_limits<std::uint64_t>::max();

Verifier some_verifier() {
  Verifier out;
  for (std::size_t i = 0; i < out.salt.size(); ++i) out.salt[i] = static_cast<std::uint8_t>(i);
  out.stored_key.fill(0xAB);
  out.server_key.fill(0x0F);
  out.kdf = {kDefaultKdfMemory, kDefaultKdfPasses};
  return out;
}

// Encoding what was decoded gives the same line again, so comparing lines compares values.
void require_round_trip(const Command& command) {
  const std::string line = encode(command);
  CAPTURE(line);
  REQUIRE(line.find('\n') == std::string::npos);
  const auto back = decode_command(line);
  REQUIRE(back);
  REQUIRE(back->index() == command.index());
  REQUIRE(encode(*back) == line);
}

void require_round_trip(const Reply& reply) {
  const std::string line = encode(reply);
  CAPTURE(line);
  REQUIRE(line.find('\n') == std::string::npos);
  const auto back = decode_reply(line);
  REQUIRE(back);
  REQUIRE(back->index() == reply.index());
  REQUIRE(encode(*back) == line);
}

std::string command_error(std::string_view line) {
  const auto result = decode_command(line);
  REQUIRE_FALSE(result);
  REQUIRE(result.error().find('\n') == std::string::npos);
  return result.error();
}

std::string reply_error(std::string_view line) {
  const auto result = decode_reply(line);
  REQUIRE_FALSE(result);
  return result.error();
}

std::string with(const Command& command, const std::string& pointer, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(encode(command));
  json[nlohmann::json::json_pointer(pointer)] = value;
  return json.dump();
}

}  // namespace

TEST_CASE("every control command survives its line") {
  require_round_trip(AddUser{"ann", some_verifier()});
  require_round_trip(SetPassword{"Ann_2", some_verifier()});
  require_round_trip(DisableUser{"ann"});
  require_round_trip(EnableUser{"ann"});
  require_round_trip(DeleteUser{"ann"});
  require_round_trip(DeletePost{kMaxId});
  require_round_trip(EndSession{"ann"});
  require_round_trip(ForgetDevice{"ann", DeviceId{0x01, 0xAB}});
  require_round_trip(ListSessions{kMaxId});
  require_round_trip(Stats{});
  require_round_trip(ReloadKeys{});
}

TEST_CASE("every control reply survives its line") {
  require_round_trip(Done{});
  require_round_trip(Progress{kMaxId});
  for (int i = 0; i <= static_cast<int>(Refusal::kStoreFailed); ++i) {
    require_round_trip(Refused{static_cast<Refusal>(i), "nobody is called \"ann\"\nhere"});
  }
  SessionRow row{
      "ann",        "online", "classic", "[::1]:999", WallTime(std::chrono::microseconds(7)),
      std::nullopt, 3};
  require_round_trip(SessionPage{{}, std::nullopt});
  require_round_trip(SessionPage{{row}, std::nullopt});
  row.last_active = WallTime(std::chrono::microseconds(-1));
  require_round_trip(SessionPage{{row, row}, kMaxId});
  require_round_trip(Figures{});
  require_round_trip(Figures{{{"z", std::numeric_limits<std::int64_t>::min()},
                              {"a", std::numeric_limits<std::int64_t>::max()}}});
}

TEST_CASE("the fields of a control command arrive as they were sent") {
  const auto added = decode_command(encode(AddUser{"ann", some_verifier()}));
  REQUIRE(added);
  REQUIRE(std::get<AddUser>(*added).name == "ann");
  REQUIRE(std::get<AddUser>(*added).verifier == some_verifier());
  const auto post = decode_command(R"({"command":"delete-post","id":18446744073709551615})");
  REQUIRE(post);
  REQUIRE(std::get<DeletePost>(*post).id == kMaxId);
  const auto forget = decode_command(
      R"({"command":"forget-device","name":"ann","device":"00ff0000000000000000000000000001"})");
  REQUIRE(forget);
  REQUIRE(std::get<ForgetDevice>(*forget).name == "ann");
  REQUIRE(to_string(std::get<ForgetDevice>(*forget).device) == "00ff0000000000000000000000000001");
  for (const char* device :
       {"", "00ff", "00FF0000000000000000000000000001", "00ff00000000000000000000000000001",
        "xyff0000000000000000000000000001"}) {
    REQUIRE(command_error(std::string(R"({"command":"forget-device","name":"ann","device":")") +
                          device + "\"}") == R"(field "device" must be 32 lower-case hex digits)");
  }
  const auto figures = decode_reply(R"({"ok":true,"figures":[["b",2],["a",-1]]})");
  REQUIRE(figures);
  REQUIRE(std::get<Figures>(*figures).numbers ==
          std::vector<std::pair<std::string, std::int64_t>>{{"b", 2}, {"a", -1}});
}

TEST_CASE("the control lines look as the header says") {
  REQUIRE(encode(Command(DisableUser{"ann"})) == R"({"command":"disable-user","name":"ann"})");
  REQUIRE(encode(Reply(Done{})) == R"({"ok":true})");
  REQUIRE(encode(Reply(Refused{Refusal::kNotFound, "no"})) ==
          R"({"ok":false,"error":"not_found","message":"no"})");
}

TEST_CASE("names of any bytes make a line that can be read again") {
  for (const std::string& name : {std::string("a\0b\n\x1b[31m", 9), std::string("\xff\xfe"),
                                  std::string(10'000, '&'), std::string("\"}\\")}) {
    const auto back = decode_command(encode(DisableUser{name}));
    REQUIRE(back);
  }
  const std::string odd("a\0b&#\n", 6);
  REQUIRE(std::get<DisableUser>(*decode_command(encode(DisableUser{odd}))).name == odd);
}

TEST_CASE("an unknown control command is refused with the one that may be meant") {
  REQUIRE(command_error(R"({"command":"list-sesions","after":0})") ==
          R"(unknown command "list-sesions"; did you mean "list-sessions"?)");
  REQUIRE(command_error(R"({"command":"xyzzy"})").find("the commands are add-user,") !=
          std::string::npos);
  REQUIRE(command_error(R"({"command":"\u001b[31m"})").find('\x1b') == std::string::npos);
}

TEST_CASE("malformed control commands are refused, each with its reason") {
  REQUIRE(command_error("") == "the line is not JSON");
  REQUIRE(command_error("stats") == "the line is not JSON");
  REQUIRE(command_error(R"({"command":"stats"}{})") == "the line is not JSON");
  REQUIRE(command_error("{\"command\":\"\xff\"}") == "the line is not JSON");
  REQUIRE(command_error("[]") == "the line is not a JSON object");
  REQUIRE(command_error("null") == "the line is not a JSON object");
  REQUIRE(command_error("{}") == R"(field "command" is missing)");
  REQUIRE(command_error(R"({"command":7})") == R"(field "command" must be text)");
  REQUIRE(command_error(R"({"command":"disable-user"})") == R"(field "name" is missing)");
  REQUIRE(command_error(R"({"command":"stats","name":"x"})") == R"(unknown field "name")");
  for (const char* id : {"-1", "1.5", "\"1\"", "null", "18446744073709551616", "1e3"}) {
    CAPTURE(id);
    const std::string line = std::string(R"({"command":"delete-post","id":)") + id + "}";
    REQUIRE(command_error(line).find("\"id\" must be a whole number") != std::string::npos);
  }
  REQUIRE(command_error(R"({"command":"stats","x":1e999})") == "the line is not JSON");
}

TEST_CASE("a control line over the bound is refused unread, however deep it nests") {
  REQUIRE(command_error(std::string(kMaxControlLineBytes + 1, ' ')).find("longer than") !=
          std::string::npos);
  REQUIRE(command_error(std::string(kMaxControlLineBytes, '[')) == "the line is not JSON");
  const std::size_t half = kMaxControlLineBytes / 2;
  REQUIRE(command_error(std::string(half, '[') + std::string(half, ']')) ==
          "the line is not a JSON object");
}

TEST_CASE("a control command's verifier must be exact") {
  const AddUser add{"ann", some_verifier()};
  REQUIRE(decode_command(encode(add)));
  const auto wrong = [&](const std::string& field, const nlohmann::json& value) {
    CAPTURE(field);
    REQUIRE(command_error(with(add, "/verifier/" + field, value)).find("verifier: ") == 0);
  };
  wrong("salt", std::string(30, '0'));
  wrong("salt", std::string(34, '0'));
  wrong("salt", std::string(31, '0') + "g");
  wrong("salt", std::string(31, '0') + "A");
  wrong("salt", 5);
  wrong("stored_key", "");
  wrong("server_key", nullptr);
  wrong("memory_bytes", kMaxKdfMemory + 1);
  wrong("memory_bytes", kMinKdfMemory - 1);
  wrong("passes", 0);
  wrong("passes", (1ull << 32) + 2);
  wrong("password", "secret");
  REQUIRE(command_error(with(add, "/verifier", "x")) == "verifier: not a JSON object");
}

TEST_CASE("malformed control replies are refused") {
  REQUIRE(reply_error("") == "the line is not JSON");
  REQUIRE(reply_error("{}") == R"(field "ok" is missing)");
  REQUIRE(reply_error(R"({"ok":1})") == R"(field "ok" must be true or false)");
  REQUIRE(reply_error(R"({"ok":false,"error":"odd","message":"m"})") == R"(unknown error "odd")");
  REQUIRE(reply_error(R"({"ok":false,"error":"busy"})") == R"(field "message" is missing)");
  REQUIRE(reply_error(R"({"ok":true,"remaining":-1})").find("remaining") != std::string::npos);
  REQUIRE(reply_error(R"({"ok":true,"sessions":{}})") == R"(field "sessions" must be a list)");
  REQUIRE(reply_error(R"({"ok":true,"sessions":[1]})") == "sessions: not a JSON object");
  REQUIRE(reply_error(R"({"ok":true,"sessions":[{}]})") ==
          R"(sessions: field "account" is missing)");
  REQUIRE(reply_error(R"({"ok":true,"figures":[["a",1.5]]})").find("figures: ") == 0);
  REQUIRE(reply_error(R"({"ok":true,"figures":[["a"]]})").find("figures: ") == 0);
  REQUIRE(reply_error(R"({"ok":true,"figures":[["a",9223372036854775808]]})").find("figures: ") ==
          0);
  REQUIRE(reply_error(R"({"ok":true,"error":"busy"})") == R"(unknown field "error")");
}

TEST_CASE("each refusal has its word") {
  REQUIRE(word_of(Refusal::kNotFound) == "not_found");
  REQUIRE(word_of(Refusal::kStoreFailed) == "store_failed");
  for (int i = 0; i <= static_cast<int>(Refusal::kStoreFailed); ++i) {
    const auto refusal = static_cast<Refusal>(i);
    REQUIRE(refusal_of(word_of(refusal)) == refusal);
  }
  REQUIRE_FALSE(refusal_of("Busy"));
  REQUIRE_FALSE(refusal_of(""));
}

TEST_CASE("the nearest word is the one a typing error away, or none") {
  constexpr std::array<std::string_view, 3> words = {"stats", "add-user", "list-users"};
  REQUIRE(nearest("stat", words) == "stats");
  REQUIRE(nearest("STATS", words) == "stats");
  REQUIRE(nearest("lsit-users", words) == "list-users");
  REQUIRE(nearest("list-user", words) == "list-users");
  REQUIRE_FALSE(nearest("", words));
  REQUIRE_FALSE(nearest("backup", words));
  REQUIRE_FALSE(nearest(std::string(10'000, 'a'), words));
}
