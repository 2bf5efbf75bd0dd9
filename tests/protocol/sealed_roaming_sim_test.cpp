#include <utility>

#include <catch2/catch.hpp>

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

const Path kOld = hub_path(1);

}  // namespace

TEST_CASE("a conversation goes on while the NAT changes its mapping again and again") {
  const auto seed = GENERATE_COPY(range(1, 1 + fewer_if_slow(30)));
  CAPTURE(seed);
  LinkFaults faults;
  faults.loss = 0.01 * (seed % 20);
  faults.duplicate = 0.1;
  faults.delay = 20ms;
  faults.jitter = 20ms;
  SimNet net(static_cast<std::uint64_t>(seed), faults);
  SeededRandom random(1);
  const Handshake made = hub::test::shake_hands(random, net.now().mono);
  SealedEnd client(net, Side::kClient, made.client, client_path(1), random);
  SealedEnd hub(net, Side::kServer, made.server, kOld, random);
  client.connection().widen();
  hub.connection().widen();
  constexpr std::uint32_t kMessages = 400;
  std::uint32_t at_hub = 0;
  std::uint32_t at_client = 0;
  hub.on_delivered = [&](const auto& message) { CHECK(number_of(message.bytes) == at_hub++); };
  client.on_delivered = [&](const auto& message) {
    CHECK(number_of(message.bytes) == at_client++);
  };
  for (std::uint32_t i = 0; i < kMessages; ++i) {
    net.after(25ms * i, [&, i] {
      for (SealedEnd* end : {&client, &hub}) {
        REQUIRE(end->connection().channel().send_talk(numbered(i, 60)));
        end->pump();
      }
    });
  }
  for (int i = 1; i <= 8; ++i) {  // another port, or another address
    net.after(1'100ms * i, [&client, i] {
      client.rebind(
          hub_path(static_cast<std::uint8_t>(1 + i / 2), static_cast<std::uint16_t>(40'000 + i % 2))
              .remote);
    });
  }
  REQUIRE(net.run_until([&] { return at_hub == kMessages && at_client == kMessages; }, 10min));
  // One message more, for the last move to be proven at leisure.
  net.faults().loss = 0;
  client.connection().channel().ping();
  client.pump();
  net.run_for(10s);
  CHECK(hub.connection().path().remote == client.seen_as());
  CHECK(hub.connection().is_path_proven());
}

TEST_CASE(
    "the newest datagram, captured and sent on from elsewhere first, moves nothing for long") {
  const auto seed = GENERATE_COPY(range(1, 1 + fewer_if_slow(20)));
  CAPTURE(seed);
  LinkFaults faults;
  faults.delay = 30ms;
  faults.jitter = 5ms;
  SimNet net(static_cast<std::uint64_t>(seed), faults);
  SeededRandom random(1);
  const Handshake made = hub::test::shake_hands(random, net.now().mono);
  SealedEnd client(net, Side::kClient, made.client, client_path(1), random);
  SealedEnd hub(net, Side::kServer, made.server, kOld, random);
  client.connection().widen();
  hub.connection().widen();
  const Endpoint attacker = hub_path(66).remote;
  std::uint64_t attacker_got = 0;
  std::uint64_t attacker_sent = 0;
  net.attach(attacker,
             [&](const Endpoint&, const Endpoint&, Bytes bytes) { attacker_got += bytes.size(); });
  int moved = 0;
  int captured = 0;
  client.on_sent = [&](const Path&, Bytes datagram) {
    if (net.dice()() % 4 != 0) return;
    ++captured;
    attacker_sent += datagram.size();
    const Buffer copy(datagram.begin(), datagram.end());
    // A shorter way than the client's.
    net.after(1ms, [&, copy] {
      const auto header = read_transport_header(copy);
      hub.connection().on_datagram({kOld.local, attacker}, *header, copy, net.now().mono);
      hub.pump();
      moved += hub.connection().path().remote == attacker ? 1 : 0;
    });
  };
  std::uint32_t at_hub = 0;
  std::uint32_t at_client = 0;
  hub.on_delivered = [&](const auto& message) { CHECK(number_of(message.bytes) == at_hub++); };
  client.on_delivered = [&](const auto& message) {
    CHECK(number_of(message.bytes) == at_client++);
  };
  for (std::uint32_t i = 0; i < 200; ++i) {
    net.after(50ms * i, [&, i] {
      for (SealedEnd* end : {&client, &hub}) {
        end->connection().channel().send_talk(numbered(i, 60));
        end->pump();
      }
    });
  }
  REQUIRE(net.run_until([&] { return at_hub == 200 && at_client == 200; }, 5min));
  CHECK(captured > 10);
  CHECK(moved > 5);
  client.on_sent = {};
  client.connection().channel().ping();
  client.pump();
  net.run_for(10s);
  CHECK(hub.connection().path() == kOld);
  CHECK(hub.connection().is_path_proven());
  CHECK(attacker_got <= 3 * attacker_sent);
}

TEST_CASE("a move undone by silence: the captured datagram was the last") {
  SimNet net(1);
  net.faults().delay = 30ms;
  SeededRandom random(1);
  const Handshake made = hub::test::shake_hands(random, net.now().mono);
  SealedEnd client(net, Side::kClient, made.client, client_path(1), random);
  SealedEnd hub(net, Side::kServer, made.server, kOld, random);
  const Endpoint attacker = hub_path(66).remote;
  bool captured = false;
  client.on_sent = [&](const Path&, Bytes datagram) {
    if (std::exchange(captured, true)) return;
    const Buffer copy(datagram.begin(), datagram.end());
    net.after(1ms, [&, copy] {
      hub.connection().on_datagram({kOld.local, attacker}, *read_transport_header(copy), copy,
                                   net.now().mono);
      hub.pump();
    });
  };
  client.connection().channel().send_talk(numbered(0));
  client.pump();
  net.run_for(5ms);
  REQUIRE(hub.connection().path().remote == attacker);
  // The client's answer to the old path's challenge is something newer from there.
  net.run_for(200ms);
  CHECK(hub.connection().path() == kOld);
  CHECK(hub.connection().is_path_proven());
}
