// What people do at the keyboard, and what garbage a network may carry; in virtual time.
#include <random>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "tests/client/driver.hpp"

namespace hub::client {

namespace {

using namespace std::chrono_literals;

constexpr Token kToken = Driver::kToken;

std::string where(const Driver& d) { return std::string(name_of(d.state())); }

}  // namespace

// --- Lines that wait ---

TEST_CASE("lines typed while a reply is awaited go out one by one, in order") {
  Driver d;
  d.type("login#ann&secret");
  d.type("post#one");
  d.type("post#two");
  d.type("logout#");
  CHECK(d.take_sent().size() == 1);
  CHECK_FALSE(d.session.wants_input());
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, kToken, 0, "one"}});
  d.receive(Opcode::kPostAck, kToken);
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, kToken, 0, "two"}});
  d.wait(3s);
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogout, kToken, 0, ""}});
  d.receive(Opcode::kLogoutAck, kToken);
  CHECK(d.take_lines() == Lines{"login_ack#successful", "post_ack#successful", "error#no_reply",
                                "logout_ack#successful"});
  CHECK(d.session.wants_input());
}

TEST_CASE("only so many lines wait, one more is refused") {
  SessionConfig config;
  config.max_waiting = 3;
  Driver d(config);
  d.type("login#ann&secret");
  for (int i = 0; i < 4; ++i) d.type("post#x");
  CHECK(d.take_lines() == Lines{"error#too_many_waiting"});
  CHECK(where(d) == "LOGIN_SENT");
}

// --- Leaving ---

TEST_CASE("the end of input finishes what was asked, logs out quietly and exits with 0") {
  Driver d;
  d.type("login#ann&secret");
  d.type("post#x");
  d.session.on_input_end(d.now);
  d.collect();
  d.receive(Opcode::kLoginOk, kToken);
  d.receive(Opcode::kPostAck, kToken);
  CHECK_FALSE(d.exit_code());
  CHECK(d.take_sent().back() == Sent{Opcode::kLogout, kToken, 0, ""});
  d.receive(Opcode::kForward, kToken, "<bob>just in time", 4);
  d.receive(Opcode::kLogoutAck, kToken);
  CHECK(d.exit_code() == kExitSuccess);
  CHECK(d.take_lines() ==
        Lines{"login_ack#successful", "post_ack#successful", "<bob>just in time"});
}

TEST_CASE("a quiet logout waits shortly for its ack and prints nothing whatever comes") {
  const auto answer = GENERATE(as<int>{}, -1, 0x00, 0x8F, 0x90, 0xF0);
  Driver d;
  d.log_in();
  d.type("quit#");
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogout, kToken, 0, ""}});
  if (answer >= 0) {
    d.receive(static_cast<Opcode>(answer), kToken);
  } else {
    d.wait(1s);
  }
  CHECK(d.exit_code() == kExitSuccess);
  CHECK(d.take_lines().empty());
  CHECK_FALSE(d.session.next_timeout());
}

TEST_CASE("leaving offline is immediate") {
  Driver d;
  d.type("quit#");
  CHECK(d.exit_code() == kExitSuccess);
  CHECK(d.take_sent().empty());
  d.type("post#x");
  d.receive(Opcode::kSessionReset, 0);
  CHECK(d.take_sent().empty());
  CHECK(d.take_lines().empty());
}

TEST_CASE("a stop gives up what waits and logs out") {
  Driver d;
  d.log_in();
  d.type("post#one");
  d.type("post#two");
  d.take_sent();
  d.session.on_stop(d.now);
  d.collect();
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogout, kToken, 0, ""}});
  d.receive(Opcode::kPostAck, kToken);
  CHECK_FALSE(d.exit_code());
  d.receive(Opcode::kLogoutAck, kToken);
  CHECK(d.exit_code() == kExitSuccess);
}

TEST_CASE("the exit code tells of failures, and whether the hub was ever heard from") {
  SECTION("a refusal") {
    Driver d;
    d.log_in();
    d.type("subscribe#bob");
    d.receive(Opcode::kSubscribeFailed, kToken);
    d.type("logout#");
    d.receive(Opcode::kLogoutAck, kToken);
    d.type("quit#");
    CHECK(d.exit_code() == kExitFailure);
  }
  SECTION("a line that is no command") {
    Driver d;
    d.type("hello");
    d.type("quit#");
    CHECK(d.exit_code() == kExitFailure);
  }
  SECTION("a silent hub") {
    Driver d;
    d.type("login#ann&secret");
    d.session.on_input_end(d.now);
    d.wait(9s);
    CHECK(d.exit_code() == kExitNoAnswer);
  }
  SECTION("a hub that fell silent") {
    Driver d;
    d.log_in();
    d.type("post#x");
    d.type("quit#");
    d.wait(10s);
    CHECK(d.exit_code() == kExitFailure);
  }
}

