// What clients are shown: the checker of whole-world simulations must find each kind of mistake in
// a history made by hand, and nothing in the same history without the mistake.
#include <catch2/catch.hpp>

#include "tests/sim/whole_checker.hpp"
#include "tests/sim/whole_story.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using What = Sight::What;

TEST_CASE("checker: what is shown") {
  TwoPeople w;
  w.say("one");
  SECTION("what is not there") {
    w.show(1, "<ann>ghost");
    CHECK(w.checks() == Checks{"invented"});
  }
  SECTION("under another name") {
    w.type(0, "post#two");
    w.post("ann", "two");
    w.show(1, "<bob>two");
    CHECK(w.checks() == Checks{"gap", "invented"});
  }
  SECTION("what is not due") {
    w.type(1, "post#mine");
    w.post("bob", "mine");
    w.show(0, "<bob>mine");
    CHECK(w.checks() == Checks{"not due"});
  }
  SECTION("twice") {
    w.show(1, "<ann>one");
    CHECK(w.checks() == Checks{"repeated"});
  }
  SECTION("out of order") {
    w.type(0, "post#two");
    w.type(0, "post#three");
    w.post("ann", "two");
    w.post("ann", "three");
    w.show(1, "<ann>three");
    w.show(1, "<ann>two");
    CHECK(w.checks() == Checks{"disorder"});
  }
  SECTION("not at all") {
    w.type(0, "post#two");
    w.post("ann", "two");
    CHECK(w.checks() == Checks{"gap"});
  }
}

TEST_CASE("checker: what may be shown again") {
  TwoPeople w;
  w.say("one");
  w.say("two");
  SECTION("the last one, after a kill") {
    w.crash(What::kKilled, 1);
    w.show(1, "<ann>two");
    CHECK(w.checks().empty());
    SECTION("but once only") {
      w.show(1, "<ann>two");
      CHECK(w.checks() == Checks{"repeated"});
    }
  }
  SECTION("not another one") {
    w.crash(What::kKilled, 1);
    w.show(1, "<ann>one");
    CHECK(w.checks() == Checks{"repeated"});
  }
  SECTION("not after a proper end") {
    w.crash(What::kLeft, 1);
    w.show(1, "<ann>two");
    CHECK(w.checks() == Checks{"repeated"});
  }
  SECTION("all since its mark was kept, where it was killed twice") {
    w.type(0, "post#three");
    w.post("ann", "three");
    w.crash(What::kKilled, 1);
    w.show(1, "<ann>two");
    w.show_at_once(1, "<ann>three");
    w.crash(What::kKilled, 1);
    w.show(1, "<ann>two");
    w.show(1, "<ann>three");
    CHECK(w.checks().empty());
    SECTION("but no more") {
      w.crash(What::kKilled, 1);
      w.show(1, "<ann>two");
      CHECK(w.checks() == Checks{"repeated"});
    }
  }
  SECTION("more after a power cut, in order") {
    w.crash(What::kPowerCut, 1);
    w.show(1, "<ann>one");
    w.show(1, "<ann>two");
    w.say("three");
    CHECK(w.checks().empty());
    SECTION("but once only") {
      w.show(1, "<ann>one");
      CHECK(w.checks() == Checks{"repeated"});
    }
  }
}

TEST_CASE("checker: a disk that was full before a restore is so after it") {
  TwoPeople w;
  const bool is_full = GENERATE(true, false);
  if (is_full) w.see(What::kFull, 1);
  w.history.undone.push_back(w.history.commits);
  w.see(What::kHubDown);
  w.see(What::kRestored);
  w.see(What::kHubUp);
  for (const int client : {0, 1}) w.see(What::kOnline, client);
  w.say("one");
  w.crash(What::kLeft, 1);
  w.show(1, "<ann>one");
  CHECK(w.checks() == (is_full ? Checks{} : Checks{"repeated"}));
}

