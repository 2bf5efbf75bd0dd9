// Floods of what is well formed: handshakes, connections without a login, logins. The hub stays
// usable, and nobody is kept out of his own account.
#include <algorithm>
#include <functional>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/hostile.hpp"
#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

server::HubConfig default_config() {
  server::HubConfig config;
  config.classic = server::ClassicAccess::kOff;
  return config;
}

/// Peers that a test makes many of, each at an address of its own.
struct Crowd {
  explicit Crowd(SealedWorld& world) : w(world) {}

  SealedPeer& at(const Endpoint& where) {
    peers.push_back(std::make_unique<SealedPeer>(w.net, where, w.host.endpoint(),
                                                 w.host.public_key(), peers.size() + 1));
    return *peers.back();
  }
  /// Of prefix 10.0.x.y.
  SealedPeer& of_prefix(std::uint16_t number, std::uint16_t port = 4000) {
    return at({IpAddress::v4(10, 1, static_cast<std::uint8_t>(number >> 8),
                             static_cast<std::uint8_t>(number)),
               port, 0});
  }

  SealedWorld& w;
  std::vector<std::unique_ptr<SealedPeer>> peers;
};

/// Sends `batch` of what `make` says each 5 ms, as long as it lives.
struct Flood {
  Flood(SimNet& network, int batch, std::function<void()> send_one)
      : net(network), size(batch), send(std::move(send_one)) {
    go_on();
  }
  ~Flood() { *running = false; }
  void go_on() {
    for (int i = 0; i < size; ++i) send();
    net.after(5ms, [this, alive = running] {
      if (*alive) go_on();
    });
  }

  SimNet& net;
  int size;
  std::function<void()> send;
  std::shared_ptr<bool> running = std::make_shared<bool>(true);
};

}  // namespace

TEST_CASE("sealed: under a flood of hellos from everywhere cookies are asked, and people come in",
          "[p11]") {
  SealedWorld w(1, {"ann", "bob"}, default_config());
  w.net.faults().delay = 5ms;
  REQUIRE(w.login("ann"));
  Hostile hostile(1, w.host.public_key(), {});
  std::vector<Hostile::Datagram> hellos;
  for (int i = 0; i < trials(4000, 400); ++i) hellos.push_back(hostile.hello());
  {
    Flood flood(w.net, 20, [&] {  // 4,000 a second, from addresses that are made up
      w.net.send(hostile.address(), w.host.endpoint(), hellos[w.net.dice()() % hellos.size()]);
    });
    w.net.run_for(trials(4s, 2s));
    CHECK(w.host.counters().cookies_asked > 100);
    CHECK(w.figure("half_open_handshakes") <= 1100);  // each that needs no cookie, and not all
    REQUIRE(w.type("bob", "login#bob&bob_pw", 5s));
    CHECK(w["bob"].lines().back() == "login_ack#successful");
    REQUIRE(w.type("bob", "subscribe#ann", 2s));
    REQUIRE(w.type("ann", "post#calm", 2s));
    REQUIRE(w.sees("bob", "<ann>calm", 1, 2s));
  }
  w.net.run_for(7s);
  CHECK(w.figure("half_open_handshakes") == 0);
  CHECK(w.figure("connections") == 2);
}

TEST_CASE("sealed: an address that does answer cookies takes not all the room there is", "[p11]") {
  SealedWorld w(2, {"ann", "bob"}, default_config());
  w.net.faults().delay = 5ms;
  Hostile hostile(2, w.host.public_key(), {});
  const Endpoint there{IpAddress::v4(10, 9, 9, 9), 999, 0};
  std::vector<Hostile::Datagram> hellos;  // the newest
  // A hello starts with type, version, key ID, cookie and e; a cookie echoes the beginning of e.
  w.net.attach(there, [&](const Endpoint&, const Endpoint&, Bytes bytes) {
    const auto cookie = sealed::read_cookie(bytes);
    if (!cookie || hellos.empty()) return;
    for (auto& hello : hellos) {
      if (!std::equal(cookie->echo.begin(), cookie->echo.end(), hello.begin() + 22)) continue;
      std::copy(cookie->cookie.begin(), cookie->cookie.end(), hello.begin() + 6);
      w.net.send(there, w.host.endpoint(), hello);
      return;
    }
  });
  {
    Flood flood(w.net, trials(10, 5), [&] {
      if (hellos.size() >= trials<std::size_t>(3000, 600)) hellos.erase(hellos.begin());
      hellos.push_back(hostile.hello());
      w.net.send(there, w.host.endpoint(), hellos.back());
    });
    w.net.run_for(trials(6s, 2s));
    CHECK(w.host.counters().cookies_asked > 100);
    CHECK(w.figure("half_open_handshakes") < 4096);
    REQUIRE(w.type("bob", "login#bob&bob_pw", 5s));
    CHECK(w["bob"].lines().back() == "login_ack#successful");
  }
  w.net.detach(there);
}

