// Who posts faster than a session may: nothing is refused, and nobody else pays for it.
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

server::HubConfig slow() {
  server::HubConfig config = SealedWorld::lenient();
  config.posts_per_second = 10;
  return config;
}

}  // namespace

TEST_CASE("pace: a session posts no faster than it may, and none of its posts is refused") {
  SealedWorld w(1, {}, slow());
  auto ann = w.online("ann");
  auto bob = w.online("bob");
  for (int i = 0; i < 200; ++i) REQUIRE(ann->send(Opcode::kPost, std::to_string(i)));
  REQUIRE(ann->send(Opcode::kRetrieve, "0"));
  w.net.run_for(500ms);
  CHECK(ann->count(Opcode::kPostAck) >= 20);  // twice its rate at once
  CHECK(ann->count(Opcode::kPostAck) <= 25);
  REQUIRE(bob->send(Opcode::kPost, "not mine to wait"));
  REQUIRE(bob->gets(Opcode::kPostAck, 1, 100ms));
  w.net.run_for(5s);
  CHECK(ann->count(Opcode::kPostAck) >= 70);
  CHECK(ann->count(Opcode::kPostAck) <= 75);
  CHECK(ann->count(Opcode::kRetrieveEnd) == 0);  // in its turn
  REQUIRE(ann->gets(Opcode::kPostAck, 200));
  REQUIRE(ann->gets(Opcode::kRetrieveEnd));
  CHECK(ann->count(Opcode::kRefused) == 0);
  CHECK(w.host.counters().posts_committed == 201);
  CHECK(w.host.counters().sessions_paced > 0);
  w.net.run_for(5s);
  REQUIRE(ann->send(Opcode::kPost, "rested"));
  REQUIRE(ann->gets(Opcode::kPostAck, 201, 100ms));
}

TEST_CASE("pace: what waits to be read is bounded by the session's window") {
  SealedWorld w(2, {}, slow());
  auto ann = w.online("ann");
  std::size_t sent = 0;
  for (int i = 0; i < 60; ++i) {
    while (ann->send(Opcode::kPost, std::string(1000, 'x'))) ++sent;
    w.net.run_for(100ms);
  }
  CHECK(ann->is_connected());
  // 20 at once and 10 a second were read; the talk window holds another 31, and the client the
  // rest.
  CHECK(w.host.counters().posts_committed <= 20 + 60 + 1);
  CHECK(sent > 100);
  REQUIRE(ann->gets(Opcode::kPostAck, sent, 5min));
  CHECK(w.host.counters().posts_committed == sent);
}

TEST_CASE("pace: a session that waits is ended, moves and comes back as any other") {
  SealedWorld w(3, {}, slow());
  auto ann = w.online("ann");
  for (std::uint64_t i = 1; i <= 60; ++i) {
    REQUIRE(ann->send(Opcode::kPost, std::to_string(i), i));
  }
  w.net.run_for(1s);
  SECTION("ended: what it had asked is not done") {
    w.host.ask(control::DisableUser{"ann"});
    w.net.run_for(10s);
    CHECK(w.host.counters().posts_committed <= 32);
    CHECK(w.sessions().empty());
  }
  SECTION("back on another connection: what was not read is not done there") {
    REQUIRE(ann->connect());
    REQUIRE(ann->resume("ann"));
    const std::uint64_t done = ann->login_ok()->done;
    CHECK(done >= 20);
    CHECK(done <= 32);
    w.net.run_for(10s);
    CHECK(w.host.counters().posts_committed == done);
    REQUIRE(ann->send(Opcode::kPost, std::to_string(done + 1), done + 1));
    CHECK(ann->gets(Opcode::kPostAck));
  }
}
