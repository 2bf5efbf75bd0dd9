// Clients whose address changes under load, and datagrams that come from where they should not:
// nothing is lost, nobody logs in again, and a stranger's address gets little and for a short time.
#include <map>

#include <catch2/catch.hpp>

#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

const Endpoint kHubOnIpv6{*IpAddress::parse("2001:db8::1"), 32000, 0};
const Endpoint kElsewhere{IpAddress::v4(203, 0, 113, 66), 6666, 0};

std::string text_of(int i) { return "line " + std::to_string(i); }

/// What bob's screen holds when he was shown ann's first `count` lines once each, in order.
Lines screen(int count) {
  Lines out = {"login_ack#successful", "subscribe_ack#successful"};
  for (int i = 0; i < count; ++i) out.push_back("<ann>" + text_of(i));
  return out;
}

void begin(SealedWorld& w) {
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
}

std::string at(const std::string& name, const Endpoint& where) {
  return name + " " + to_string(where);
}

/// Somebody on the path: of what `victim` sends, the next `to_copy` datagrams are sent on from
/// another address, and get to the hub before the originals.
struct Copyist {
  Copyist(SealedWorld& world, SealedClient& victim) : w(world) {
    victim.on_send = [this](Bytes bytes) {
      if (to_copy <= 0) return;
      --to_copy;
      heard_from_it += bytes.size();
      ++copies;
      w.net.send(kElsewhere, w.host.endpoint(), bytes);
    };
    w.host.on_send = [this](const Path& path, Bytes bytes) {
      if (path.remote != kElsewhere) return;
      sent_to_it += bytes.size();
      most = std::max(most, static_cast<double>(sent_to_it) / static_cast<double>(heard_from_it));
    };
  }

  SealedWorld& w;
  int to_copy = 0;
  std::size_t copies = 0;
  std::size_t heard_from_it = 0;
  std::size_t sent_to_it = 0;
  double most = 0;
};

}  // namespace

TEST_CASE("sealed: both ends move about under load, from IPv4 to IPv6 and back", "[p7]") {
  const int seeds = trials(60, 6);
  for (int seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    SealedWorld w(static_cast<std::uint64_t>(seed));
    w.host.listen_also(kHubOnIpv6);
    w.net.faults() = {.loss = 0.08, .duplicate = 0.05, .corrupt = 0, .delay = 15ms, .jitter = 20ms};
    begin(w);
    const Endpoint hub_on_ipv4 = w.host.endpoint();
    for (int i = 0; i < 120; ++i) {
      switch (i % 20) {
        case 2:
          w["bob"].rebind(w.new_address());
          break;
        case 6:
          w["ann"].move(w.new_ipv6_address(), kHubOnIpv6);
          break;
        case 8:
          w["bob"].move(w.new_ipv6_address(), kHubOnIpv6);
          break;
        case 11:
          w["ann"].rebind(w.new_ipv6_address());
          break;
        case 13:
          w["bob"].move(w.new_address(), hub_on_ipv4);
          w["ann"].move(w.new_address(), hub_on_ipv4);
          break;
        default:
          break;
      }
      REQUIRE(w.post("ann", text_of(i)));
      if (i % 7 == 0) w.net.run_for(150ms);
    }
    REQUIRE(w.sees("bob", "<ann>" + text_of(119)));
    w.net.run_for(30s);
    CHECK(w["bob"].lines() == screen(120));
    CHECK(w["ann"].count("post_ack#successful") == 120);
    CHECK(w.openings() == 2);
    const Lines where = w.sessions();
    CHECK(where == Lines{at("ann", w["ann"].endpoint()), at("bob", w["bob"].endpoint())});
  }
}

TEST_CASE("sealed: a mapping that changes while a client only listens", "[p7]") {
  // The client does not know, so it is the hub's forwards that get lost; what it says next, a
  // keep-alive at the latest, tells the hub.
  const int seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed));
  w.net.faults().delay = 20ms;
  begin(w);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(w.post("ann", text_of(i)));
    w.net.run_for(2s);
    w["bob"].rebind(w.new_address());
  }
  REQUIRE(w.sees("bob", "<ann>" + text_of(9), 1, 60s));
  CHECK(w["bob"].lines() == screen(10));
  CHECK(w.openings() == 2);
}

TEST_CASE("sealed: the newest datagram captured and sent on from another address first", "[p7]") {
  const int seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed));
  w.net.faults().delay = 10ms;
  begin(w);
  Copyist copyist(w, w["bob"]);
  for (int i = 0; i < 100; ++i) {
    if (i % 10 == 4) copyist.to_copy = 1;  // the path goes on with the next datagram
    REQUIRE(w.post("ann", text_of(i)));
    if (i % 10 == 4) {
      w.net.run_for(300ms);
      CHECK(copyist.to_copy == 0);
      CHECK(w.sessions()[1] == at("bob", w["bob"].endpoint()));
    }
  }
  CHECK(copyist.copies == 10);
  CHECK(copyist.sent_to_it > 0);
  REQUIRE(w.sees("bob", "<ann>" + text_of(99)));
  CHECK(w["bob"].lines() == screen(100));
  CHECK(w.openings() == 2);
  CHECK(w.host.counters().drop_replayed >= copyist.copies);
  CHECK(copyist.most <= 3.0);
}

