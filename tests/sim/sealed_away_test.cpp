// A hub that is away, or only silent: what is asked meanwhile lasts, and who waits comes back.
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

std::size_t notes_with(const SealedClient& client, const std::string& text) {
  std::size_t count = 0;
  for (const std::string& note : client.notes()) count += note.find(text) != std::string::npos;
  return count;
}

std::size_t waiting_on(const ClientDisk& disk) {
  const auto outbox = client::Outbox::read(disk.files.outbox.value_or(""));
  REQUIRE(outbox);
  return outbox->waiting().size();
}

/// ann at a terminal and bob, who follows her.
struct World {
  explicit World(std::uint64_t seed, const SealedClientOptions& options) : w(seed, {"bob"}) {
    w.net.faults().delay = 5ms;
    w.account("ann");
    w.add_client("ann", options);
    REQUIRE(w.login("ann"));
    REQUIRE(w.login("bob"));
    REQUIRE(w.follow("bob", "ann"));
  }
  SealedClient& ann() { return w["ann"]; }
  void cut(bool is_cut) { w.net.cut(ann().endpoint(), is_cut); }

  SealedWorld w;
};

SealedClientOptions person() {
  SealedClientOptions options;
  options.queues = true;
  return options;
}

}  // namespace

TEST_CASE("away: what is typed while the hub is silent is on disk, and goes over the same way",
          "[away]") {
  World world(1, person());
  world.cut(true);
  world.ann().type("post#one");
  world.ann().type("post#two");
  world.w.net.run_for(5s);
  CHECK(notes_with(world.ann(), "queued: post#one") == 1);
  CHECK(notes_with(world.ann(), "queued: post#two") == 1);
  world.ann().type("post#three");
  CHECK(notes_with(world.ann(), "queued: post#three") == 1);
  CHECK(waiting_on(*world.ann().disk()) == 3);
  world.cut(false);
  for (const char* line : {"<ann>one", "<ann>two", "<ann>three"}) {
    CHECK(world.w.sees("bob", line, 1, 20s));
  }
  CHECK(world.w.sees("ann", "post_ack#successful", 3, 20s));
  CHECK(world.w.host.counters().logins_ok == 2);
  // It is no longer away: what is typed now is awaited, not queued.
  REQUIRE(world.w.post("ann", "four"));
  CHECK(notes_with(world.ann(), "queued: post#four") == 0);
  CHECK(world.w.sees("bob", "<ann>four", 1, 20s));
  CHECK(world.w["bob"].count("<ann>one") == 1);
}

TEST_CASE("away: what is asked after what is queued sees what that did", "[away]") {
  World world(1, person());
  REQUIRE(world.w.post("bob", "old"));
  world.cut(true);
  world.ann().type("subscribe#bob");
  world.ann().type("retrieve#5");
  world.w.net.run_for(5s);
  CHECK(notes_with(world.ann(), "queued: subscribe#bob") == 1);
  world.w.host.delays().commit = 100ms;
  world.cut(false);
  CHECK(world.w.sees("ann", "subscribe_ack#successful", 1, 20s));
  CHECK(world.w.sees("ann", "<bob>old", 1, 20s));
}

TEST_CASE("away: who leaves while the hub is silent leaves at once, and nothing typed is lost",
          "[away]") {
  World world(2, person());
  world.cut(true);
  world.ann().type("post#one");
  world.ann().type("post#two");
  SECTION("by Ctrl-C, before the silence was noticed") {
    world.w.net.run_for(1s);
    world.ann().stop();
  }
  SECTION("by Ctrl-C") {
    world.w.net.run_for(5s);
    world.ann().type("post#three");
    world.ann().stop();
  }
  SECTION("by quit#") {
    world.w.net.run_for(5s);
    world.ann().type("quit#");
  }
  SECTION("by quit# before the silence was noticed") {
    world.ann().type("quit#");
    world.w.net.run_for(5s);
  }
  SECTION("by Ctrl-D") {
    world.w.net.run_for(5s);
    world.ann().end_input();
  }
  REQUIRE(world.ann().exit_code());
  CHECK(world.ann().count("error#queued") == 1);
  CHECK(waiting_on(*world.ann().disk()) >= 2);
  SealedClientOptions again = person();
  again.disk = world.ann().disk();
  again.known = world.ann().known();
  world.w.add_client("again", again);
  REQUIRE(world.w.type("again", "login#ann"));
  CHECK(world.w.sees("bob", "<ann>one", 1, 20s));
  CHECK(world.w.sees("bob", "<ann>two", 1, 20s));
}

TEST_CASE("away: a script that has given up is back by itself when the hub is", "[away]") {
  SealedClientOptions script;
  script.patience = 15s;
  World world(3, script);
  REQUIRE(world.w.follow("ann", "bob"));
  world.cut(true);
  world.ann().type("post#kept");
  world.w.net.run_for(40s);
  CHECK(world.ann().count("error#queued") == 1);
  REQUIRE(world.w.post("bob", "meanwhile"));
  world.cut(false);
  CHECK(world.w.sees("ann", "<bob>meanwhile", 1, 30s));
  CHECK(world.w.sees("bob", "<ann>kept", 1, 30s));
}

