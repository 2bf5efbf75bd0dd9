// What is said inside a sealed connection: what is refused and in which words, what counts before a
// login, after a second one, and at the wrong time.
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using sealed::CloseReason;
using Lines = std::vector<std::string>;

namespace {

std::unique_ptr<SealedPeer> new_peer(SealedWorld& w, std::uint64_t seed = 1) {
  return std::make_unique<SealedPeer>(w.net, w.new_address(), w.host.endpoint(),
                                      w.host.public_key(), seed);
}

std::string last_refusal(const SealedPeer& peer) {
  for (auto it = peer.received().rbegin(); it != peer.received().rend(); ++it) {
    if (it->opcode != Opcode::kRefused) continue;
    const auto refusal = sealed::read_refusal(it->payload);
    return refusal ? std::string(name_of(refusal->request)) + " " + std::string(refusal->word) : "";
  }
  return {};
}

}  // namespace

TEST_CASE("sealed: what a session may not do is refused in words, and the session goes on") {
  auto config = SealedWorld::lenient();
  config.posts_per_second = 2;
  config.max_pending_writes = 1;
  SealedWorld w(5, {"ann", "bob"}, config);
  auto peer = new_peer(w);
  REQUIRE(peer->log_in("bob", "bob_pw"));
  SECTION("a text that is none") {
    for (const char* text : {"", "two\nlines", "\x1b[2J", "\xff\xfe"}) {
      CAPTURE(text);
      const std::size_t before = peer->count(Opcode::kRefused);
      peer->send(Opcode::kPost, text);
      REQUIRE(peer->gets(Opcode::kRefused, before + 1));
      CHECK(last_refusal(*peer) == "post invalid");
    }
    peer->send(Opcode::kPost, std::string(1001, 'x'));
    REQUIRE(peer->gets(Opcode::kRefused, 5));
    CHECK(w.host.counters().posts_committed == 0);
  }
  SECTION("a store that has too much to do") {
    REQUIRE(w.login("ann"));
    w.host.hold_commits(true);
    peer->send(Opcode::kPost, "the one that fits");
    w.net.run_for(100ms);
    for (const char* line : {"post#no", "subscribe#bob", "unsubscribe#bob", "logout#"}) {
      REQUIRE(w.type("ann", line));
      CHECK(w["ann"].lines().back() == "error#busy");
    }
    CHECK(w["ann"].state() == client::State::kOnline);
    w.host.hold_commits(false);
    w.net.run_for(100ms);
    REQUIRE(w.post("ann", "now it does"));
    CHECK(w["ann"].lines().back() == "post_ack#successful");
  }
  SECTION("a disk that is full") {
    REQUIRE(w.login("ann"));
    w.store.fail_next_commit(control::Refusal::kDiskFull);
    REQUIRE(w.post("ann", "lost"));
    CHECK(w["ann"].lines().back() == "error#disk_full");
    REQUIRE(w.post("ann", "kept"));
    CHECK(w["ann"].lines().back() == "post_ack#successful");
  }
  CHECK(peer->is_connected());
}

TEST_CASE("sealed: more sessions than the hub allows: the newest is told so") {
  auto config = SealedWorld::lenient();
  config.max_sessions = 1;
  SealedWorld w(6, {"ann", "bob"}, config);
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  CHECK(w["bob"].lines() == Lines{"login_ack#failed"});
  REQUIRE(w["bob"].notes().size() == 1);
  CHECK(w["bob"].notes()[0].find("no room") != std::string::npos);
  REQUIRE(w.type("ann", "logout#"));
  REQUIRE(w.login("bob"));
  CHECK(w["bob"].link().is_online());
}

TEST_CASE("sealed: a connection without a login may ask for one, and for nothing else") {
  SealedWorld w(8, {"ann"});
  auto peer = new_peer(w);
  REQUIRE(peer->connect());
  const std::vector<Opcode> asked = {Opcode::kPost,     Opcode::kSubscribe, Opcode::kUnsubscribe,
                                     Opcode::kRetrieve, Opcode::kLogout,    Opcode::kSpuriousClient,
                                     Opcode::kLogin,    Opcode::kForwardAck};
  for (const Opcode opcode : asked) peer->send(opcode, "ann&ann_pw");
  REQUIRE(peer->gets(Opcode::kMustLoginFirst, asked.size()));
  for (const Opcode opcode : {Opcode::kLoginOk, Opcode::kForward, Opcode::kMustLoginFirst}) {
    peer->send(opcode, "x");  // a hub's
  }
  peer->send(Opcode::kLoginProof, std::string(32, 'p'));  // nothing was asked
  w.net.run_for(1s);
  CHECK(peer->received().size() == asked.size());
  CHECK(w.host.counters().drop_server_opcode == 3);
  peer->send(Opcode::kLoginStart, "too short");
  REQUIRE(peer->gets(Opcode::kLoginFailed));
  CHECK(w.sessions().empty());
  CHECK(peer->log_in("ann", "ann_pw"));
}

