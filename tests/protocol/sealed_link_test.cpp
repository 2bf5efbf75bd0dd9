#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "protocol/crypto/noise.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "tests/support/channel_end.hpp"
#include "tests/support/sealed_end.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace std::chrono_literals;
using hub::test::client_path;
using hub::test::fewer_if_slow;
using hub::test::Handshake;
using hub::test::hub_path;
using hub::test::LinkFaults;
using hub::test::number_of;
using hub::test::numbered;
using hub::test::SealedEnd;
using hub::test::SeededRandom;
using hub::test::SimNet;
using Taken = Connection::Taken;

namespace {

using Buffer = std::vector<std::uint8_t>;

// A client and a hub on a simulated link.
struct Pair {
  explicit Pair(std::uint64_t seed = 1, const LinkFaults& faults = {})
      : net(seed, faults), random(seed) {}

  SimNet net;
  SeededRandom random;
  Handshake made = hub::test::shake_hands(random, net.now().mono);
  SealedEnd client{net, Side::kClient, made.client, client_path(1), random};
  SealedEnd hub{net, Side::kServer, made.server, hub_path(1), random};

  // Both sides after a login: the windows are wide.
  void widen() {
    for (SealedEnd* end : {&client, &hub}) {
      end->connection().widen();
      end->pump();
    }
    net.run_for(1s);
  }
  void say(SealedEnd& end, const Buffer& message) {
    REQUIRE(end.connection().channel().send_talk(message));
    end.pump();
  }
};

}  // namespace

TEST_CASE("messages go both ways, once and in order, over a bad link") {
  const auto seed = GENERATE_COPY(range(1, 1 + fewer_if_slow(30)));
  CAPTURE(seed);
  LinkFaults faults;
  faults.loss = 0.02 * (seed % 15);
  faults.duplicate = 0.1;
  faults.corrupt = 0.05;
  faults.delay = 20ms;
  faults.jitter = 30ms;
  Pair pair(static_cast<std::uint64_t>(seed), faults);
  pair.widen();
  constexpr std::uint32_t kMessages = 200;
  std::uint32_t at_hub = 0;
  std::uint32_t at_client = 0;
  bool in_order = true;
  pair.hub.on_delivered = [&](const auto& message) {
    in_order = in_order && number_of(message.bytes) == at_hub;
    ++at_hub;
  };
  pair.client.on_delivered = [&](const auto& message) {
    in_order = in_order && number_of(message.bytes) == at_client;
    ++at_client;
  };
  for (std::uint32_t i = 0; i < kMessages; ++i) {
    pair.net.after(10ms * i, [&pair, i] {
      pair.say(pair.client, numbered(i, 4 + i % 300));
      pair.say(pair.hub, numbered(i, 4 + i % 100));
    });
  }
  REQUIRE(pair.net.run_until([&] { return at_hub == kMessages && at_client == kMessages; }, 10min));
  CHECK(in_order);
  CHECK(pair.hub.count(Taken::kForged) > 0);
  CHECK(pair.hub.count(Taken::kReplayed) > 0);
  CHECK(pair.hub.count(Taken::kViolation) == 0);
  CHECK(pair.client.count(Taken::kViolation) == 0);
  CHECK(pair.hub.connection().path() == hub_path(1));
  pair.net.run_for(1min);
  CHECK(at_hub == kMessages);
  CHECK_FALSE(pair.hub.connection().is_closed());
}