// --- Passwords ---

TEST_CASE("login#id asks for the password and waits for it") {
  SessionConfig config;
  config.can_ask = true;
  Driver d(config);
  d.type("login#ann");
  d.type("post#x");
  CHECK(d.take_asked() == "ann");
  CHECK(d.take_sent().empty());
  d.session.on_password("se&cret", d.now);
  d.collect();
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kLogin, 0, 0, "ann&se&cret"}});
  d.receive(Opcode::kLoginOk, kToken);
  CHECK(d.take_sent() == std::vector<Sent>{{Opcode::kPost, kToken, 0, "x"}});
}

TEST_CASE("a password that is not given or cannot be one sends no login") {
  SessionConfig config;
  config.can_ask = true;
  Driver d(config);
  d.type("login#ann");
  d.session.on_password(std::nullopt, d.now);
  d.type("login#ann");
  d.session.on_password("", d.now);
  d.type("login#ann");
  d.session.on_password(std::string(kMaxPasswordBytes + 1, 'x'), d.now);
  d.collect();
  CHECK(d.take_lines() == Lines{"error#no_password", "error#bad_password", "error#bad_password"});
  CHECK(d.take_sent().empty());
  CHECK(where(d) == "OFFLINE");
}

TEST_CASE("the end of input is no password either") {
  SessionConfig config;
  config.can_ask = true;
  Driver d(config);
  d.type("login#ann");
  d.session.on_input_end(d.now);
  d.collect();
  CHECK(d.take_lines() == Lines{"error#no_password"});
  CHECK(d.exit_code() == kExitFailure);
}

TEST_CASE("after the end of input nobody is asked any more") {
  SessionConfig config;
  config.can_ask = true;
  Driver d(config);
  d.type("login#ann");
  d.type("login#bob");
  d.collect();
  CHECK(d.take_asked());
  d.session.on_input_end(d.now);
  d.collect();
  CHECK_FALSE(d.take_asked());
  CHECK(d.take_lines() == Lines{"error#no_password", "error#no_password"});
  CHECK(d.exit_code() == kExitFailure);
}

TEST_CASE("where nobody can be asked, login#id is an error") {
  Driver d;
  d.type("login#ann");
  CHECK(d.take_lines() == Lines{"error#no_password"});
  CHECK_FALSE(d.take_asked());
}

// --- Garbage ---

TEST_CASE("what a hub sends is printed without control characters") {
  Driver d;
  d.log_in();
  d.receive(Opcode::kForward, kToken, "<bob>\x1b]0;owned\x07\r\nlogin_ack#successful", 1);
  d.receive(Opcode::kForward, kToken, "login_ack#successful", 2);
  d.receive(Opcode::kForward, kToken, "", 3);
  const Lines lines = d.take_lines();
  REQUIRE(lines.size() == 3);
  for (const std::string& line : lines) CHECK(printable(line) == line);
  CHECK(lines[0].substr(0, 5) == "<bob>");
  CHECK(lines[1] == "<?>login_ack#successful");
  CHECK(lines[2] == "<?>");
}

TEST_CASE("random and bit-flipped datagrams neither crash nor print control characters") {
  const auto seed = GENERATE(range(1u, 41u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  static const std::vector<std::string> kLines = {"login#ann&x", "post#x",          "subscribe#bob",
                                                  "retrieve#5",  "unsubscribe#bob", "logout#",
                                                  "state#"};
  static const std::vector<int> kOpcodes = {0x80, 0x90, 0xA0, 0xB0, 0xB1,
                                            0xC0, 0xC1, 0x8F, 0xF0, 0x00};
  Driver d;
  for (int i = 0; i < 400; ++i) {
    if (below(4) == 0) d.type(kLines[below(kLines.size())]);
    if (d.state() == State::kOffline) d.log_in();
    if (below(20) == 0) d.wait(1s);
    std::vector<std::uint8_t> bytes;
    if (below(2) == 0) {
      bytes.resize(below(400));
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(256));
      if (bytes.size() > 2 && below(2) == 0) bytes[0] = bytes[1] = 'A';
    } else {
      classic::Header header;
      header.opcode = static_cast<Opcode>(kOpcodes[below(kOpcodes.size())]);
      header.token = kToken;
      header.msg_id = static_cast<std::uint32_t>(below(9));
      classic::encode(header, "<bob>\xC3\xA9t\xC3\xA9", bytes);
      const std::size_t bit = below(bytes.size() * 8);
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << bit % 8));
    }
    d.receive_raw(bytes);
    for (const std::string& line : d.take_lines()) REQUIRE(printable(line) == line);
    d.take_sent();
  }
}

}  // namespace hub::client