TEST_CASE("away: a device that found no hub at its login is logged in when there is one",
          "[away]") {
  World world(4, {});
  SealedClientOptions script;
  script.patience = 15s;
  script.disk = world.ann().disk();
  script.known = world.ann().known();
  world.ann().stop();
  world.w.net.run_for(1s);
  SealedClient& again = world.w.add_client("again", script);
  world.w.net.cut(again.endpoint(), true);
  again.type("login#ann");
  world.w.net.run_for(60s);
  CHECK(again.count("error#no_reply") == 1);
  world.w.net.cut(again.endpoint(), false);
  REQUIRE(world.w.net.run_until([&] { return again.link().is_online(); }, 30s));
  REQUIRE(world.w.type("again", "post#hello"));
  CHECK(world.w.sees("bob", "<ann>hello", 1, 20s));
}

TEST_CASE("away: what was held is not sent before the disk says that it may be", "[away]") {
  World world(8, {});
  world.ann().stop();
  world.w.net.run_for(1s);
  SealedClientOptions options = person();
  options.disk = world.ann().disk();
  options.known = world.ann().known();
  SealedClient& again = world.w.add_client("again", options);
  world.w.net.cut(again.endpoint(), true);
  again.type("login#ann");
  world.w.net.run_for(10s);
  again.type("post#held");
  REQUIRE(notes_with(again, "queued: post#held") == 1);
  again.disk()->is_full = true;
  world.w.net.cut(again.endpoint(), false);
  REQUIRE(world.w.net.run_until([&] { return again.link().is_online(); }, 20s));
  world.w.net.run_for(20s);
  CHECK(world.w["bob"].count("<ann>held") == 0);
  again.disk()->is_full = false;
  CHECK(world.w.sees("bob", "<ann>held", 1, 60s));
  CHECK(again.count("post_ack#successful") == 1);
}

TEST_CASE("away: who posts one line and cannot log in is told that it was not sent", "[away]") {
  SealedWorld w(5, {"bob"});
  w.account("ann");
  SealedClientOptions once;
  once.needs_login = true;
  once.patience = 15s;
  SealedClient& ann = w.add_client("ann", once);
  SECTION("for the hub does not answer") {
    w.net.cut(ann.endpoint(), true);
    ann.type("login#ann&ann_pw");
  }
  SECTION("for the password is wrong") { ann.type("login#ann&wrong"); }
  SECTION("for there is none") { ann.type("login#ann"); }
  ann.type("post#hello");
  ann.end_input();
  REQUIRE(w.net.run_until([&] { return ann.exit_code().has_value(); }, 16s));
  CHECK(*ann.exit_code() != 0);
  CHECK(ann.count("error#not_sent") == 1);
  CHECK(ann.count("error#must_login_first") == 0);
}

TEST_CASE("away: what an earlier run asked in vain is no failure of this one", "[away]") {
  World world(6, person());
  world.cut(true);
  world.ann().type("subscribe#nobody");
  world.w.net.run_for(5s);
  world.ann().stop();
  SealedClientOptions once;
  once.needs_login = true;
  once.disk = world.ann().disk();
  once.known = world.ann().known();
  SealedClient& again = world.w.add_client("again", once);
  again.type("login#ann");
  again.type("post#mine");
  again.end_input();
  REQUIRE(world.w.net.run_until([&] { return again.exit_code().has_value(); }, 20s));
  CHECK(again.count("error#failed") == 1);
  CHECK(*again.exit_code() == 0);
}

TEST_CASE("away: a full hub is asked again by a device, until its patience ends", "[away]") {
  auto config = SealedWorld::lenient();
  config.max_sessions = 1;
  SealedWorld w(7, {}, config);
  w.account("ann");
  w.account("bob");
  SealedClient& first = w.add_client("first");
  REQUIRE(w.type("first", "login#ann&ann_pw"));
  SealedClientOptions once;
  once.needs_login = true;
  once.patience = 15s;
  once.disk = first.disk();
  once.known = first.known();
  first.stop();
  w.net.run_for(1s);
  auto bob = w.online("bob");
  SealedClient& ann = w.add_client("ann", once);
  ann.type("login#ann");
  ann.type("post#hello");
  ann.end_input();
  w.net.run_for(10s);
  CHECK_FALSE(ann.exit_code());
  SECTION("it has room again") {
    bob->send(Opcode::kLogout);
    REQUIRE(w.net.run_until([&] { return ann.exit_code().has_value(); }, 20s));
    CHECK(*ann.exit_code() == 0);
    CHECK(ann.count("post_ack#successful") == 1);
  }
  SECTION("it has not") {
    REQUIRE(w.net.run_until([&] { return ann.exit_code().has_value(); }, 20s));
    CHECK(*ann.exit_code() == client::kExitNoAnswer);
    CHECK(waiting_on(*ann.disk()) == 1);
  }
}
