// Requests happen once: numbers, repeats over connections, and refusals that may be relied upon.
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using sealed::CloseReason;

namespace {

/// "post ack 7", "refused 8 post limit"
std::string describe(const SealedPeer::Message& message) {
  std::string out = std::string(name_of(message.opcode)) + " " + std::to_string(message.id);
  if (message.opcode != Opcode::kRefused) return out;
  const auto refusal = sealed::read_refusal(message.payload);
  return out + " " + std::string(name_of(refusal->request)) + " " + std::string(refusal->word);
}

/// Asks, and says what came back.
std::string ask(SealedWorld& w, SealedPeer& peer, Opcode opcode, const std::string& payload,
                std::uint64_t number) {
  std::size_t before = peer.received().size();
  if (!peer.send(opcode, payload, number)) return "no room";
  const auto is_answer = [&] {
    while (before < peer.received().size() && peer.received()[before].opcode == Opcode::kForward) {
      ++before;
    }
    return peer.closed().has_value() || before < peer.received().size();
  };
  if (!w.net.run_until(is_answer, 10s)) return "nothing";
  if (peer.closed()) return "closed " + std::to_string(static_cast<int>(*peer.closed()));
  return describe(peer.received()[before]);
}

std::string post(SealedWorld& w, SealedPeer& peer, std::uint64_t number,
                 const std::string& text = "hello") {
  return ask(w, peer, Opcode::kPost, text, number);
}

std::uint64_t posts_of(SealedWorld& w) { return w.store.open_reader()->counts()->last_post; }

const std::string kClosedProtocolError = "closed 3";
const std::string kClosedBusy = "closed 7";

}  // namespace

TEST_CASE("once: every reply repeats the number, and so does every refusal", "[once]") {
  auto config = SealedWorld::lenient();
  SealedWorld w(1, {}, config);
  w.account("bob");
  auto ann = w.online("ann");
  CHECK(post(w, *ann, 5) == "post ack 5");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "bob", 6) == "subscribe ok 6");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "nobody", 7) == "subscribe failed 7");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "no id", 8) == "subscribe failed 8");
  CHECK(ask(w, *ann, Opcode::kUnsubscribe, "bob", 9) == "unsubscribe ok 9");
  CHECK(ask(w, *ann, Opcode::kUnsubscribe, "bob", 10) == "unsubscribe failed 10");
  CHECK(post(w, *ann, 11, "two\nlines") == "refused 11 post invalid");
  CHECK(post(w, *ann, 12, "") == "refused 12 post invalid");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "", 13) == "refused 13 subscribe invalid");
  w.store.fail_next_commit(control::Refusal::kDiskFull);
  CHECK(ask(w, *ann, Opcode::kSubscribe, "bob", 14) == "refused 14 subscribe disk_full");
  w.store.fail_next_commit(control::Refusal::kDiskFull);
  CHECK(post(w, *ann, 15) == "refused 15 post disk_full");
  CHECK(ask(w, *ann, Opcode::kRetrieve, "0", 3) == "end of retrieve 0");  // that is no number
}

TEST_CASE("once: without a number it is done as often as it is asked", "[once]") {
  SealedWorld w(2, {});
  auto ann = w.online("ann");
  for (int i = 0; i < 3; ++i) CHECK(post(w, *ann, 0) == "post ack 0");
  CHECK(post(w, *ann, 1) == "post ack 1");
  CHECK(post(w, *ann, 0) == "post ack 0");
  CHECK(posts_of(w) == 5);
}

TEST_CASE("once: a number that does not rise breaks the protocol", "[once]") {
  SealedWorld w(3, {});
  auto ann = w.online("ann");
  REQUIRE(post(w, *ann, 4) == "post ack 4");
  REQUIRE(ask(w, *ann, Opcode::kSubscribe, "ann", 6) == "subscribe ok 6");
  SECTION("the same") { CHECK(post(w, *ann, 6) == kClosedProtocolError); }
  SECTION("a lower one") { CHECK(post(w, *ann, 5) == kClosedProtocolError); }
  SECTION("the same before its answer") {
    w.host.hold_commits(true);
    ann->send(Opcode::kPost, "one", 7);
    CHECK(post(w, *ann, 7, "one") == kClosedProtocolError);
    w.host.hold_commits(false);
    w.net.run_for(1s);
    CHECK(posts_of(w) == 2);
    return;
  }
  CHECK(posts_of(w) == 1);
  CHECK(w.sessions().empty());
}

