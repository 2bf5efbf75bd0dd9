// Devices: who comes back without a password, who does not, and whose session that ends.
#include <array>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"
#include "tests/support/store_verbs.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using sealed::CloseReason;

namespace {

server::HubConfig strict() {
  server::HubConfig config;
  config.classic = server::ClassicAccess::kOff;
  return config;
}

void set_password(SealedWorld& w, const std::string& name, const std::string& password) {
  SeededRandom random(9);
  const auto verifier = make_verifier(password, {kMinKdfMemory, kMinKdfPasses}, random);
  w.host.ask(control::SetPassword{name, *verifier});
}

}  // namespace

TEST_CASE("resume: one round trip, no password, and the hub proves itself", "[resume]") {
  SealedWorld w(1, {"ann"});
  auto bob = w.online("bob");
  w.net.faults().delay = 50ms;
  REQUIRE(bob->connect());
  const TimePoint before = w.net.now().mono;
  REQUIRE(bob->resume("BOB"));  // the peer checks the hub's signature
  CHECK(w.net.now().mono - before < 120ms);
  CHECK(w.host.counters().resumes_ok == 1);
  CHECK(w.host.counters().logins_ok == 1);
  CHECK(w.sessions().size() == 1);
  // With the first datagram after the handshake: two round trips from nothing to online.
  const TimePoint begun = w.net.now().mono;
  bob->come_back("bob");
  REQUIRE(w.net.run_until([&] { return bob->is_online(); }, 1s));
  CHECK(w.net.now().mono - begun < 220ms);
  REQUIRE(bob->send(Opcode::kPost, "back"));
  CHECK(bob->gets(Opcode::kPostAck));
}

TEST_CASE("resume: whatever is wrong with it looks the same", "[resume][p14]") {
  SealedWorld w(2, {});
  for (const char* name : {"ann", "cid", "dan", "eve"}) w.account(name);
  w.net.faults().delay = 5ms;
  auto ann = w.online("ann");
  auto cid = w.online("cid");
  auto dan = w.online("dan");
  w.net.run_for(1s);
  w.host.ask(control::DisableUser{"cid"});
  dan->send(Opcode::kLogout);
  REQUIRE(dan->gets(Opcode::kLogoutAck));
  w.net.run_for(1s);

  std::vector<std::vector<std::size_t>> sizes;
  std::vector<std::vector<Duration>> times;
  const auto try_it = [&](SealedPeer& peer, const std::string& name) {
    REQUIRE(peer.connect());
    w.net.run_for(200ms);
    std::vector<std::size_t> of_datagrams;
    std::vector<Duration> at;
    const TimePoint begun = w.net.now().mono;
    w.host.on_send = [&](const Path&, Bytes bytes) {
      of_datagrams.push_back(bytes.size());
      at.push_back(w.net.now().mono - begun);
    };
    CHECK_FALSE(peer.resume(name));
    w.net.run_for(200ms);
    w.host.on_send = nullptr;
    CHECK(peer.refusal() == LoginRefusal::kWrong);
    sizes.push_back(of_datagrams);
    times.push_back(at);
  };
  auto stranger = w.new_peer();
  try_it(*stranger, "nob");  // no such account
  auto other = w.new_peer();
  try_it(*other, "eve");  // no such device
  auto thief = w.new_peer();
  thief->device.id = ann->device.id;
  try_it(*thief, "ann");  // another secret
  try_it(*cid, "cid");    // disabled
  try_it(*dan, "dan");    // logged out
  auto elsewhere = w.new_peer();
  elsewhere->device = ann->device;
  try_it(*elsewhere, "eve");  // another account's device
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    CAPTURE(i);
    CHECK(sizes[i] == sizes[0]);
    CHECK(times[i] == times[0]);
  }
  CHECK(w.host.counters().resumes_failed == 6);
  CHECK(w.host.counters().resumes_ok == 0);
}