TEST_CASE("sealed: a login may follow a login on one connection, as somebody else too") {
  SealedWorld w(9, {"ann", "bob", "cid"});
  REQUIRE(w.login("cid"));
  auto peer = new_peer(w);
  REQUIRE(peer->log_in("ann", "ann_pw"));
  REQUIRE(peer->send(Opcode::kSubscribe, "cid"));
  REQUIRE(peer->gets(Opcode::kSubscribeOk));
  REQUIRE(peer->log_in("bob", "bob_pw"));
  CHECK(w.sessions().size() == 2);
  REQUIRE(w.post("cid", "for ann"));
  w.net.run_for(5s);
  CHECK(peer->count(Opcode::kForward) == 0);  // bob does not follow cid
  CHECK_FALSE(peer->log_in("ann", "wrong"));
  CHECK(w.sessions().size() == 2);  // still bob's
  REQUIRE(peer->log_in("ann", "ann_pw"));
  REQUIRE(peer->gets(Opcode::kForward));
  peer->mark(peer->newest_forward());
  w.net.run_for(100ms);
  REQUIRE(peer->log_in("ann", "ann_pw"));
  CHECK(w.sessions().size() == 2);
  REQUIRE(w.post("cid", "for ann again"));
  REQUIRE(peer->gets(Opcode::kForward, 2));
  CHECK(peer->forwards() == Lines{"<cid>for ann", "<cid>for ann again"});  // it was due to her
  w.host.restart();
  w.net.run_for(5s);
  CHECK(peer->was_reset());  // recorded once, and as whom it was last
}

TEST_CASE("sealed: marks say what was shown, and a login that brings one goes on from there") {
  SealedWorld w(10, {"ann", "bob"});
  REQUIRE(w.login("ann"));
  auto peer = new_peer(w);
  REQUIRE(peer->log_in("bob", "bob_pw"));
  REQUIRE(peer->send(Opcode::kSubscribe, "ann"));
  REQUIRE(peer->gets(Opcode::kSubscribeOk));
  for (int i = 0; i < 10; ++i) REQUIRE(w.post("ann", std::to_string(i)));
  REQUIRE(peer->gets(Opcode::kForward, 10));
  const MessageId third = peer->received()[peer->received().size() - 8].id;
  CHECK(w.host.counters().forwards_acknowledged == 0);
  peer->mark(third);
  w.net.run_for(100ms);
  CHECK(w.host.counters().forwards_acknowledged == 3);
  const std::size_t before = peer->count(Opcode::kForward);
  REQUIRE(peer->connect());
  REQUIRE(peer->log_in("bob", "bob_pw", third));
  REQUIRE(peer->gets(Opcode::kForward, before + 7));
  w.net.run_for(1s);
  CHECK(peer->count(Opcode::kForward) == before + 7);
  CHECK(peer->received().back().payload == "<ann>9");
}

TEST_CASE("sealed: a message that is none, or a password in the clear, ends the connection") {
  SealedWorld w(11, {"ann"});
  auto peer = new_peer(w);
  REQUIRE(peer->log_in("ann", "ann_pw"));
  SECTION("too short for an opcode and an ID") {
    const std::vector<std::uint8_t> bytes = {0x30, 1, 2};
    peer->connection().channel().send_talk(bytes);
    peer->ping();
  }
  SECTION("a login of the classic framing") { peer->send(Opcode::kLogin, "ann&ann_pw"); }
  w.net.run_for(1s);
  CHECK(peer->closed() == CloseReason::kProtocolError);
  CHECK(w.sessions().empty());
  CHECK(w.figure("connections") == 0);
}

TEST_CASE("sealed: bulk is opened to those who have logged in") {
  SealedWorld w(12, {"ann"});
  auto peer = new_peer(w);
  REQUIRE(peer->connect());
  auto& channel = peer->connection().channel();
  const std::vector<std::uint8_t> bytes = sealed::write_message({Opcode::kPost, 0, "x"});
  REQUIRE(channel.send_bulk(channel.open_bulk(), bytes, true));
  peer->ping();
  w.net.run_for(1s);
  CHECK(peer->connection().channel().bulk_queued_bytes() > 0);  // no window for it
  REQUIRE(peer->log_in("ann", "ann_pw"));
  w.net.run_for(1s);
  CHECK(peer->connection().channel().bulk_queued_bytes() == 0);
}

TEST_CASE("sealed: the hub learns what was shown") {
  SealedWorld w(13);
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  for (int i = 0; i < 20; ++i) REQUIRE(w.post("ann", std::to_string(i)));
  w.net.run_for(1s);
  CHECK(w["bob"].lines().size() == 22);
  CHECK(w.host.counters().forwards_acknowledged == 20);
  const auto page = std::get<control::SessionPage>(w.host.ask(control::ListSessions{}));
  for (const auto& row : page.rows) CHECK(row.unacknowledged == 0);
}
