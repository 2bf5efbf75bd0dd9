#include <memory>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "tests/support/sealed_end.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace std::chrono_literals;
using hub::test::client_path;
using hub::test::Handshake;
using hub::test::hub_path;
using hub::test::seal_by_hand;
using hub::test::SeededRandom;
using Taken = Connection::Taken;

namespace {

using Buffer = std::vector<std::uint8_t>;

// One side alone; the other is the test itself, with the keys in its hands.
struct Alone {
  SeededRandom random{1};
  TimePoint now{1h};
  Handshake made = hub::test::shake_hands(random, now);
  std::unique_ptr<Connection> hub =
      std::make_unique<Connection>(Side::kServer, made.server, hub_path(1), random, now);
  std::uint64_t next = 0;

  Taken give(const Buffer& datagram, const Path& path = hub_path(1)) {
    const auto header = read_transport_header(datagram);
    REQUIRE(header);
    return hub->on_datagram(path, *header, datagram, now);
  }
  Buffer sealed(Bytes frames) {
    return seal_by_hand(made.client.keys.to_responder, false, made.client.theirs, next++, frames);
  }
  Taken give_frames(const Buffer& frames) { return give(sealed(frames)); }
  // The frames of the next datagram, if there is one.
  Buffer sent() {
    Buffer datagram;
    if (!hub->poll_transmit(now, datagram)) return {};
    Buffer plain(kMaxDatagramBytes);
    ReceiveKey key(made.client.keys.to_initiator);
    const auto frames = key.open(*read_transport_header(datagram), datagram, 0s, now, plain);
    REQUIRE(frames);
    return {frames->begin(), frames->end()};
  }
};

}  // namespace