TEST_CASE("resume: a proof is good for its connection and for its device", "[resume][p12]") {
  SealedWorld w(3, {});
  auto ann = w.online("ann");
  const std::string heard = ann->resume_payload("ann");  // of the connection she has
  auto thief = w.new_peer();
  REQUIRE(thief->connect());
  thief->send(Opcode::kResume, heard);
  REQUIRE(thief->gets(Opcode::kLoginFailed));
  auto once_more = w.new_peer();
  REQUIRE(once_more->connect());
  once_more->device.id = ann->device.id;
  auto payload = once_more->resume_payload("ann");
  once_more->send(Opcode::kResume, payload);
  REQUIRE(once_more->gets(Opcode::kLoginFailed));
  CHECK(w.sessions().size() == 1);
  CHECK(ann->is_online());
}

TEST_CASE("resume: a connection has one wrong try", "[resume][p11]") {
  SealedWorld w(4, {"ann"}, strict());
  auto ann = w.online("ann");
  auto guesser = w.new_peer();
  REQUIRE(guesser->connect());
  std::size_t reads = 0;
  w.host.on_job = [&](std::string_view what, std::size_t) { reads += what == "read" ? 1 : 0; };
  CHECK_FALSE(guesser->resume("ann"));
  CHECK(guesser->refusal() == LoginRefusal::kWrong);
  for (int i = 0; i < 5; ++i) {
    CHECK_FALSE(guesser->resume("ann"));
    CHECK(guesser->refusal() == LoginRefusal::kTooManyTries);
  }
  CHECK(reads == 1);
  CHECK(w.host.counters().drop_resume_again == 5);
  // The password still helps, there too.
  CHECK(guesser->log_in("ann", "ann_pw"));
}

TEST_CASE("resume: one is looked up at a time on a connection", "[resume][p11]") {
  SealedWorld w(5, {"ann"}, strict());
  auto ann = w.online("ann");
  REQUIRE(ann->connect());
  w.host.hold_reads(true);
  for (int i = 0; i < 10; ++i) ann->send(Opcode::kResume, ann->resume_payload("ann"));
  w.net.run_for(1s);
  CHECK(w.figure("pending_reads") == 1);
  w.host.hold_reads(false);
  REQUIRE(ann->gets(Opcode::kLoginOk, 2));
  w.net.run_for(1s);
  CHECK(ann->count(Opcode::kLoginOk) == 2);
  CHECK(w.sessions().size() == 1);
}

TEST_CASE("resume: right ones are no tries, and tell where the owner is at home", "[resume][p11]") {
  SealedWorld w(6, {"ann"}, strict());
  w.net.faults().delay = 5ms;
  const Endpoint abroad{IpAddress::v4(203, 0, 113, 9), 7000, 0};
  auto ann = w.online("ann");
  auto moved = w.new_peer_at(abroad);
  moved->device = ann->device;
  for (int i = 0; i < 40; ++i) {
    REQUIRE(moved->connect());
    REQUIRE(moved->resume("ann"));
  }
  CHECK(w.host.counters().drop_login_throttled == 0);
  // From there she may mistype more often than a stranger.
  auto clumsy = w.new_peer_at({abroad.ip, 7001, 0});
  for (int i = 0; i < 15; ++i) {
    CHECK_FALSE(clumsy->log_in("ann", "oops"));
    CHECK(clumsy->refusal() == LoginRefusal::kWrong);
  }
  // And a throttled prefix keeps no device out.
  auto guesser = w.new_peer_at({IpAddress::v4(203, 0, 113, 10), 7000, 0});
  for (int i = 0; i < 12; ++i) CHECK_FALSE(guesser->log_in("ann", "guess"));
  CHECK(guesser->refusal() == LoginRefusal::kTooManyTries);
  guesser->device = ann->device;
  CHECK(guesser->resume("ann"));
}

TEST_CASE("resume: what erases the resume key, and what gives another", "[resume]") {
  SealedWorld w(7, {});
  auto ann = w.online("ann");
  const auto comes_back = [&] { return ann->connect() && ann->resume("ann"); };
  REQUIRE(comes_back());
  SECTION("logout") {
    ann->send(Opcode::kLogout);
    REQUIRE(ann->gets(Opcode::kLogoutAck));
    CHECK_FALSE(comes_back());
  }
  SECTION("a new password") {
    set_password(w, "ann", "ann_pw");
    CHECK_FALSE(comes_back());
  }
  SECTION("disabled, and enabled again") {
    w.host.ask(control::DisableUser{"ann"});
    w.host.ask(control::EnableUser{"ann"});
    CHECK_FALSE(comes_back());
  }
  SECTION("forgotten by the administrator") {
    w.host.ask(control::ForgetDevice{"ann", ann->device.id});
    CHECK_FALSE(comes_back());
  }
  SECTION("not by an end of its session") {
    SECTION("by hand") { w.host.ask(control::EndSession{"ann"}); }
    SECTION("by a session reset") { ann->send(Opcode::kSessionReset); }
    SECTION("by a goodbye") { ann->connection().close(CloseReason::kGoodbye); }
    w.net.run_for(1s);
    CHECK(comes_back());
    return;
  }
  REQUIRE(ann->connect());
  REQUIRE(ann->log_in("ann", "ann_pw"));
  CHECK(comes_back());
}