TEST_CASE("sealed: connections without a login are 64 a prefix, and last ten seconds", "[p11]") {
  SealedWorld w(3, {"ann", "bob"}, default_config());
  w.net.faults().delay = 5ms;
  REQUIRE(w.login("ann"));
  Crowd crowd(w);
  int connected = 0;
  for (std::uint16_t i = 0; i < 100; ++i) {
    connected += crowd.of_prefix(7, static_cast<std::uint16_t>(4000 + i)).connect(60ms) ? 1 : 0;
  }
  const auto told = [&] {
    return std::count_if(crowd.peers.begin(), crowd.peers.end(), [](const auto& peer) {
      return peer->closed() == sealed::CloseReason::kNoLogin;
    });
  };
  CHECK(w.figure("connections") == 65);
  CHECK(connected == 64);
  CHECK(w.host.counters().drop_strangers > 0);
  REQUIRE(w.type("bob", "login#bob&bob_pw", 2s));  // from another prefix
  CHECK(w["bob"].lines().back() == "login_ack#successful");
  CHECK(told() == 0);
  for (int i = 0; i < 30; ++i) {  // they do not stay by talking
    for (auto& peer : crowd.peers) {
      if (peer->is_connected()) peer->ping();
    }
    w.net.run_for(500ms);
  }
  CHECK(w.figure("connections") == 2);
  CHECK(w.host.counters().strangers_timed_out >= 64);
  CHECK(told() >= 64);                          // and some whose retries found room
  CHECK(crowd.of_prefix(7, 5000).connect(2s));  // there is room again
}

TEST_CASE("sealed: who has logged in is no stranger, and may be one again for ten seconds",
          "[p11]") {
  auto config = default_config();
  config.max_strangers = 2;
  SealedWorld w(4, {"ann"}, config);
  w.net.faults().delay = 5ms;
  Crowd crowd(w);
  for (std::uint16_t i = 0; i < 5; ++i) {
    REQUIRE(crowd.of_prefix(7, static_cast<std::uint16_t>(4000 + i)).log_in("ann", "ann_pw"));
  }
  CHECK(w.figure("connections") == 5);
  w.net.run_for(40s);  // longer than a stranger may stay
  CHECK(w.figure("connections") == 5);
  crowd.peers[0]->send(Opcode::kLogout);
  REQUIRE(crowd.peers[0]->gets(Opcode::kLogoutAck));
  w.net.run_for(9s);
  CHECK(w.figure("connections") == 5);
  w.net.run_for(2s);
  CHECK(w.figure("connections") == 4);
  CHECK(crowd.peers[0]->closed() == sealed::CloseReason::kNoLogin);
}

TEST_CASE("sealed: guesses at an account are few from any one prefix", "[p11]") {
  SealedWorld w(5, {"ann", "bob"}, default_config());
  w.net.faults().delay = 5ms;
  Crowd crowd(w);
  SealedPeer& guesser = crowd.of_prefix(1);
  int wrong = 0;
  int throttled = 0;
  for (int i = 0; i < 30; ++i) {
    CHECK_FALSE(guesser.log_in("ann", "guess" + std::to_string(i)));
    if (!guesser.refusal()) break;
    ++(*guesser.refusal() == LoginRefusal::kWrong ? wrong : throttled);
  }
  CHECK(wrong >= 10);
  CHECK(wrong <= 12);
  CHECK(throttled > 10);
  CHECK(w.host.counters().drop_login_throttled == static_cast<std::uint64_t>(throttled));
  // Nobody else is meant by it: not ann from elsewhere, not bob from here.
  CHECK(crowd.of_prefix(2).log_in("ann", "ann_pw"));
  CHECK(crowd.of_prefix(1, 4001).log_in("bob", "bob_pw"));
  w.net.run_for(7s);
  CHECK(crowd.of_prefix(1, 4002).log_in("ann", "ann_pw"));  // one more try each six seconds
}