TEST_CASE("once: what is asked again on another connection is answered, not done", "[once]") {
  SealedWorld w(4, {});
  w.account("bob");
  auto ann = w.online("ann");
  CHECK(ann->login_ok()->done == 0);
  REQUIRE(ask(w, *ann, Opcode::kSubscribe, "bob", 1) == "subscribe ok 1");
  REQUIRE(ask(w, *ann, Opcode::kUnsubscribe, "bob", 2) == "unsubscribe ok 2");
  REQUIRE(ask(w, *ann, Opcode::kUnsubscribe, "bob", 3) == "unsubscribe failed 3");
  REQUIRE(ask(w, *ann, Opcode::kSubscribe, "no id", 4) == "subscribe failed 4");
  REQUIRE(post(w, *ann, 5) == "post ack 5");
  REQUIRE(post(w, *ann, 9) == "post ack 9");
  const bool restarted = GENERATE(false, true);
  if (restarted) w.host.restart();
  REQUIRE(ann->connect());
  REQUIRE(ann->resume("ann"));
  CHECK(ann->login_ok()->done == 9);
  CHECK(ask(w, *ann, Opcode::kSubscribe, "bob", 1) == "subscribe ok 1");
  CHECK(ask(w, *ann, Opcode::kUnsubscribe, "bob", 2) == "unsubscribe ok 2");
  CHECK(ask(w, *ann, Opcode::kUnsubscribe, "bob", 3) == "unsubscribe failed 3");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "no id", 4) == "subscribe failed 4");
  CHECK(post(w, *ann, 5) == "post ack 5");
  CHECK(post(w, *ann, 6) == "refused 6 post refused");
  CHECK(ask(w, *ann, Opcode::kSubscribe, "bob", 7) == "refused 7 subscribe refused");
  CHECK(ask(w, *ann, Opcode::kUnsubscribe, "bob", 8) == "refused 8 unsubscribe refused");
  CHECK(post(w, *ann, 9) == "post ack 9");
  CHECK(post(w, *ann, 10) == "post ack 10");
  CHECK(posts_of(w) == 3);
  CHECK(w.host.counters().requests_repeated == 9);
  CHECK(w.store.open_reader()->followees((*w.store.open_reader()->account("ann"))->id)->empty());
}

TEST_CASE("once: what is long ago is forgotten, and said to be", "[once]") {
  SealedWorld w(5, {});
  auto ann = w.online("ann");
  for (std::uint64_t number = 1; number <= 70; ++number) {
    REQUIRE(post(w, *ann, number) == "post ack " + std::to_string(number));
  }
  REQUIRE(ann->connect());
  REQUIRE(ann->resume("ann"));
  CHECK(post(w, *ann, 6) == "refused 6 post forgotten");
  CHECK(post(w, *ann, 7) == "post ack 7");
  CHECK(posts_of(w) == 70);
}

TEST_CASE("once: a repeat is not judged by what only this hub knows", "[once]") {
  auto config = SealedWorld::lenient();
  config.posts_per_second = 2;
  config.max_pending_writes = 3;
  SealedWorld w(6, {}, config);
  auto ann = w.online("ann");
  for (std::uint64_t number = 1; number <= 8; ++number) {
    REQUIRE(post(w, *ann, number) == "post ack " + std::to_string(number));
    w.net.run_for(1s);
  }
  REQUIRE(ann->connect());
  REQUIRE(ann->resume("ann"));
  SECTION("not by its rate, nor its text") {
    for (std::uint64_t number = 1; number <= 6; ++number) {
      CHECK(post(w, *ann, number) == "post ack " + std::to_string(number));
    }
    CHECK(post(w, *ann, 7, "two\nlines") == "post ack 7");
    CHECK(post(w, *ann, 8, "") == "post ack 8");
  }
  SECTION("where the store's inbox is full, the connection is closed") {
    auto other = w.online("bob");
    w.host.hold_commits(true);
    for (int i = 0; i < 3; ++i) other->send(Opcode::kPost, "in the way");
    w.net.run_for(100ms);
    SECTION("to a repeat") { CHECK(post(w, *ann, 3) == kClosedBusy); }
    SECTION("not to what is new") { CHECK(post(w, *ann, 9) == "refused 9 post busy"); }
    SECTION("not to what has no number") { CHECK(post(w, *ann, 0) == "refused 0 post busy"); }
    w.host.hold_commits(false);
  }
  SECTION("where the disk is full, it is answered all the same") {
    w.store.fail_next_commit(control::Refusal::kDiskFull);
    CHECK(post(w, *ann, 3) == "post ack 3");
  }
  SECTION("where the store cannot look it up, the connection is closed") {
    w.store.fail_next_commit(control::Refusal::kBusy);
    CHECK(post(w, *ann, 3) == kClosedBusy);
    REQUIRE(ann->connect());
    REQUIRE(ann->resume("ann"));
    CHECK(post(w, *ann, 3) == "post ack 3");
  }
}

