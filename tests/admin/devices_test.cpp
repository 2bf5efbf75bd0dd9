// Devices: listed, and made to need the password, with the server down and up.
#include <catch2/catch.hpp>

#include "protocol/control.hpp"
#include "store/sqlite_store.hpp"
#include "tests/admin/admin_world.hpp"
#include "tests/support/store_verbs.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

/// A device whose ID is `beginning` and then zeros.
DeviceId device_id(const std::string& beginning) {
  return parse_device_id(beginning + std::string(32 - beginning.size(), '0')).value();
}

void log_in(const AdminWorld& world, const std::string& name, const DeviceId& device) {
  store::OpenSession login;
  login.session.account = world.account(name).id;
  login.session.framing = Framing::kSealed;
  login.session.token = device[0];
  login.device = store::DeviceLogin{device, dummy_resume_key(1), {}, {}};
  const auto out = world.apply({{1, login}});
  REQUIRE(std::holds_alternative<store::SessionOpened>(std::get<store::Reply>(out.at(0)).body));
}

}  // namespace

TEST_CASE("list-devices shows where each account has logged in, or one account") {
  const AdminWorld world;
  world.init_with({"alice", "Bob"});
  REQUIRE(world.run({"list-devices", "--json"}).out.empty());
  log_in(world, "alice", device_id("ab"));
  log_in(world, "bob", device_id("cd"));
  log_in(world, "alice", device_id("ef"));
  world.apply(
      {{1, store::CloseSession{world.account("alice").id, 0xef, Framing::kSealed, 0, true}}});

  const auto all = world.run({"list-devices", "--json"}).json();
  REQUIRE(all.size() == 3);
  REQUIRE(all[1]["account"] == "Bob");
  REQUIRE(all[1]["device"] == to_string(device_id("cd")));
  const Ran of_alice = world.run({"list-devices", "ALICE", "--json"});
  const auto rows = of_alice.json();
  REQUIRE(rows.size() == 2);
  REQUIRE(rows[0]["device"] == to_string(device_id("ab")));
  REQUIRE(rows[0]["needs_password"] == false);
  REQUIRE(rows[0]["online"] == true);
  REQUIRE(rows[1]["online"] == false);
  REQUIRE(rows[0]["shown_up_to"] == 0);
  REQUIRE(rows[0]["created"] == "2023-11-14T22:13:20.000000Z");
  REQUIRE(rows[1]["needs_password"] == true);
  REQUIRE(of_alice.out.find("6565") == std::string::npos);  // the resume key
  REQUIRE(world.run({"list-devices", "nobody"}).code == 3);
  REQUIRE_THAT(world.run({"list-devices"}).out, Contains("ACCOUNT"));
}

TEST_CASE("list-devices goes on over many pages") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  std::vector<store::Request> batch;
  for (std::size_t i = 0; i < 1100; ++i) {
    store::OpenSession login;
    login.session.account = world.account(i % 2 == 0 ? "alice" : "bob").id;
    login.session.framing = Framing::kSealed;
    login.device = store::DeviceLogin{device_id(i < 256 ? "0" : "1"), {}, {}, {}};
    login.device->id[14] = static_cast<std::uint8_t>(i / 256);
    login.device->id[15] = static_cast<std::uint8_t>(i % 256);
    batch.push_back({i, login});
  }
  store::StoreOptions many;
  many.max_devices = 10'000;
  store::SqliteStore::open(world.data().database(), many)->apply(batch, {});
  REQUIRE(world.run({"list-devices", "--json"}).json().size() == 1100);
  REQUIRE(world.run({"list-devices", "bob", "--json"}).json().size() == 550);
}

TEST_CASE("forget-device takes the first digits where they name one device") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  log_in(world, "alice", device_id("abcd"));
  log_in(world, "alice", device_id("ab12"));
  log_in(world, "bob", device_id("77"));

  const auto needs_password = [&](std::size_t row) {
    return world.run({"list-devices", "--json"}).json().at(row)["needs_password"].get<bool>();
  };
  const Ran several = world.run({"forget-device", "alice", "ab"});
  REQUIRE(several.code == 2);
  REQUIRE_THAT(several.err, Contains("2 devices of alice begin with ab; give more digits"));
  const Ran none = world.run({"forget-device", "alice", "77"});
  REQUIRE(none.code == 3);
  REQUIRE_THAT(none.err, Contains("alice has no device 77; list-devices alice shows"));
  const Ran almost = world.run({"forget-device", "alice", "abdc"});
  REQUIRE(almost.code == 3);
  REQUIRE_THAT(almost.err, Contains("did you mean abcd?"));
  for (const std::string& bad : {std::string(), std::string("xy"), std::string("ab\x1b[2J"),
                                 std::string("-1"), to_string(device_id("abcd")) + "0"}) {
    CAPTURE(bad);
    const Ran ran = world.run({"forget-device", "alice", bad});
    REQUIRE(ran.code == 2);
    REQUIRE(ran.err.find('\x1b') == std::string::npos);
  }
  for (std::size_t row = 0; row < 3; ++row) REQUIRE_FALSE(needs_password(row));

  const Ran done = world.run({"forget-device", "ALICE", "ABC"});
  REQUIRE(done.code == 0);
  REQUIRE(done.out == "alice needs the password on device " + to_string(device_id("abcd")) +
                          "; its session is over\n");
  REQUIRE(needs_password(0));
  REQUIRE_FALSE(needs_password(1));
  REQUIRE_FALSE(needs_password(2));
  REQUIRE(world.run({"list-sessions", "--json"}).json().size() == 2);
  REQUIRE(world.run({"forget-device", "bob", to_string(device_id("77"))}).code == 0);
  REQUIRE(world.run({"forget-device", "nobody", "77"}).code == 3);
  REQUIRE(world.run({"forget-device", "bob"}).code == 2);
}

TEST_CASE("a running server is asked to forget a device, by its whole ID") {
  const AdminWorld world;
  world.init_with({"Alice"});
  log_in(world, "alice", device_id("abcd"));
  const FakeServer server(world, [](const std::string&) {
    return control::encode(control::Reply(control::Done{})) + "\n";
  });
  REQUIRE(world.run({"forget-device", "alice", "ab"}).code == 0);
  const auto lines = server.lines();
  REQUIRE(lines.size() == 1);
  const auto asked = std::get<control::ForgetDevice>(control::decode_command(lines[0]).value());
  REQUIRE(asked.name == "Alice");
  REQUIRE(asked.device == device_id("abcd"));
  REQUIRE(world.run({"list-devices", "--json"}).json().at(0)["needs_password"] == false);
}
