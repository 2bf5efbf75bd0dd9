// What a session may ask and what comes back.
#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using O = Opcode;
using Opcodes = std::vector<Opcode>;

TEST_CASE("a right password logs in with a token of its own, a wrong one does not") {
  World w;
  w.account("ann");
  Peer& ann = w.peer();
  w.login(ann, "ann", "wrong");
  auto seen = ann.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].opcode == O::kLoginFailed);
  CHECK(seen[0].token == 0);
  w.login(ann, "ann", "ann_pw");
  seen = ann.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].opcode == O::kLoginOk);
  CHECK(seen[0].token != 0);
}

TEST_CASE("login knows the account in any case and refuses what is no login") {
  World w;
  w.account("Ann");
  Peer& ann = w.peer();
  w.login(ann, "aNN", "Ann_pw");
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
  for (const char* bad : {"ann", "&x", "ann&", "a b&x", "nobody&Ann_pw", "Ann&ann_pw"}) {
    CAPTURE(bad);
    ann.send_as(0, O::kLogin, bad);
    CHECK(ann.take_opcodes() == Opcodes{O::kLoginFailed});
  }
}

TEST_CASE("a password may contain ampersands") {
  World w;
  w.host.add_user("amp", "a&b&");
  Peer& amp = w.peer();
  w.login(amp, "amp", "a&b&");
  CHECK(amp.take_opcodes() == Opcodes{O::kLoginOk});
}

TEST_CASE("requests before login get must-login-first, with the asker's token") {
  World w;
  Peer& ann = w.peer();
  for (const O opcode : {O::kPost, O::kSubscribe, O::kUnsubscribe, O::kRetrieve, O::kLogout,
                         O::kForwardAck, O::kSpuriousClient}) {
    ann.send_as(0x01020304, opcode, "bob");
    const auto seen = ann.take();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].opcode == O::kMustLoginFirst);
    CHECK(seen[0].token == 0x01020304);
  }
}

TEST_CASE("a post reaches those who follow, once, and nobody else") {
  World w;
  Peer& alice = w.online("alice");
  Peer& bob = w.online("bob");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.follow(carol, "alice");  // twice succeeds and delivers once
  alice.send(O::kPost, "hello");
  CHECK(alice.take_opcodes() == Opcodes{O::kPostAck});
  const auto seen = carol.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].opcode == O::kForward);
  CHECK(seen[0].text == "<alice>hello");
  CHECK(seen[0].id == 1);
  CHECK(seen[0].token == carol.token);
  CHECK(bob.take().empty());
}

TEST_CASE("after unsubscribe nothing more comes, and it fails where there is nothing to end") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  carol.send(O::kUnsubscribe, "ALICE");
  CHECK(carol.take_opcodes() == Opcodes{O::kUnsubscribeOk});
  w.post(alice, "unseen");
  CHECK(carol.take().empty());
  carol.send(O::kUnsubscribe, "alice");
  CHECK(carol.take_opcodes() == Opcodes{O::kUnsubscribeFailed});
  carol.send(O::kUnsubscribe, "nobody");
  CHECK(carol.take_opcodes() == Opcodes{O::kUnsubscribeFailed});
}

TEST_CASE("subscribing to nobody fails") {
  World w;
  Peer& carol = w.online("carol");
  for (const char* target :
       {"nobody", "a&b", "a b", "#", "\x01", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
    CAPTURE(target);
    carol.send(O::kSubscribe, target);
    CHECK(carol.take_opcodes() == Opcodes{O::kSubscribeFailed});
  }
}

TEST_CASE("one may follow oneself, and the ack comes before the forward") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  ann.send(O::kPost, "to myself");
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck, O::kForward});
}

TEST_CASE("a post ack waits for the commit, and so do the forwards") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.host.hold_commits(true);
  alice.send(O::kPost, "not yet");
  CHECK(alice.take().empty());
  CHECK(carol.take().empty());
  w.host.hold_commits(false);
  CHECK(alice.take_opcodes() == Opcodes{O::kPostAck});
  CHECK(carol.take_opcodes() == Opcodes{O::kForward});
}

TEST_CASE("a post that the disk refused is neither acknowledged nor forwarded") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.store.fail_next_commit(control::Refusal::kDiskFull);
  alice.send(O::kPost, "lost");
  CHECK(alice.take().empty());
  CHECK(carol.take().empty());
  CHECK(w.host.counters().drop_store_failed == 1);
  alice.send(O::kPost, "kept");  // there is room again
  CHECK(alice.take_opcodes() == Opcodes{O::kPostAck});
  CHECK(carol.take().at(0).text == "<alice>kept");
}

