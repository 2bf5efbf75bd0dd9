// The server's key and invitations.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <qrencode.h>
#include <sys/stat.h>

#include "admin/qr.hpp"
#include "protocol/control.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/hub_link.hpp"
#include "store/hub_keys.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The light modules of a drawn code, row by row.
std::vector<std::string> modules_of(const std::string& drawn) {
  std::vector<std::string> rows;
  std::istringstream in(drawn);
  for (std::string line; std::getline(in, line);) {
    std::string upper;
    std::string lower;
    for (std::size_t i = 0; i < line.size();) {
      const std::string block = line.substr(i, line[i] == ' ' ? 1 : 3);
      i += block.size();
      const bool full = block == "\xE2\x96\x88";
      upper += full || block == "\xE2\x96\x80" ? '#' : '.';
      lower += full || block == "\xE2\x96\x84" ? '#' : '.';
    }
    rows.push_back(upper);
    rows.push_back(lower);
  }
  return rows;
}

}  // namespace

TEST_CASE("init makes the keys, and keeps a hub.key that is there") {
  const AdminWorld world;
  world.init();
  const store::HubKeys keys = store::load_hub_keys(world.data());
  CHECK(std::filesystem::exists(world.data().reset_key()));
  std::filesystem::remove(world.data().database());
  const Ran again = world.run({"init", "--kdf-memory", "8KiB", "--kdf-passes", "1"});
  REQUIRE(again.code == 0);
  CHECK_THAT(again.out, Contains("is kept") && Contains(fingerprint_of(keys.current.public_key)));
  CHECK(store::load_hub_keys(world.data()).current.secret == keys.current.secret);
}

TEST_CASE("init does not make a hub beside a key that it cannot use") {
  const AdminWorld world;
  world.data().create();
  std::ofstream(world.data().hub_key()) << "nonsense";
  CHECK(world.run({"init"}).code == 6);
  CHECK_FALSE(std::filesystem::exists(world.data().database()));
}

TEST_CASE("show-key prints the public key and its fingerprint, and nothing secret") {
  const AdminWorld world;
  world.init();
  const store::HubKeys keys = store::load_hub_keys(world.data());
  const Ran ran = world.run({"show-key"});
  REQUIRE(ran.code == 0);
  CHECK_THAT(ran.out, Contains(key_text(keys.current.public_key)) &&
                          Contains(fingerprint_of(keys.current.public_key)));
  CHECK(ran.out.find(key_text(keys.current.secret)) == std::string::npos);
  auto json = world.run({"show-key", "--json"}).json().at(0);
  CHECK(json["key"] == key_text(keys.current.public_key));
  CHECK(json["next_key"].is_null());
  REQUIRE(world.run({"rotate-key"}).code == 0);
  json = world.run({"show-key", "--json"}).json().at(0);
  CHECK(json["key"] == key_text(keys.current.public_key));
  CHECK(json["next_fingerprint"] ==
        fingerprint_of(store::load_hub_keys(world.data()).next->public_key));
}

TEST_CASE(
    "commands about the key say where it is missing, and what to do where others can read it") {
  const AdminWorld world;
  CHECK(world.run({"show-key"}).code == 6);
  world.init_with({"alice"});
  for (const char* command : {"show-key", "rotate-key", "invite"}) {
    CAPTURE(command);
    std::vector<std::string> words = {command};
    if (words[0] == "invite") words.insert(words.end(), {"alice", "--host", "h"});
    REQUIRE(::chmod(world.data().hub_key().c_str(), 0644) == 0);
    const Ran open = world.run(words);
    CHECK(open.code == 6);
    CHECK_THAT(open.err, Contains("chmod 600"));
    CHECK(open.out.empty());
    REQUIRE(::chmod(world.data().hub_key().c_str(), 0600) == 0);
    CHECK(world.run(words).code == 0);
  }
  std::filesystem::remove(world.data().hub_key());
  CHECK(world.run({"show-key"}).code == 6);
}

TEST_CASE("rotate-key makes a next key once; --finish takes it alone, if it may") {
  const AdminWorld world;
  world.init();
  const store::HubKeys before = store::load_hub_keys(world.data());
  CHECK(world.run({"rotate-key", "--finish", "--yes"}).code == 1);
  REQUIRE(world.run({"rotate-key"}).code == 0);
  CHECK(world.run({"rotate-key"}).code == 4);
  const store::HubKeys both = store::load_hub_keys(world.data());
  CHECK(both.current.secret == before.current.secret);
  CHECK(world.run({"rotate-key", "--finish"}).code == 2);  // nobody can be asked
  CHECK(store::load_hub_keys(world.data()).next);
  const Ran done = world.run({"rotate-key", "--finish", "--yes"});
  REQUIRE(done.code == 0);
  CHECK_THAT(done.out, Contains(fingerprint_of(both.next->public_key)));
  const store::HubKeys after = store::load_hub_keys(world.data());
  CHECK(after.current.secret == both.next->secret);
  CHECK_FALSE(after.next);
}