TEST_CASE("an idle connection is small, and holds nothing on the heap") {
  CHECK(sizeof(Connection) <= kMaxIdleConnectionBytes);
  CHECK(kMaxIdleConnectionBytes < 1'024);
}

TEST_CASE("each datagram says who sent it at once or nothing at all") {
  Alone alone;
  const Buffer good = alone.sealed(Buffer{1});
  Buffer other_id = good;
  other_id[1] ^= 1;
  CHECK(alone.give(other_id) == Taken::kForged);
  const TimePoint before = alone.hub->last_heard();
  alone.now += 1s;
  Buffer forged = good;
  forged.back() ^= 1;
  CHECK(alone.give(forged) == Taken::kForged);
  CHECK(alone.hub->last_heard() == before);
  CHECK(alone.give(good) == Taken::kFresh);
  CHECK(alone.hub->last_heard() == alone.now);
  alone.now += 1s;
  CHECK(alone.give(good) == Taken::kReplayed);
  CHECK(alone.hub->last_heard() == alone.now - 1s);
  // Ours does not pass for theirs.
  CHECK(alone.give(seal_by_hand(alone.made.client.keys.to_initiator, false,
                                alone.made.client.theirs, 7, Buffer{1})) == Taken::kForged);
}

TEST_CASE("authenticate, then replay, then roam, then frames: in this order") {
  const Path elsewhere = hub_path(2);
  SECTION("what does not authenticate marks no number as seen and moves nothing") {
    Alone alone;
    const Buffer good = alone.sealed(Buffer{1});
    Buffer forged = good;
    forged.back() ^= 1;
    CHECK(alone.give(forged, elsewhere) == Taken::kForged);
    CHECK(alone.hub->path() == hub_path(1));
    CHECK(alone.give(good) == Taken::kFresh);
  }
  SECTION("a repeat moves nothing") {
    Alone alone;
    const Buffer good = alone.sealed(Buffer{1});
    REQUIRE(alone.give(good) == Taken::kFresh);
    CHECK(alone.give(good, elsewhere) == Taken::kReplayed);
    CHECK(alone.hub->path() == hub_path(1));
    CHECK(alone.hub->is_path_proven());
  }
  SECTION("a repeat is not read: it would be a violation") {
    Alone alone;
    const Buffer good = alone.sealed(Buffer{1});
    REQUIRE(alone.give(good) == Taken::kFresh);
    // As no peer does it: the same number, other frames.
    CHECK(alone.give(seal_by_hand(alone.made.client.keys.to_responder, false,
                                  alone.made.client.theirs, 0, Buffer{0xff})) == Taken::kReplayed);
    CHECK_FALSE(alone.hub->is_closed());
  }
  SECTION("the move comes before the frames: what they ask for goes the new way") {
    Alone alone;
    Buffer frames = {1};
    CHECK(alone.give(alone.sealed(frames), elsewhere) == Taken::kFresh);
    CHECK(alone.hub->path() == elsewhere);
    CHECK_FALSE(alone.hub->is_path_proven());
  }
}

TEST_CASE("a violation closes the connection and says so once") {
  const Buffer frames = GENERATE(Buffer{0xff}, Buffer{0x02, 0x05, 0x00, 0x00, 0x00},
                                 Buffer{0x03, 0x00, 0x00}, Buffer{0x09}, Buffer{0x04, 0, 0, 1, 7});
  Alone alone;
  CHECK(alone.give_frames(frames) == Taken::kViolation);
  CHECK(alone.hub->is_closed());
  CHECK(alone.hub->close_reason() == CloseReason::kProtocolError);
  CHECK(alone.sent() == Buffer{0x09, 3});
  CHECK(alone.sent().empty());
  CHECK_FALSE(alone.hub->next_timeout());
  CHECK(alone.give_frames({1}) == Taken::kForged);  // nothing is taken any more
}

TEST_CASE("a close frame without a reason that is known still closes") {
  const std::uint8_t reason = GENERATE(as<std::uint8_t>(), 0, 8, 255);
  Alone alone;
  CHECK(alone.give_frames({0x09, reason}) == Taken::kClosed);
  CHECK(alone.hub->is_closed());
  CHECK(alone.hub->close_reason() != CloseReason::kNone);
  CHECK(alone.sent().empty());
}

TEST_CASE("what came before the close in the same datagram can still be taken") {
  Alone alone;
  CHECK(alone.give_frames({0x03, 0, 2, 'h', 'i', 0x09, 1}) == Taken::kClosed);
  const auto delivered = alone.hub->take_delivered();
  REQUIRE(delivered.size() == 1);
  const Bytes bytes = delivered[0].bytes;
  CHECK(Buffer(bytes.begin(), bytes.end()) == Buffer{'h', 'i'});
}

TEST_CASE("a mark is taken once") {
  Alone alone;
  CHECK_FALSE(alone.hub->take_mark());
  REQUIRE(alone.give_frames({0x0a, 5}) == Taken::kFresh);
  CHECK(alone.hub->take_mark() == 5);
  CHECK_FALSE(alone.hub->take_mark());
}

TEST_CASE("only the client can be asked for its path, and each answer has its own datagram") {
  Alone alone;
  REQUIRE(alone.give_frames({0x07, 1, 2, 3, 4, 5, 6, 7, 8}) == Taken::kFresh);
  CHECK(alone.sent().empty());

  Connection client(Side::kClient, alone.made.client, client_path(1), alone.random, alone.now);
  const Buffer asked =
      seal_by_hand(alone.made.client.keys.to_initiator, false, alone.made.client.ours, 0,
                   Buffer{0x07, 1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(client.on_datagram(client_path(1), *read_transport_header(asked), asked, alone.now) ==
          Taken::kFresh);
  Buffer out;
  CHECK(client.poll_transmit(alone.now, out) == client_path(1));
  CHECK(out == seal_by_hand(alone.made.client.keys.to_responder, false, alone.made.client.theirs, 0,
                            Buffer{0x08, 1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK_FALSE(client.poll_transmit(alone.now, out));
}

TEST_CASE("a hub that asks for the path without end gets few answers") {
  Alone alone;
  Connection client(Side::kClient, alone.made.client, client_path(1), alone.random, alone.now);
  Buffer frames;
  while (frames.size() + 9 <= kBaseFrameBytes) {
    frames.insert(frames.end(),
                  {0x07, 1, 2, 3, 4, 5, 6, 7, static_cast<std::uint8_t>(frames.size())});
  }
  std::size_t received = 0;
  for (std::uint64_t number = 0; number < 50; ++number) {
    const Buffer asked = seal_by_hand(alone.made.client.keys.to_initiator, false,
                                      alone.made.client.ours, number, frames);
    received += asked.size();
    REQUIRE(client.on_datagram(client_path(1), *read_transport_header(asked), asked, alone.now) ==
            Taken::kFresh);
  }
  Buffer out;
  while (client.poll_transmit(alone.now, out)) {
  }
  CHECK(out.size() < 1'000);  // what waits is bounded
}

TEST_CASE("the token of a reset is the one that the hub's welcome told") {
  SeededRandom random(1);
  const TimePoint now{1h};
  const KeyPair server = generate_key_pair(random);
  const Key reset_key = generate_key_pair(random).secret;
  Responder responder({}, {server}, reset_key, 1, random);
  Initiator initiator(server.public_key, random, now);
  Buffer hello;
  Buffer welcome;
  initiator.poll_transmit(now, hello);
  responder.on_stranger(hub_path(1).remote, hello, now, welcome);
  const auto event = initiator.on_datagram(welcome, now);
  const Connection client(Side::kClient, std::get<Established>(*event), client_path(1), random,
                          now);
  CHECK(client.expected_reset() == responder.reset_token_of(client.peer_id()));
  CHECK(client.expected_reset() != responder.reset_token_of(client.peer_id() + 1));
  CHECK(client.expected_reset() != ResetToken{});
}

TEST_CASE("a key that the peer acknowledges nothing under ends the connection in time") {
  Alone alone;
  KeyLimits limits;
  limits.datagrams = 10;
  Connection hub(Side::kServer, alone.made.server, hub_path(1), alone.random, alone.now, limits);
  Buffer out;
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(hub.is_closed());
    hub.channel().ping();
    out.clear();
    REQUIRE(hub.poll_transmit(alone.now, out));
    CHECK(out[0] == 0x08);
  }
  CHECK(hub.is_closed());
  out.clear();
  REQUIRE(hub.poll_transmit(alone.now, out));  // the close frame
  CHECK(out.size() == kTransportOverhead + 2);
  CHECK_FALSE(hub.poll_transmit(alone.now, out));
}