TEST_CASE("sealed: unknown IDs are throttled as known ones are", "[p11][p14]") {
  std::vector<int> refusals[2];
  for (int which = 0; which < 2; ++which) {
    SealedWorld w(6, {"ann"}, default_config());
    w.net.faults().delay = 5ms;
    Crowd crowd(w);
    SealedPeer& guesser = crowd.of_prefix(1);
    for (int i = 0; i < 15; ++i) {
      CHECK_FALSE(guesser.log_in(which == 0 ? "ann" : "nob", "guess"));
      refusals[which].push_back(
          static_cast<int>(guesser.refusal().value_or(LoginRefusal::kNoRoom)));
    }
  }
  CHECK(refusals[0] == refusals[1]);
}

TEST_CASE("sealed: while many guess at her account its owner logs in, from home and from abroad",
          "[p11]") {
  SealedWorld w(7, {"ann", "bob"}, default_config());
  w.net.faults().delay = 5ms;
  Crowd crowd(w);
  const Endpoint home{IpAddress::v4(198, 51, 100, 7), 7000, 0};
  REQUIRE(crowd.at(home).log_in("ann", "ann_pw"));
  w.net.run_for(20s);
  crowd.peers.clear();
  int wrong = 0;
  int throttled = 0;
  const int prefixes = trials(400, 60);
  for (int i = 0; i < prefixes; ++i) {
    SealedPeer& guesser = crowd.of_prefix(static_cast<std::uint16_t>(i + 1));
    for (int guess = 0; guess < 12; ++guess) {
      if (guesser.log_in("ann", "guess") || !guesser.refusal()) break;
      ++(*guesser.refusal() == LoginRefusal::kWrong ? wrong : throttled);
    }
    if (i % 50 == 49) crowd.peers.clear();
  }
  CHECK(throttled > prefixes * 5);
  CHECK(wrong < 100 + prefixes * 5);
  const Endpoint next_door{IpAddress::v4(198, 51, 100, 7), 7001, 0};
  for (int i = 0; i < 5; ++i) {  // she mistypes as well
    CHECK_FALSE(crowd.at(next_door).log_in("ann", "oops"));
    CHECK(crowd.peers.back()->refusal() == LoginRefusal::kWrong);
  }
  CHECK(crowd.at({IpAddress::v4(198, 51, 100, 7), 7002, 0}).log_in("ann", "ann_pw"));
  CHECK(crowd.at({IpAddress::v4(203, 0, 113, 200), 7000, 0}).log_in("ann", "ann_pw"));
}

TEST_CASE("sealed: a login that begins again and again is one lookup each, and bounded", "[p11]") {
  auto config = default_config();
  config.max_pending_reads = 8;
  SealedWorld w(8, {"ann"}, config);
  Crowd crowd(w);
  std::vector<SealedPeer*> peers;
  for (std::uint16_t i = 0; i < 20; ++i) {
    peers.push_back(&crowd.of_prefix(static_cast<std::uint16_t>(i + 1)));
    REQUIRE(peers.back()->connect());
  }
  w.host.hold_reads(true);
  const std::string start = sealed::write_login_start({{}, "ann"});
  for (SealedPeer* peer : peers) peer->send(Opcode::kLoginStart, start);
  w.net.run_for(1s);
  CHECK(w.figure("pending_reads") == 8);
  CHECK(w.host.counters().drop_busy_reader == 12);
  w.host.hold_reads(false);
  w.net.run_for(1s);
  CHECK(w.figure("pending_reads") == 0);
  int challenged = 0;
  for (SealedPeer* peer : peers) challenged += peer->count(Opcode::kLoginChallenge) == 1 ? 1 : 0;
  CHECK(challenged == 8);
}