TEST_CASE("resume: the store has the last word", "[resume][p23]") {
  SealedWorld w(8, {});
  auto ann = w.online("ann");
  REQUIRE(ann->connect());
  // The device is read and its proof is right; what is committed first takes its key away.
  w.host.delays() = {50ms, 0ms, 1ms};
  const store::Request disable{0, control::DisableUser{"ann"}};
  w.net.after(20ms, [&] { test::apply(w.store, {disable}, w.net.now().wall); });
  CHECK_FALSE(ann->resume("ann"));
  CHECK(ann->refusal() == LoginRefusal::kWrong);
  CHECK(w.host.counters().resumes_failed == 1);
  CHECK(w.host.counters().resumes_ok == 0);
}

TEST_CASE("devices: a login or resume ends its own device's other session, and no other's",
          "[resume]") {
  SealedWorld w(9, {});
  auto phone = w.online("ann");
  auto laptop = w.online("ann");
  auto copy = w.new_peer();
  copy->device = phone->device;
  const bool by_password = GENERATE(true, false);
  CAPTURE(by_password);
  REQUIRE(copy->connect());
  REQUIRE((by_password ? copy->log_in("ann", "ann_pw") : copy->resume("ann")));
  w.net.run_for(1s);
  CHECK(phone->closed() == CloseReason::kReplaced);
  CHECK(laptop->is_online());
  CHECK(w.sessions().size() == 2);
  REQUIRE(laptop->send(Opcode::kPost, "still here"));
  CHECK(laptop->gets(Opcode::kPostAck));
  // The one that was replaced learns it where it missed the close, too.
  CHECK(w.host.counters().sessions_replaced == 1);
}

TEST_CASE("devices: a new session of the same device on the same connection replaces the old one",
          "[resume]") {
  SealedWorld w(10, {});
  auto ann = w.online("ann");
  for (int i = 0; i < 3; ++i) {
    REQUIRE(ann->resume("ann"));
    REQUIRE(ann->log_in("ann", "ann_pw"));
  }
  CHECK(w.sessions().size() == 1);
  REQUIRE(ann->send(Opcode::kPost, "one"));
  CHECK(ann->gets(Opcode::kPostAck));
  w.host.restart();
  w.net.run_for(1s);
  CHECK(ann->was_reset());
  REQUIRE(ann->connect());
  CHECK(ann->resume("ann"));
  CHECK(w.sessions().size() == 1);
}

TEST_CASE("devices: another device on the same connection ends the session before it", "[resume]") {
  SealedWorld w(10, {"ann"});
  auto peer = w.online("bob");
  const auto first = peer->device;
  const bool is_same_account = GENERATE(true, false);
  const std::string next = is_same_account ? "bob" : "ann";
  peer->device = w.new_peer()->device;
  REQUIRE(peer->log_in(next, next + "_pw"));
  CHECK(w.sessions().size() == 1);
  CHECK(w.store.open_reader()->sessions({}, 10)->size() == 1);
  REQUIRE(peer->send(Opcode::kLogout));  // of the second, and of no other
  REQUIRE(peer->gets(Opcode::kLogoutAck));
  CHECK(w.store.open_reader()->sessions({}, 10)->empty());
  CHECK_FALSE(peer->resume(next));
  REQUIRE(peer->connect());
  peer->device = first;
  CHECK(peer->resume("bob"));
}