TEST_CASE("checker: what comes after newer posts when its author is enabled again") {
  // bob follows both, and is client 1.
  Story w({"ann", "bob", "cid"});
  w.follow("bob", "ann");
  w.follow("bob", "cid");
  w.type(2, "post#early");
  w.post("cid", "early");
  SECTION("to a client that was killed before it kept its mark") {
    w.commit(Commit::What::kDisable, "cid");
    w.type(0, "post#new");
    w.post("ann", "new");
    w.show(1, "<ann>new");
    w.see(What::kKilled, 1);
    w.commit(Commit::What::kEnable, "cid");
    w.see(What::kUp, 1);
    w.see(What::kOnline, 1);
    w.show(1, "<cid>early");
    w.show(1, "<ann>new");
    CHECK(w.checks().empty());
    SECTION("but once only") {
      w.show(1, "<cid>early");
      CHECK(w.checks() == Checks{"repeated"});
    }
  }
  SECTION("but not what had been passed over for no reason") {
    w.type(0, "post#middle");
    w.post("ann", "middle");
    w.commit(Commit::What::kDisable, "cid");
    w.type(0, "post#new");
    w.post("ann", "new");
    w.show(1, "<ann>new");
    w.commit(Commit::What::kEnable, "cid");
    w.crash(What::kKilled, 1);
    w.show(1, "<cid>early");
    w.show(1, "<ann>middle");
    w.show(1, "<ann>new");
    CHECK(w.checks() == Checks{"disorder"});
  }
  SECTION("but not while its author is disabled") {
    w.commit(Commit::What::kDisable, "cid");
    w.type(0, "post#new");
    w.post("ann", "new");
    w.show(1, "<ann>new");
    w.crash(What::kKilled, 1);
    w.show(1, "<cid>early");
    CHECK(w.checks() == Checks{"disorder"});
  }
  SECTION("but not if its author was disabled later than that") {
    w.type(0, "post#new");
    w.post("ann", "new");
    w.show(1, "<ann>new");
    w.now += 1s;
    w.commit(Commit::What::kDisable, "cid");
    w.commit(Commit::What::kEnable, "cid");
    w.crash(What::kKilled, 1);
    w.show(1, "<cid>early");
    CHECK(w.checks() == Checks{"disorder"});
  }
  SECTION("but not to a client whose mark is newer") {
    w.commit(Commit::What::kDisable, "cid");
    w.type(0, "post#new");
    w.type(0, "post#newest");
    w.post("ann", "new");
    w.post("ann", "newest");
    w.show(1, "<ann>new");
    SECTION("since it was not killed") { w.show(1, "<ann>newest"); }
    SECTION("since it had gone on before it was killed") {
      w.show(1, "<ann>newest");
      w.crash(What::kKilled, 1);
    }
    w.commit(Commit::What::kEnable, "cid");
    w.show(1, "<cid>early");
    CHECK(w.checks() == Checks{"disorder"});
  }
}

TEST_CASE("checker: what need not be shown") {
  TwoPeople w;
  w.say("one");
  SECTION("what was unfollowed before anything newer was shown") {
    w.type(0, "post#two");
    w.post("ann", "two");
    w.unfollow("bob", "ann");
    CHECK(w.checks().empty());
  }
  SECTION("what was deleted") {
    w.type(0, "post#two");
    w.post("ann", "two");
    w.commit(Commit::What::kDeleted, "ann", {}, "two");
    w.say("three");
    CHECK(w.checks().empty());
  }
  SECTION("but what was passed over before that") {
    w.type(0, "post#two");
    w.post("ann", "two");
    w.say("three");
    w.commit(Commit::What::kDeleted, "ann", {}, "two");
    CHECK(w.checks() == Checks{"gap"});
  }
  SECTION("what came while the client was nobody") {
    w.see(What::kRewound, 1);
    w.type(0, "post#two");
    w.post("ann", "two");
    w.see(What::kUp, 1);
    w.see(What::kOnline, 1);
    w.say("three");
    CHECK(w.checks().empty());
  }
  SECTION("but what came while it was killed") {
    w.see(What::kKilled, 1);
    w.type(0, "post#two");
    w.post("ann", "two");
    w.see(What::kUp, 1);
    w.see(What::kOnline, 1);
    w.say("three");
    CHECK(w.checks() == Checks{"gap"});
  }
}

TEST_CASE("checker: who is disabled is shown nothing after two seconds") {
  TwoPeople w;
  w.commit(Commit::What::kDisable, "bob");
  w.type(0, "post#one");
  w.post("ann", "one");
  w.show(1, "<ann>one");
  CHECK(w.checks() == Checks{"ended"});
}

TEST_CASE("checker: what is taken back is not shown once the hub said so") {
  TwoPeople w;
  w.say("one");
  w.now += 30s;  // nothing happens
  w.type(0, "post#two");
  const auto id = w.next_id;
  w.post("ann", "two");
  const std::string how =
      GENERATE(as<std::string>{}, "delete-post", "disable ann", "delete-user ann");
  const bool is_deleted = how == "delete-post";
  w.commit(is_deleted ? Commit::What::kDeleted : Commit::What::kDisable, "ann", {},
           is_deleted ? "two" : "");
  w.see(What::kDone, -1, is_deleted ? how + " " + std::to_string(id) : how);
  const Duration done = w.now;
  const auto shown_after = [&](Duration span) {
    w.now = done + span - 1s;
    w.show(1, "<ann>two");
  };
  SECTION("under way") {
    shown_after(1900ms);
    CHECK(w.checks().empty());
  }
  SECTION("later") {
    shown_after(2100ms);
    CHECK(w.checks() == Checks{"taken back"});
  }
  SECTION("long under way, where the network does not work") {
    w.see(What::kFoul);
    shown_after(9s);
    CHECK(w.checks().empty());
  }
  SECTION("but not in a session that began later") {
    w.see(What::kFoul);
    w.now += 20s;
    w.crash(What::kLeft, 1);
    shown_after(25s);
    CHECK(w.checks() == Checks{"taken back"});
  }
  SECTION("unless its author is enabled again") {
    if (is_deleted) return;
    w.commit(Commit::What::kEnable, "ann");
    shown_after(9s);
    CHECK(w.checks().empty());
  }
}