TEST_CASE("a running server is told of a new key when it is on disk") {
  const AdminWorld world;
  world.init();
  bool was_there = true;
  const FakeServer server(world, [&](const std::string&) {
    was_there = was_there && store::load_hub_keys(world.data()).next.has_value();
    return control::encode(control::Reply(control::Done{})) + "\n";
  });
  REQUIRE(world.run({"rotate-key"}).code == 0);
  CHECK(was_there);
  REQUIRE(world.run({"rotate-key", "--finish", "--yes"}).code == 0);
  const auto lines = server.lines();
  REQUIRE(lines.size() == 2);
  for (const std::string& line : lines) {
    CHECK(std::holds_alternative<control::ReloadKeys>(control::decode_command(line).value()));
  }
}

TEST_CASE("a server that does not take the new key up is not passed over") {
  const AdminWorld world;
  world.init();
  const FakeServer server(world, [](const std::string&) {
    const control::Reply refused = control::Refused{control::Refusal::kStoreFailed, "no disk"};
    return control::encode(refused) + "\n";
  });
  const Ran ran = world.run({"rotate-key"});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.err, Contains("restart it") && Contains("no disk"));
  CHECK(store::load_hub_keys(world.data()).next);
}

TEST_CASE("an invitation is a link that spoke understands") {
  const AdminWorld world;
  world.init_with({"Alice"});
  const Ran ran = world.run({"invite", "alice", "--host", "hub.example:4000"});
  REQUIRE(ran.code == 0);
  CHECK(ran.err.empty());
  const auto link = parse_hub_link(first_line(ran.out));
  REQUIRE(link);
  CHECK(link->name->text() == "Alice");
  CHECK(link->hub == HubName{"hub.example", 4000});
  CHECK(link->key == store::load_hub_keys(world.data()).current.public_key);
  CHECK(ran.out == to_string(*link) + "\n");  // no QR code where nobody looks
  REQUIRE(world.run({"rotate-key"}).code == 0);
  const auto later =
      parse_hub_link(first_line(world.run({"invite", "alice", "--host", "[2001:db8::1]"}).out));
  REQUIRE(later);
  CHECK(later->hub == HubName{"2001:db8::1", 32000});
  CHECK(later->key == store::load_hub_keys(world.data()).next->public_key);
}

TEST_CASE("an invitation needs an account and a host that a link can name") {
  const AdminWorld world;
  world.init_with({"alice"});
  CHECK(world.run({"invite", "nobody", "--host", "h"}).code == 3);
  CHECK(world.run({"invite", "no name", "--host", "h"}).code == 2);
  for (const char* host : {"a b", "h:0", "h:x", "::1", "[fe80::1%eth0]", "h/x", "a@b"}) {
    CAPTURE(host);
    const Ran ran = world.run({"invite", "alice", "--host", host});
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
  }
  const Ran unnamed = world.run({"invite", "alice"});
  if (unnamed.code == 0) CHECK_THAT(unnamed.err, Contains("--host"));
  REQUIRE(world.run({"disable-user", "alice"}).code == 0);
  CHECK_THAT(world.run({"invite", "alice", "--host", "h"}).err, Contains("disabled"));
}

TEST_CASE("a QR code holds every module, light ones drawn, with four around it") {
  const std::string text = "hub://alice@hub.example:32000/#" + key_text(Key{});
  QRcode* code =
      QRcode_encodeData(static_cast<int>(text.size()),
                        reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_L);
  REQUIRE(code != nullptr);
  const auto width = static_cast<std::size_t>(code->width);
  const std::vector<std::string> rows = modules_of(admin::qr_code(text, false).value());
  REQUIRE(rows.size() >= width + 8);
  bool right = true;
  for (std::size_t y = 0; y < rows.size(); ++y) {
    REQUIRE(rows[y].size() == width + 8);
    for (std::size_t x = 0; x < rows[y].size(); ++x) {
      const bool inside = x >= 4 && y >= 4 && x < width + 4 && y < width + 4;
      const bool dark = inside && (code->data[(y - 4) * width + x - 4] & 1) != 0;
      right = right && rows[y][x] == (dark ? '.' : '#');
    }
  }
  CHECK(right);
  QRcode_free(code);
  CHECK_FALSE(admin::qr_code(std::string(4000, 'x'), false));
}

TEST_CASE("a QR code is drawn on demand, and on a terminal in colours of its own") {
  const AdminWorld world;
  world.init_with({"alice"});
  const Ran ran = world.run({"invite", "alice", "--host", "h", "--qr"});
  REQUIRE(ran.code == 0);
  const std::string link = first_line(ran.out);
  CHECK(ran.out == link + "\n" + admin::qr_code(link, false).value());
  CHECK(ran.out.find('\x1b') == std::string::npos);
  CHECK_THAT(admin::qr_code(link, true).value(), Catch::StartsWith("\x1b[40;97m"));
  std::ostringstream out;
  std::ostringstream err;
  admin::Console terminal(0, out, err, true, true);
  SystemRandom random;
  const auto code =
      admin::run({"--data", world.data().path().string(), "invite", "alice", "--host", "h"},
                 {terminal, random, [] { return WallTime{}; }, world.patience});
  CHECK(code == admin::ExitCode::kOk);
  CHECK(out.str() == link + "\n" + admin::qr_code(link, true).value());
}