TEST_CASE("sealed: whoever copies every datagram gets no session, and is left in the end", "[p7]") {
  SealedWorld w(3);
  w.net.faults().delay = 10ms;
  begin(w);
  Copyist copyist(w, w["bob"]);
  copyist.to_copy = 1000;
  for (int i = 0; i < 20; ++i) REQUIRE(w.post("ann", text_of(i)));
  w.net.run_for(5s);
  copyist.to_copy = 0;
  w.net.run_for(60s);
  CHECK(w.sessions()[1] == at("bob", w["bob"].endpoint()));
  const std::size_t before = copyist.sent_to_it;
  for (int i = 20; i < 40; ++i) REQUIRE(w.post("ann", text_of(i)));
  REQUIRE(w.sees("bob", "<ann>" + text_of(39)));
  CHECK(w["bob"].lines() == screen(40));
  CHECK(w.openings() == 2);
  CHECK(copyist.sent_to_it == before);
  CHECK(copyist.most <= 3.0);
}

TEST_CASE("sealed: the last datagram before a silence copied first: the hub goes back by itself",
          "[p7]") {
  SealedWorld w(4);
  w.net.faults().delay = 10ms;
  begin(w);
  w.net.run_for(2s);
  Copyist copyist(w, w["bob"]);
  copyist.to_copy = 1;
  w["bob"].type("unsubscribe#nobody");
  w.net.run_for(4ms);
  REQUIRE(copyist.copies == 1);
  w.net.cut(w["bob"].endpoint(), true);
  w.net.run_for(11ms);
  CHECK(w.sessions()[1] == at("bob", kElsewhere));
  w.net.run_for(10s);  // nobody answers a challenge
  CHECK(w.sessions()[1] == at("bob", w["bob"].endpoint()));
  w.net.cut(w["bob"].endpoint(), false);
  CHECK(copyist.most <= 3.0);
  REQUIRE(w.post("ann", text_of(0)));
  REQUIRE(w.sees("bob", "<ann>" + text_of(0), 1, 5s));
}

TEST_CASE("sealed: an address that a connection moved to gets three times what it sent, no more",
          "[p7][p9]") {
  // bob owns his keys and points the hub at somebody else, who never asked for anything.
  const int seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann", "bob"});
  w.net.faults().delay = 10ms;
  begin(w);
  Copyist copyist(w, w["bob"]);
  copyist.to_copy = 100'000;
  const Endpoint real = w["bob"].endpoint();
  for (int i = 0; i < 60; ++i) {
    w.net.cut(real, i % 6 != 0);  // from time to time one datagram, and then from elsewhere first
    REQUIRE(w.post("ann", std::string(900, 'x')));
    w.net.run_for(seed * 20ms);
  }
  CHECK(copyist.sent_to_it > 0);
  CHECK(copyist.most <= 3.0);
}

TEST_CASE("sealed: a connection's first datagram proves no address but the one of its hello",
          "[p7][p9]") {
  SealedWorld w(5, {"ann", "bob"});
  w.net.faults().delay = 10ms;
  REQUIRE(w.login("ann"));
  for (int i = 0; i < 100; ++i) REQUIRE(w.post("ann", std::string(900, 'x')));
  SealedPeer peer(w.net, w.new_address(), w.host.endpoint(), w.host.public_key());
  std::size_t heard = 0;
  std::size_t sent = 0;
  double most = 0;
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    if (path.remote != kElsewhere) return;
    sent += bytes.size();
    most = std::max(most, static_cast<double>(sent) / static_cast<double>(heard));
  };
  bool from_elsewhere = false;
  bool original_too = true;
  peer.on_send = [&](Bytes bytes) {
    if (bytes[0] < 0x08 || !from_elsewhere) return true;
    heard += bytes.size();
    w.net.send(kElsewhere, w.host.endpoint(), bytes);
    return original_too;
  };
  from_elsewhere = true;
  SECTION("captured and sent on first: the real path goes on") {
    std::size_t count = 0;
    peer.on_receive = [&](Bytes) { from_elsewhere = ++count < 2; };
    REQUIRE(peer.log_in("bob", "bob_pw"));
    CHECK(w.sessions()[1] == at("bob", peer.endpoint()));
  }
  SECTION("by its owner, at somebody else: little, and not for long") {
    original_too = false;
    CHECK_FALSE(peer.log_in("bob", "bob_pw"));
    w.net.run_for(30s);
    CHECK(w.sessions().size() == 1);
  }
  CHECK(heard > 0);
  CHECK(most <= 3.0);
}