TEST_CASE("bulk streams arrive whole beside talk") {
  LinkFaults faults;
  faults.loss = 0.05;
  faults.delay = 10ms;
  faults.jitter = 5ms;
  Pair pair(3, faults);
  pair.widen();
  std::uint32_t talk = 0;
  std::uint32_t bulk = 0;
  bool ended = false;
  pair.client.on_delivered = [&](const auto& message) {
    if (message.lane == channel::Lane::kTalk) {
      ++talk;
    } else {
      CHECK(number_of(message.bytes) == bulk++);
      ended = ended || message.last;
    }
  };
  auto& channel = pair.hub.connection().channel();
  const auto stream = channel.open_bulk();
  for (std::uint32_t i = 0; i < 300; ++i) {
    REQUIRE(channel.send_bulk(stream, numbered(i, 1'000), i == 299));
    if (i % 10 == 0) REQUIRE(channel.send_talk(numbered(i)));
  }
  pair.hub.pump();
  REQUIRE(pair.net.run_until([&] { return ended && talk == 30; }, 5min));
  CHECK(bulk == 300);
}

TEST_CASE("keys change by time under a conversation, and no nonce comes twice") {
  LinkFaults faults;
  faults.loss = 0.1;
  faults.duplicate = 0.1;
  faults.delay = 50ms;
  faults.jitter = 100ms;
  Pair pair(5, faults);
  pair.widen();
  // All keys of both directions, by the phase they are for.
  std::map<bool, std::vector<Key>> keys;
  Key to_hub = pair.made.client.keys.to_responder;
  Key to_client = pair.made.client.keys.to_initiator;
  for (int i = 0; i < 8; ++i) {
    keys[i % 2 == 1].push_back(to_hub);
    keys[i % 2 == 1].push_back(to_client);
    to_hub = rekey(to_hub);
    to_client = rekey(to_client);
  }
  std::set<std::pair<Key, std::uint64_t>> used;
  std::set<Key> generations;
  const auto record = [&](const Path&, Bytes datagram) {
    const auto header = read_transport_header(datagram);
    REQUIRE(header);
    Buffer plain(kMaxDatagramBytes);
    int opened = 0;
    for (const Key& key : keys[header->phase]) {
      if (!aead().open(key, counter_nonce(header->number), datagram.first(kTransportHeaderBytes),
                       datagram.subspan(kTransportHeaderBytes), plain.data())) {
        continue;
      }
      ++opened;
      generations.insert(key);
      REQUIRE(used.emplace(key, header->number).second);
    }
    REQUIRE(opened == 1);
  };
  pair.client.on_sent = record;
  pair.hub.on_sent = record;
  std::uint32_t delivered = 0;
  pair.hub.on_delivered = pair.client.on_delivered = [&](const auto&) { ++delivered; };
  // Five hours: bursts around the changes, silence between.
  for (std::uint32_t minute = 0; minute < 300; ++minute) {
    const int many = minute % 60 < 2 || minute % 60 > 58 ? 20 : 1;
    for (int i = 0; i < many; ++i) {
      pair.net.after(1min * minute + 100ms * i, [&pair] {
        pair.say(pair.client, numbered(1));
        pair.say(pair.hub, numbered(2));
      });
    }
  }
  pair.net.run_for(6h);
  CHECK(delivered == 2 * (15 * 19 + 300) - 0);
  CHECK(generations.size() >= 10);  // five each way
  CHECK(pair.hub.count(Taken::kForged) == 0);
  CHECK(pair.client.count(Taken::kForged) == 0);
}

TEST_CASE("an idle connection has no timer, and goes on where it was") {
  Pair pair;
  pair.net.faults().delay = 10ms;
  pair.widen();
  std::uint32_t next = 0;
  pair.hub.on_delivered = [&](const auto& message) { CHECK(number_of(message.bytes) == next++); };
  for (std::uint32_t i = 0; i < 20; ++i) {
    pair.say(pair.client, numbered(i));
    pair.net.run_for(10s);
    CHECK(next == i + 1);
    CHECK_FALSE(pair.client.connection().next_timeout());
    CHECK_FALSE(pair.hub.connection().next_timeout());
    CHECK_FALSE(pair.client.connection().awaits_answer());
    CHECK(pair.client.connection().pto() < 200ms);  // the RTT is remembered
  }
  // And the windows too: this much was never allowed before widen().
  for (std::uint32_t i = 20; i < 40; ++i) pair.say(pair.client, numbered(i, 1'000));
  pair.net.run_for(10s);
  CHECK(next == 40);
}

TEST_CASE("close reasons arrive, and the first one stays") {
  const auto reason = GENERATE(CloseReason::kGoodbye, CloseReason::kTimeout,
                               CloseReason::kProtocolError, CloseReason::kEnded,
                               CloseReason::kReplaced, CloseReason::kNoLogin, CloseReason::kBusy);
  Pair pair;
  pair.say(pair.hub, numbered(1));
  pair.hub.connection().close(reason);
  pair.hub.connection().close(CloseReason::kGoodbye);
  CHECK(pair.hub.connection().close_reason() == reason);
  pair.hub.pump();
  pair.net.run_for(1s);
  CHECK(pair.client.count(Taken::kClosed) == 1);
  CHECK(pair.client.connection().is_closed());
  CHECK(pair.client.connection().close_reason() == reason);
  CHECK_FALSE(pair.client.connection().next_timeout());
  Buffer out;
  CHECK_FALSE(pair.client.connection().poll_transmit(pair.net.now().mono, out));
  CHECK(out.empty());
}

TEST_CASE("keys that change every few datagrams are followed over a bad link") {
  const auto seed = GENERATE_COPY(range(1, 1 + fewer_if_slow(20)));
  CAPTURE(seed);
  LinkFaults faults;
  faults.loss = 0.2;
  faults.duplicate = 0.1;
  faults.delay = 20ms;
  faults.jitter = 60ms;
  SimNet net(static_cast<std::uint64_t>(seed), faults);
  SeededRandom random(1);
  KeyLimits limits;
  limits.datagrams = 300;  // as many again to have the change acknowledged
  const Handshake made = hub::test::shake_hands(random, net.now().mono);
  SealedEnd client(net, Side::kClient, made.client, client_path(1), random, limits);
  SealedEnd hub(net, Side::kServer, made.server, hub_path(1), random, limits);
  client.connection().widen();
  hub.connection().widen();
  std::uint32_t delivered = 0;
  hub.on_delivered = [&](const auto& message) { CHECK(number_of(message.bytes) == delivered++); };
  int changes = 0;
  bool phase = false;
  client.on_sent = [&](const Path&, Bytes datagram) {
    const bool now_phase = datagram[0] == 0x09;
    changes += now_phase != phase ? 1 : 0;
    phase = now_phase;
  };
  for (std::uint32_t i = 0; i < 1300; ++i) {
    net.after(20ms * i, [&client, i] {
      client.connection().channel().send_talk(numbered(i));
      client.pump();
    });
  }
  REQUIRE(net.run_until([&] { return delivered == 1300; }, 10min));
  CHECK(changes >= 4);
  CHECK_FALSE(hub.connection().is_closed());
  // A datagram that a change of keys overtook by more than the previous key was kept is lost, and
  // comes again; it never ends the connection.
  CHECK(hub.count(Taken::kViolation) == 0);
}