TEST_CASE("texts that a terminal must not see are dropped and counted") {
  World w;
  Peer& ann = w.online("ann");
  for (const std::string& bad :
       {std::string("\x1B[2J"), std::string("\xFF"), std::string("a\tb"), std::string(1001, 'x')}) {
    ann.send(O::kPost, bad);
    CHECK(ann.take().empty());
  }
  CHECK(w.host.counters().drop_bad_text == 4);
  ann.send(O::kPost, std::string(1000, 'x'));
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck});
}

TEST_CASE("requests that need a payload and have none are dropped and counted") {
  World w;
  Peer& ann = w.online("ann");
  for (const O opcode : {O::kPost, O::kSubscribe, O::kUnsubscribe, O::kLogin}) ann.send(opcode);
  CHECK(ann.take().empty());
  CHECK(w.host.counters().drop_empty_payload == 4);
}

TEST_CASE("retrieve brings the newest of those followed, newest first, and one end") {
  World w;
  Peer& alice = w.online("alice");
  Peer& bob = w.online("bob");
  Peer& carol = w.online("carol");
  for (int i = 1; i <= 3; ++i) {
    w.post(alice, "a" + std::to_string(i));
    w.post(bob, "b" + std::to_string(i));
  }
  w.post(carol, "my own");
  w.follow(carol, "alice");  // posts from before the follow count
  w.follow(carol, "bob");
  carol.take();
  carol.send(O::kRetrieve, "1");
  auto seen = carol.take();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].opcode == O::kRetrieveAck);
  CHECK(seen[0].text == "<bob>b3");
  CHECK(seen[0].id == 6);
  CHECK(seen[1].opcode == O::kRetrieveEnd);
  carol.send(O::kRetrieve, "20");
  seen = carol.take();
  REQUIRE(seen.size() == 7);
  std::vector<std::string> texts;
  for (const auto& each : seen) texts.push_back(each.text);
  CHECK(texts == std::vector<std::string>{"<bob>b3", "<alice>a3", "<bob>b2", "<alice>a2", "<bob>b1",
                                          "<alice>a1", ""});
}

TEST_CASE("retrieve of nothing is just the end") {
  World w;
  Peer& ann = w.online("ann");
  for (const char* n : {"5", "0", "-1", "nonsense"}) {
    ann.send(O::kRetrieve, n);
    CHECK(ann.take_opcodes() == Opcodes{O::kRetrieveEnd});
  }
  ann.send(O::kRetrieve);
  CHECK(ann.take_opcodes() == Opcodes{O::kRetrieveEnd});
}

TEST_CASE("after logout nothing is received and nothing is served") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  carol.send(O::kLogout);
  CHECK(carol.take_opcodes() == Opcodes{O::kLogoutAck});
  w.post(alice, "unseen");
  CHECK(carol.take().empty());
  carol.send(O::kPost, "me too");
  CHECK(carol.take_opcodes() == Opcodes{O::kMustLoginFirst});
  CHECK(w.sessions().size() == 1);
}

TEST_CASE("a logout is acknowledged once a restart could not bring the session back") {
  World w;
  Peer& ann = w.online("ann");
  w.host.hold_commits(true);
  ann.send(O::kLogout);
  CHECK(ann.take().empty());
  w.host.hold_commits(false);
  CHECK(ann.take_opcodes() == Opcodes{O::kLogoutAck});
  w.host.restart();
  ann.send(O::kPost, "x");
  CHECK(ann.take_opcodes() == Opcodes{O::kMustLoginFirst});
}

TEST_CASE("a logout that the store refuses leaves the session as it was") {
  World w;
  Peer& ann = w.online("ann");
  w.store.fail_next_commit(control::Refusal::kBusy);  // somebody has the database locked
  ann.send(O::kLogout);
  CHECK(ann.take().empty());  // this framing has no word for it
  CHECK(w.sessions().size() == 1);
  ann.send(O::kPost, "still here");
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck});
  ann.send(O::kLogout);
  CHECK(ann.take_opcodes() == Opcodes{O::kLogoutAck});
  CHECK(w.sessions().empty());
}

TEST_CASE("a session posts no faster than its cap, and other sessions do not pay for it") {
  auto config = World::lenient();
  config.posts_per_second = 10;
  World w(config);
  Peer& ann = w.online("ann");
  Peer& bob = w.online("bob");
  for (int i = 0; i < 50; ++i) ann.send(O::kPost, "x");
  CHECK(ann.take().size() == 20);
  CHECK(w.host.counters().drop_post_rate == 30);
  bob.send(O::kPost, "y");
  CHECK(bob.take().size() == 1);
  w.run_for(1s);
  for (int i = 0; i < 50; ++i) ann.send(O::kPost, "x");
  CHECK(ann.take().size() == 10);
}