TEST_CASE("once: what was in the batch that broke the store may be there: nobody is told it is not",
          "[once][p3]") {
  SealedWorld w(7, {});
  auto ann = w.online("ann");
  auto bob = w.online("bob");
  auto cid = w.online("cid");
  w.store.fail_next_commit(control::Refusal::kStoreFailed);
  w.host.delays().commit = 5ms;
  ann->send(Opcode::kPost, "unsure", 1);
  bob->send(Opcode::kPost, "no number");
  w.net.run_for(100ms);
  CHECK(ann->closed() == CloseReason::kBusy);
  CHECK(describe(bob->received().back()) == "refused 0 post store_failed");
  // What comes after it was certainly not done.
  CHECK(post(w, *cid, 1) == "refused 1 post store_failed");
  CHECK(cid->is_online());
}

TEST_CASE("once: a logout that the store refuses was not done, here and there", "[once]") {
  SealedWorld w(11, {});
  auto ann = w.online("ann");
  w.store.fail_next_commit(control::Refusal::kBusy);  // somebody has the database locked
  CHECK(ask(w, *ann, Opcode::kLogout, "", 0) == "refused 0 logout busy");
  CHECK(post(w, *ann, 1) == "post ack 1");

  // Until the store has decided, nothing may depend on it.
  w.host.hold_commits(true);
  ann->send(Opcode::kLogout);
  CHECK(post(w, *ann, 2) == "refused 2 post busy");
  CHECK(w.store.open_reader()->counts()->sessions == 1);
  w.host.hold_commits(false);
  REQUIRE(ann->gets(Opcode::kLogoutAck));
  CHECK(w.store.open_reader()->counts()->sessions == 0);
  CHECK(ask(w, *ann, Opcode::kPost, "late", 3) == "must login first 0");
}

TEST_CASE("once: of a logout that met a failing disk nobody is told that it was not done",
          "[once][p3]") {
  SealedWorld w(12, {});
  auto ann = w.online("ann");
  w.store.fail_next_commit(control::Refusal::kStoreFailed);
  CHECK(ask(w, *ann, Opcode::kLogout, "", 0) == kClosedBusy);
}

TEST_CASE("once: what an old connection brings late is covered by the new one's beginning",
          "[once][p4]") {
  auto config = SealedWorld::lenient();
  SealedWorld w(8, {}, config);
  w.net.faults().delay = 5ms;
  auto ann = w.online("ann");
  w.net.run_for(1s);
  // A post that is on its way for long, while ann makes another connection.
  std::vector<std::vector<std::uint8_t>> late;
  ann->on_send = [&](Bytes bytes) {
    late.emplace_back(bytes.begin(), bytes.end());
    return false;
  };
  ann->send(Opcode::kPost, "once", 1);
  w.net.run_for(10ms);
  REQUIRE_FALSE(late.empty());
  auto again = w.new_peer();
  again->device = ann->device;
  REQUIRE(again->connect());
  w.host.delays().commit = 100ms;
  again->send(Opcode::kResume, again->resume_payload("ann"));
  w.net.run_for(50ms);  // the new session is being recorded
  for (const auto& bytes : late) w.net.send(ann->endpoint(), w.host.endpoint(), bytes);
  REQUIRE(again->gets(Opcode::kLoginOk));
  w.host.delays().commit = 0ms;
  w.net.run_for(1s);
  // She asks again, at a time at which the hub would refuse what is new.
  w.store.fail_next_commit(control::Refusal::kDiskFull);
  const std::string answer = post(w, *again, 1, "once");
  std::size_t there = 0;
  const auto account = (*w.store.open_reader()->account("ann"))->id;
  w.follow_beside("ann", "ann");
  const auto posts = *w.store.open_reader()->retrieve(account, 10, 0);
  for (const store::Post& each : posts) {
    there += each.text == "once" ? 1 : 0;
  }
  CHECK(there == (answer == "post ack 1" ? 1u : 0u));
}

TEST_CASE("once: a post ack comes before any forward of that post, numbered too", "[once]") {
  SealedWorld w(9, {});
  auto ann = w.online("ann");
  REQUIRE(ask(w, *ann, Opcode::kSubscribe, "ann", 1) == "subscribe ok 1");
  for (std::uint64_t number = 2; number < 30; ++number) ann->send(Opcode::kPost, "x", number);
  REQUIRE(ann->gets(Opcode::kForward, 28));
  std::size_t acks = 0;
  std::size_t forwards = 0;
  std::uint64_t last = 1;
  for (const auto& message : ann->received()) {
    if (message.opcode == Opcode::kPostAck) {
      ++acks;
      CHECK(message.id == ++last);
    }
    if (message.opcode == Opcode::kForward) CHECK(++forwards <= acks);
  }
}
