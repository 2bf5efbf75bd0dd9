// A sealed session from its login to each of its ends: who keeps it alive, what ends it and what
// the client does then, what is refused and in which words.
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

}  // namespace

TEST_CASE("sealed: keep-alives hold short sessions on bad links, and cost little on good ones") {
  SECTION("a timeout of six seconds, a third of all datagrams lost") {
    auto config = SealedWorld::lenient();
    config.session_timeout = 6s;
    SealedWorld w(1, {"ann"}, config);
    REQUIRE(w.login("ann"));
    w.net.faults() = {.loss = 0.2, .duplicate = 0, .corrupt = 0, .delay = 10ms, .jitter = 10ms};
    w.net.run_for(10min);
    CHECK(w.host.counters().sessions_timed_out == 0);
    CHECK(w.openings() == 1);
  }
  SECTION("an hour of silence is one datagram each way in 22 seconds at most") {
    SealedWorld w(2, {"ann"});
    REQUIRE(w.login("ann"));
    w.net.run_for(2min);
    int out = 0;
    int in = 0;
    w["ann"].on_send = [&](Bytes) { ++out; };
    w["ann"].on_receive = [&](Bytes) { ++in; };
    w.net.run_for(1h);
    CHECK(out >= 3600 / 25);
    CHECK(out <= 3600 / 22);
    CHECK(in <= out);
  }
}

TEST_CASE(
    "sealed: a session that timed out or was too busy comes back; one that was ended does not") {
  auto config = SealedWorld::lenient();
  config.session_timeout = 30s;
  store::StoreOptions one;
  one.max_devices = 1;
  SealedWorld w(3, {"ann", "bob"}, config, one);
  REQUIRE(w.login("ann"));
  const Endpoint at = w["ann"].endpoint();
  SECTION("timeout") {
    // Nothing of hers gets through: the hub gives her up and says so.
    w["ann"].on_send = [&](Bytes) { w.net.cut(at, true); };
    w.net.run_for(29s);
    REQUIRE(w.net.run_until([&] { return w.host.counters().sessions_timed_out == 1; }, 10s));
    w["ann"].on_send = nullptr;
    w.net.cut(at, false);
    w.net.run_for(60s);
    CHECK(w["ann"].link().is_online());
    CHECK(w["ann"].lines() == Lines{"login_ack#successful"});
    CHECK(w.openings() == 2);
  }
  SECTION("ended by the administrator") {
    w.host.ask(control::EndSession{"ann"});
    w.net.run_for(60s);
    CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#session_reset"});
    CHECK(w["ann"].state() == client::State::kOffline);
    CHECK(w.openings() == 1);
    REQUIRE(w.login("ann"));  // the person may
    CHECK(w["ann"].link().is_online());
  }
  SECTION("replaced by another device of the account") {
    auto other = new_peer(w);
    REQUIRE(other->log_in("ann", "ann_pw"));
    CHECK(w.sessions().size() == 1);
    w.net.run_for(60s);
    CHECK(w["ann"].lines().back() == "error#session_reset");
    CHECK(w.openings() == 2);
  }
  SECTION("a new password") {
    SeededRandom random(4);
    const auto verifier = make_verifier("other", {kMinKdfMemory, kMinKdfPasses}, random);
    w.host.ask(control::SetPassword{"ann", *verifier});
    w.net.run_for(60s);
    CHECK(w["ann"].lines().back() == "error#session_reset");
    REQUIRE(w.type("ann", "login#ann&ann_pw"));
    CHECK(w["ann"].lines().back() == "login_ack#failed");
    REQUIRE(w.type("ann", "login#ann&other"));
    CHECK(w["ann"].lines().back() == "login_ack#successful");
  }
  SECTION("disabled while the hub was away") {
    w.net.cut(at, true);
    w.host.ask(control::DisableUser{"ann"});
    w.net.run_for(2min);
    w.net.cut(at, false);
    w.net.run_for(60s);
    CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#session_reset"});
    CHECK(w["ann"].state() == client::State::kOffline);
    CHECK(w.sessions().empty());
  }
}

TEST_CASE("sealed: the reason of an end gets through where its datagram is lost") {
  SealedWorld w(4, {"ann"});
  w.net.faults().delay = 5ms;
  auto peer = new_peer(w);
  REQUIRE(peer->log_in("ann", "ann_pw"));
  w.net.run_for(1s);
  w.net.cut(peer->endpoint(), true);
  w.host.ask(control::EndSession{"ann"});
  w.net.run_for(1s);
  w.net.cut(peer->endpoint(), false);
  REQUIRE_FALSE(peer->closed().has_value());
  peer->ping();
  w.net.run_for(100ms);
  CHECK(peer->closed() == CloseReason::kEnded);
  CHECK_FALSE(peer->was_reset());
  CHECK(w.host.counters().closes_sent_again == 1);
}

TEST_CASE("sealed: on links that lose half of it, who was ended still does not come back") {
  const int seed = GENERATE(range(1, 41));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann"});
  REQUIRE(w.login("ann"));
  w.net.faults() = {.loss = 0.5, .duplicate = 0, .corrupt = 0, .delay = 10ms, .jitter = 10ms};
  w.host.ask(control::EndSession{"ann"});
  w.net.run_for(2min);
  CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#session_reset"});
  CHECK(w.openings() == 1);
}

TEST_CASE("sealed: an unexpected message resets the session, on either side") {
  auto config = SealedWorld::lenient();
  config.debug_messages = GENERATE(true, false);
  CAPTURE(config.debug_messages);
  SealedWorld w(7, {"ann", "bob"}, config);
  REQUIRE(w.login("ann"));
  SECTION("the client's") {
    w["ann"].type("spurious#client");
    w.net.run_for(60s);
    CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#session_reset"});
    CHECK(w.host.counters().sessions_reset_spurious == 1);
  }
  SECTION("the hub's, where it obeys") {
    w["ann"].type("spurious#server");
    w.net.run_for(60s);
    if (config.debug_messages) {
      CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#unexpected_message"});
      CHECK(w.host.counters().sessions_reset_by_client == 1);
    } else {
      CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#session_reset"});
      CHECK(w.host.counters().sessions_reset_spurious == 1);
    }
  }
  CHECK(w["ann"].state() == client::State::kOffline);
  CHECK(w.sessions().empty());
  CHECK(w.openings() == 1);  // it does not come back by itself
  REQUIRE(w.login("ann"));
  CHECK(w["ann"].link().is_online());
}