TEST_CASE("devices: one too many takes the place of the one seen least recently", "[resume]") {
  store::StoreOptions options;
  options.max_devices = 3;
  SealedWorld w(11, {}, SealedWorld::lenient(), options);
  std::vector<std::unique_ptr<SealedPeer>> devices;
  for (int i = 0; i < 3; ++i) {
    devices.push_back(w.online("ann"));
    w.net.run_for(1s);
  }
  REQUIRE(devices[0]->connect());
  REQUIRE(devices[0]->resume("ann"));  // seen just now
  w.net.run_for(1s);
  auto fourth = w.online("ann");
  w.net.run_for(1s);
  CHECK(devices[1]->closed() == CloseReason::kReplaced);
  CHECK(devices[0]->is_online());
  CHECK(devices[2]->is_online());
  CHECK(fourth->is_online());
  CHECK(w.sessions().size() == 3);
  REQUIRE(devices[1]->connect());
  CHECK_FALSE(devices[1]->resume("ann"));  // the row is gone
}

TEST_CASE("devices: who is online stays while somebody else can make room, and then who is used",
          "[resume]") {
  store::StoreOptions two;
  two.max_devices = 2;
  SealedWorld w(14, {}, SealedWorld::lenient(), two);
  auto first = w.online("ann");
  w.net.run_for(1min);
  auto second = w.online("ann");
  w.net.run_for(10s);
  SECTION("one is away") {
    second->connection().close(CloseReason::kGoodbye);
    second->send(Opcode::kPost);  // takes the close frame along
    w.net.run_for(1s);
    auto third = w.online("ann");
    w.net.run_for(1s);
    CHECK(first->is_online());
    CHECK(third->is_online());
    REQUIRE(second->connect());
    CHECK_FALSE(second->resume("ann"));
  }
  SECTION("all are online") {
    first->send(Opcode::kPost, "hello");
    REQUIRE(first->gets(Opcode::kPostAck));
    auto third = w.online("ann");
    w.net.run_for(1s);
    CHECK(first->is_online());
    CHECK(third->is_online());
    CHECK(second->closed() == CloseReason::kReplaced);
  }
}

TEST_CASE("devices: what is asked for is told to the store within a minute, a keep-alive is not",
          "[resume]") {
  SealedWorld w(15, {});
  auto ann = w.online("ann");
  const auto last_seen = [&] {
    const auto reader = w.store.open_reader();
    return reader->devices((*reader->account("ann"))->id)->front().last_seen;
  };
  const WallTime at_login = last_seen();
  ann->live_as("ann");
  w.net.run_for(3min);
  CHECK(last_seen() == at_login);
  ann->send(Opcode::kRetrieve, "1");
  const WallTime asked = w.net.now().wall;
  w.net.run_for(61s);
  CHECK(last_seen() >= asked);
  const WallTime saved = last_seen();
  w.net.run_for(3min);
  CHECK(last_seen() == saved);
}

TEST_CASE("devices: two sessions of one device that are recorded at once: the later one stays",
          "[resume]") {
  SealedWorld w(12, {});
  auto ann = w.online("ann");
  auto copy = w.new_peer();
  copy->device = ann->device;
  REQUIRE(ann->connect());
  REQUIRE(copy->connect());
  w.host.delays() = {100ms, 0ms, 0ms};
  ann->send(Opcode::kResume, ann->resume_payload("ann"));
  w.net.run_for(10ms);
  CHECK(copy->resume("ann"));
  w.net.run_for(1s);
  CHECK(ann->closed() == CloseReason::kReplaced);
  CHECK(ann->count(Opcode::kLoginOk) == 1);  // the first one
  CHECK(copy->is_online());
  CHECK(w.sessions().size() == 1);
  w.host.delays() = {};
  w.host.restart();  // it is in the store, too
  w.net.run_for(1s);
  CHECK(copy->was_reset());
}

TEST_CASE("devices: a client that goes away while its session is recorded leaves none",
          "[resume]") {
  SealedWorld w(13, {});
  auto ann = w.online("ann");
  REQUIRE(ann->connect());
  w.host.delays().commit = 100ms;
  ann->send(Opcode::kResume, ann->resume_payload("ann"));
  w.net.run_for(10ms);
  ann->connection().close(CloseReason::kGoodbye);
  ann->send(Opcode::kPost, "");
  w.net.run_for(1s);
  CHECK(w.sessions().empty());
  CHECK(w.store.open_reader()->counts()->sessions == 0);
}
