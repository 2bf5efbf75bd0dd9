#include "tests/e2e/demonstrations.hpp"

#include <catch2/catch.hpp>

namespace hub::test {
namespace {

void play(int number) {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  for (const Demonstration& demonstration : demonstrations()) {
    if (demonstration.number != number) continue;
    Stage stage(demonstration.flags, framing);
    CHECK_NOTHROW(demonstration.play(stage));
    INFO(stage.hub.transcript().to_string());
    for (SpokeProcess* client : {&stage.alice, &stage.bob, &stage.carol}) {
      CHECK(client->process().errors().empty());
    }
    return;
  }
  FAIL("there is no demonstration " << number);
}

}  // namespace

TEST_CASE("demonstration 1: a login is needed, with the right password") { play(1); }
TEST_CASE("demonstration 2: logout ends what can be sent and received") { play(2); }
TEST_CASE("demonstration 3: those who subscribed see a post at once") { play(3); }
TEST_CASE("demonstration 4: unsubscribing, subscribing twice, and both done wrong") { play(4); }
TEST_CASE("demonstration 5: retrieving the newest posts of several authors") { play(5); }
TEST_CASE("demonstration 6: a client's spurious message makes the hub reset it") { play(6); }
TEST_CASE("demonstration 7: the hub's spurious message makes the client reset it") { play(7); }
TEST_CASE("demonstration 8: a session times out") { play(8); }
TEST_CASE("demonstration 9: the hub restarts, and sessions, follows and posts stay") { play(9); }
TEST_CASE("demonstration 10: users are added and disabled while the hub runs") { play(10); }

TEST_CASE("there are ten demonstrations, numbered in order") {
  int number = 0;
  for (const Demonstration& demonstration : demonstrations()) {
    CHECK(demonstration.number == ++number);
  }
  CHECK(number == 10);
}

}  // namespace hub::test
