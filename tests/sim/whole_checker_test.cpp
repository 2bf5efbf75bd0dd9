// The checker of whole-world simulations must find each kind of mistake in a history made by hand,
// and nothing in the same history without the mistake.
#include "tests/sim/whole_checker.hpp"

#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using What = Sight::What;
using Checks = std::set<std::string>;

namespace {

/// A history told in order; every sentence is one second after the one before.
struct Story {
  History history;
  Duration now = 1s;
  std::uint64_t next_id = 1;

  explicit Story(std::vector<std::string> accounts) {
    history.account_of = std::move(accounts);
    history.devices = true;
    see(What::kHubUp);
    see(What::kFair);
    for (std::size_t i = 0; i < history.account_of.size(); ++i) {
      const int client = static_cast<int>(i);
      see(What::kUp, client);
      see(What::kTyped, client, "login#");
      answer(client, "login_ack#successful", "login#");
      see(What::kOnline, client);
    }
  }

  void see(What what, int client = -1, const std::string& text = {},
           const std::string& about = {}) {
    now += 1s;
    history.sights.push_back({now, what, client, text, about, false});
  }
  void type(int client, const std::string& line) { see(What::kTyped, client, line); }
  void answer(int client, const std::string& line, const std::string& about) {
    const bool good = line.find("successful") != std::string::npos;
    see(good ? What::kAck : What::kFailed, client, line, about);
  }
  void show(int client, const std::string& line) { see(What::kShown, client, line); }
  void commit(Commit::What what, const std::string& who, const std::string& whom = {},
              const std::string& text = {}) {
    now += 1s;
    history.commits.push_back({now, what, who, whom, text, next_id++});
  }
  void follow(const std::string& who, const std::string& whom) {
    commit(Commit::What::kFollow, who, whom);
  }
  void unfollow(const std::string& who, const std::string& whom) {
    commit(Commit::What::kUnfollow, who, whom);
  }
  void post(const std::string& who, const std::string& text) {
    commit(Commit::What::kPost, who, {}, text);
  }
  void crash(What how, int client) {
    see(how, client);
    see(What::kUp, client);
    see(What::kOnline, client);
  }

  Checks checks() const {
    Checks out;
    for (const Violation& violation : judge(history)) out.insert(violation.check);
    return out;
  }
};

/// ann is client 0, bob, who follows her, is client 1.
struct TwoPeople : Story {
  TwoPeople() : Story({"ann", "bob"}) { follow("bob", "ann"); }
  /// Typed, committed, acknowledged, shown.
  void say(const std::string& text) {
    type(0, "post#" + text);
    post("ann", text);
    answer(0, "post_ack#successful", "post#" + text);
    show(1, "<ann>" + text);
  }
};

}  // namespace

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

TEST_CASE("checker: who is disabled is shown nothing after two seconds") {
  TwoPeople w;
  w.commit(Commit::What::kDisable, "bob");
  w.type(0, "post#one");
  w.post("ann", "one");
  w.show(1, "<ann>one");
  CHECK(w.checks() == Checks{"ended"});
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
  SECTION("what came after it is") {
    w.type(0, "post#four");
    w.post("ann", "four");
    CHECK(w.checks() == Checks{"gap"});
  }
}
