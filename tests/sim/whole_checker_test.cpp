// The checker of whole-world simulations must find each kind of mistake in a history made by hand,
// and nothing in the same history without the mistake. (What clients are shown:
// whole_feed_test.cpp.)
#include "tests/sim/whole_checker.hpp"

#include <catch2/catch.hpp>

#include "tests/sim/whole_story.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using What = Sight::What;

TEST_CASE("checker: where nothing is wrong it finds nothing") {
  TwoPeople w;
  w.say("one");
  w.say("two");
  REQUIRE(w.checks().empty());
}

TEST_CASE("checker: what becomes of posts") {
  TwoPeople w;
  w.say("one");
  SECTION("acknowledged and not there") {
    w.type(0, "post#two");
    w.answer(0, "post_ack#successful", "post#two");
    CHECK(w.checks() == Checks{"kept"});
  }
  SECTION("there twice") {
    w.post("ann", "one");
    CHECK(w.checks().contains("once"));
  }
  SECTION("refused and there") {
    w.type(0, "post#two");
    w.post("ann", "two");
    w.show(1, "<ann>two");
    SECTION("for certain") { w.answer(0, "error#busy", "post#two"); }
    SECTION("nobody knows") {
      w.answer(0, "error#store_failed", "post#two");
      CHECK(w.checks().empty());
      return;
    }
    CHECK(w.checks() == Checks{"refused"});
  }
  SECTION("in another order than typed") {
    w.type(0, "post#two");
    w.type(0, "post#three");
    w.post("ann", "three");
    w.post("ann", "two");
    w.show(1, "<ann>three");
    w.show(1, "<ann>two");
    CHECK(w.checks() == Checks{"order"});
  }
  SECTION("by somebody who is disabled") {
    w.commit(Commit::What::kDisable, "ann");
    w.type(0, "post#two");
    w.post("ann", "two");
    w.show(1, "<ann>two");
    CHECK(w.checks() == Checks{"silence"});
  }
  SECTION("a damaged database") {
    w.history.damage.emplace_back("a page is missing");
    CHECK(w.checks() == Checks{"sound"});
  }
}

TEST_CASE("checker: follows and their acks") {
  TwoPeople w;
  SECTION("an ack without a follow") {
    w.type(0, "subscribe#bob");
    w.answer(0, "subscribe_ack#successful", "subscribe#bob");
    CHECK(w.checks() == Checks{"follows"});
  }
  SECTION("an ack without an unfollow") {
    w.type(1, "unsubscribe#ann");
    w.answer(1, "unsubscribe_ack#successful", "unsubscribe#ann");
    CHECK(w.checks() == Checks{"follows"});
  }
  SECTION("failed, and done all the same") {
    w.type(1, "unsubscribe#ann");
    w.unfollow("bob", "ann");
    w.answer(1, "unsubscribe_ack#failed", "unsubscribe#ann");
    CHECK(w.checks() == Checks{"follows"});
  }
  SECTION("failed, although it is followed") {
    w.type(1, "unsubscribe#ann");
    w.answer(1, "unsubscribe_ack#failed", "unsubscribe#ann");
    CHECK(w.checks() == Checks{"follows"});
  }
  SECTION("of two equal lines, of which the second was answered first") {
    const std::string line = "unsubscribe#ann";
    w.type(1, line);
    const auto first = w.typed_at(1, line);
    w.unfollow("bob", "ann");
    w.type(1, line);
    w.answer(1, "error#not_saved", line);
    SECTION("done between the first and its ack") {
      w.answer(1, "unsubscribe_ack#successful", line, first);
      CHECK(w.checks().empty());
    }
    SECTION("but not between the second and its ack") {
      w.answer(1, "unsubscribe_ack#successful", line);
      CHECK(w.checks() == Checks{"follows"});
    }
  }
  SECTION("shown after the unfollow's ack") {
    w.type(0, "post#one");
    w.post("ann", "one");
    w.type(1, "unsubscribe#ann");
    w.unfollow("bob", "ann");
    w.answer(1, "unsubscribe_ack#successful", "unsubscribe#ann");
    CHECK(w.checks().empty());
    w.show(1, "<ann>one");
    CHECK(w.checks() == Checks{"not due"});
  }
}

TEST_CASE("checker: a device that forgot what it had sent") {
  TwoPeople w;
  SECTION("by a loss of power") {
    w.crash(What::kPowerCut, 0);
    w.see(What::kNoted, 0, "... the hub has forgotten it: it is a new device now");
    CHECK(w.checks() == Checks{"forgetful"});
  }
  SECTION("whose files are older ones") {
    w.crash(What::kRewound, 0);
    w.see(What::kNoted, 0, "... the hub has forgotten it: it is a new device now");
    CHECK(w.checks().empty());
  }
  SECTION("that an administrator forgot") {
    w.see(What::kOrdered, -1, "forget-device ann");
    w.see(What::kNoted, 0, "... the hub has forgotten it: it is a new device now");
    CHECK(w.checks().empty());
  }
}

TEST_CASE("checker: the last retrieve") {
  TwoPeople w;
  w.say("one");
  w.say("two");
  w.type(1, "retrieve#50");
  w.see(What::kRetrieved, 1, "<ann>two", "retrieve#50");
  SECTION("brings all") {
    w.see(What::kRetrieved, 1, "<ann>one", "retrieve#50");
    CHECK(w.checks().empty());
  }
  SECTION("lacks one") { CHECK(w.checks() == Checks{"past"}); }
}

TEST_CASE("checker: everybody is back within five seconds of the hub") {
  TwoPeople w;
  w.see(What::kHubDown);
  w.see(What::kOffline, 0);
  w.see(What::kOffline, 1);
  const auto back = [&](int client, Duration after) {
    w.history.sights.push_back({w.now + after, What::kOnline, client, {}, {}, false});
  };
  w.see(What::kHubUp);
  back(0, 1s);
  SECTION("in time") {
    back(1, 4900ms);
    w.now += 10s;
    w.see(What::kFair);
    CHECK(w.checks().empty());
  }
  SECTION("late") {
    back(1, 5100ms);
    CHECK(w.checks() == Checks{"back"});
  }
  SECTION("late, but its network was cut") {
    w.see(What::kDisturbed, 1);
    back(1, 5100ms);
    CHECK(w.checks().empty());
  }
  SECTION("not at rest in the end") {
    w.history.stuck.push_back({1, "client 1 waits"});
    CHECK(w.checks() == Checks{"rest"});
  }
}

TEST_CASE("checker: a restore begins the history anew") {
  TwoPeople w;
  w.say("one");
  const auto backup = w.history.commits;
  w.say("two");
  w.history.undone.push_back(w.history.commits);
  w.history.commits = backup;
  w.see(What::kHubDown);
  w.see(What::kRestored);
  w.see(What::kHubUp);
  for (const int client : {0, 1}) w.see(What::kOnline, client);
  w.say("three");
  CHECK(w.checks().empty());
  SECTION("what was undone is not shown") {
    w.show(1, "<ann>two");
    CHECK(w.checks() == Checks{"invented"});
  }
  SECTION("what was undone may be refused") {
    w.answer(0, "error#disk_full", "post#two");
    CHECK(w.checks().empty());
  }
  SECTION("what is in the new one may not") {
    w.answer(0, "error#disk_full", "post#three");
    CHECK(w.checks() == Checks{"refused"});
  }
  SECTION("what came after it is") {
    w.type(0, "post#four");
    w.post("ann", "four");
    CHECK(w.checks() == Checks{"gap"});
  }
}
