#include <catch2/catch.hpp>

#include "tests/support/roaming_hub.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace hub::test::roaming;
using namespace std::chrono_literals;
using hub::test::client_path;
using hub::test::Handshake;
using hub::test::hub_path;
using hub::test::seal_by_hand;
using hub::test::SeededRandom;

TEST_CASE("a connection that moved takes no more memory at rest than one that stayed") {
  const bool is_proven = GENERATE(true, false);
  Hub hub;
  CHECK(hub.connection.is_at_rest());
  hub.measure(kOld, 20ms);
  CHECK(hub.connection.is_at_rest());
  hub.come(kNew);
  hub.poll();
  CHECK_FALSE(hub.connection.is_at_rest());
  if (is_proven) {
    hub.answer(kNew);
  } else {  // nobody answers, so it goes back
    hub.now = *hub.connection.next_timeout() + 1s;
    hub.connection.on_timeout(hub.now);
    hub.now += 10s;
    hub.connection.on_timeout(hub.now);
  }
  CHECK(hub.connection.is_path_proven());
  hub.acknowledge(is_proven ? kNew : kOld);
  hub.now += 30ms;
  hub.connection.on_timeout(hub.now);
  hub.poll();
  CHECK(hub.connection.path() == (is_proven ? kNew : kOld));
  CHECK(hub.connection.is_at_rest());
}

TEST_CASE("a connection says once that it moved, when that is proven and not undone") {
  Hub hub;
  CHECK_FALSE(hub.connection.has_moved());
  hub.come(kNew);
  CHECK_FALSE(hub.connection.has_moved());
  CHECK(hub.connection.proven_path() == kOld);
  hub.connection.settle_move();  // of the old path, while the new one is on trial
  hub.poll();
  hub.answer(kNew);
  CHECK(hub.connection.has_moved());
  CHECK(hub.connection.proven_path() == kNew);
  hub.come(kThird);  // and back, before anybody asked
  hub.come(kNew);
  CHECK(hub.connection.is_path_proven());
  CHECK(hub.connection.has_moved());
  hub.connection.settle_move();
  CHECK_FALSE(hub.connection.has_moved());
  hub.come(kThird);
  hub.come(kOld);
  hub.come(kNew);
  CHECK(hub.connection.is_path_proven());
  CHECK_FALSE(hub.connection.has_moved());
  hub.come(kThird);
  hub.connection.settle_here();  // noted before it is proven
  CHECK_FALSE(hub.connection.has_moved());
  hub.come(kNew);
  CHECK(hub.connection.has_moved());  // it was not
  hub.connection.settle_move();
  Path other_local = kNew;
  other_local.local.port = 4;
  hub.come(other_local);  // the same client asks another of our addresses
  CHECK(hub.connection.has_moved());
}

TEST_CASE("the newest datagram moves the connection, an older one does not") {
  Hub hub;
  const Buffer late = hub.sealed({1});
  hub.come(kOld);
  CHECK(hub.give(late, kNew) == Taken::kFresh);
  CHECK(hub.connection.path() == kOld);
  CHECK(hub.connection.is_path_proven());
  hub.come(kNew);
  CHECK(hub.connection.path() == kNew);
  CHECK_FALSE(hub.connection.is_path_proven());
}

TEST_CASE("the same address on another of the hub's own moves only the answer") {
  Hub hub;
  const Buffer late = hub.sealed({1});
  Path other = kOld;
  other.local.ip = IpAddress::v4(192, 0, 2, 77);
  hub.come(other);
  CHECK(hub.connection.path() == other);
  CHECK(hub.connection.is_path_proven());
  CHECK(hub.give(late, kOld) == Taken::kFresh);
  CHECK(hub.connection.path() == other);
}

TEST_CASE("after a move both paths are challenged, and again each PTO") {
  Hub hub;
  hub.come(kNew);
  auto went = hub.poll();
  CHECK(hub.asked.size() == 2);
  CHECK(hub.asked.at(kOld.remote) != hub.asked.at(kNew.remote));
  CHECK(went.at(kOld.remote) == kTransportOverhead + 9);
  const auto first = hub.asked;
  const TimePoint start = hub.now;
  const Duration pto = hub.connection.pto();
  for (int i = 0; i < 2; ++i) {
    hub.asked.clear();
    // More bytes from there, so that a challenge may be sent at all.
    hub.come(kNew);
    hub.now = start + pto * (i + 1);
    hub.connection.on_timeout(hub.now);
    hub.poll();
    CHECK(hub.asked == first);  // whichever of them arrives
  }
}

TEST_CASE("the answer to the new path's challenge, from there, proves it") {
  Hub hub;
  hub.come(kNew);
  hub.poll();
  hub.answer(kNew);
  CHECK(hub.connection.is_path_proven());
  CHECK(hub.connection.path() == kNew);
  hub.poll();
  hub.now += 1min;
  hub.connection.on_timeout(hub.now);
  CHECK(hub.connection.path() == kNew);
  // From now on it is the old path of the next move.
  hub.come(kThird);
  hub.come(kNew);
  CHECK(hub.connection.path() == kNew);
  CHECK(hub.connection.is_path_proven());
}

TEST_CASE("what does not prove a path") {
  Hub hub;
  const Buffer late = hub.sealed({1});
  hub.come(kNew);
  hub.poll();
  const Data right = hub.asked.at(kNew.remote);
  SECTION("another answer") {
    for (std::size_t bit = 0; bit < 64; ++bit) {
      Data data = right;
      data[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      hub.come(kNew, Hub::answer_frames(data));
    }
  }
  SECTION("the old path's answer") {
    hub.come(kNew, Hub::answer_frames(hub.asked.at(kOld.remote)));
  }
  SECTION("traffic") {
    for (int i = 0; i < 10; ++i) hub.come(kNew);
  }
  SECTION("the right answer from the old path, in an older datagram") {
    // Else whoever is there could prove an address that is not his.
    const Buffer answer = seal_by_hand(hub.made.client.keys.to_responder, false,
                                       hub.made.client.theirs, 0, Hub::answer_frames(right));
    REQUIRE(hub.give(answer, kOld) == Taken::kFresh);
  }
  SECTION("the right answer from a third address, in an older datagram") {
    const Buffer answer = seal_by_hand(hub.made.client.keys.to_responder, false,
                                       hub.made.client.theirs, 0, Hub::answer_frames(right));
    REQUIRE(hub.give(answer, kThird) == Taken::kFresh);
  }
  SECTION("a challenge with the right data") {
    Buffer frames;
    channel::encode_path(false, right, frames);
    hub.come(kNew, frames);
  }
  CHECK(hub.connection.path() == kNew);
  CHECK_FALSE(hub.connection.is_path_proven());
}

TEST_CASE("the right answer in a newer datagram from a third address moves there unproven") {
  Hub hub;
  hub.come(kNew);
  hub.poll();
  hub.come(kThird, Hub::answer_frames(hub.asked.at(kNew.remote)));
  CHECK(hub.connection.path() == kThird);
  CHECK_FALSE(hub.connection.is_path_proven());
  hub.poll();
  CHECK(hub.asked.at(kThird.remote) != hub.asked.at(kNew.remote));
  // And the way back is still the proven one.
  hub.come(kOld);
  CHECK(hub.connection.path() == kOld);
  CHECK(hub.connection.is_path_proven());
}

TEST_CASE("a path without proof is left after three PTOs") {
  Hub hub;
  hub.come(kNew);
  const TimePoint end = hub.now + 3 * hub.connection.pto();
  hub.poll();
  hub.connection.on_timeout(end - 1ns);
  CHECK(hub.connection.path() == kNew);
  hub.now = end;
  hub.connection.on_timeout(end);
  CHECK(hub.connection.path() == kOld);
  CHECK(hub.connection.is_path_proven());
}

TEST_CASE("a newer datagram on the old path goes back at once, an older one does not") {
  Hub hub;
  const Buffer late = hub.sealed({1});
  hub.come(kNew);
  hub.poll();
  REQUIRE(hub.give(late, kOld) == Taken::kFresh);
  CHECK(hub.connection.path() == kNew);
  hub.come(kOld);
  CHECK(hub.connection.path() == kOld);
  CHECK(hub.connection.is_path_proven());
  // And so does the answer to the old path's challenge, which is a datagram from there.
  hub.come(kNew);
  hub.poll();
  hub.answer(kOld);
  CHECK(hub.connection.path() == kOld);
  CHECK(hub.connection.is_path_proven());
}

TEST_CASE("RTT and congestion window begin afresh with another address, not with another port") {
  Hub hub;
  for (int i = 0; i < 5; ++i) hub.measure(kOld, 40ms);
  const Duration rtt = hub.connection.channel().smoothed_rtt();
  const Duration pto = hub.connection.pto();
  REQUIRE(rtt == 40ms);
  const Path other_port = hub_path(1, 40'001);
  hub.come(other_port);
  CHECK(hub.connection.channel().smoothed_rtt() == rtt);
  CHECK(hub.connection.pto() == pto);
  hub.poll();
  hub.answer(other_port);
  REQUIRE(hub.connection.is_path_proven());
  hub.come(kNew);
  CHECK(hub.connection.channel().smoothed_rtt() == 333ms);
  hub.poll();
  hub.answer(kNew);
  CHECK(hub.connection.channel().smoothed_rtt() == 333ms);
  CHECK(hub.connection.is_path_proven());
}

TEST_CASE("a challenge that waited is not sent to a path that was left") {
  Hub hub;
  hub.come(kNew);
  hub.come(kThird);  // before anything could be sent
  auto went = hub.poll();
  CHECK(went.count(kNew.remote) == 0);
  hub.come(kNew);
  hub.come(kOld);
  went = hub.poll();
  CHECK(went.count(kNew.remote) == 0);
}

TEST_CASE("a trial keeps no channel awake for nothing") {
  Hub hub;
  hub.come(kNew, {0x0a, 1});  // asks for no ack
  hub.poll();
  for (int i = 0; i < 10 && hub.connection.next_timeout(); ++i) {
    hub.now = *hub.connection.next_timeout();
    hub.connection.on_timeout(hub.now);
    hub.poll();
  }
  CHECK(hub.connection.path() == kOld);
  CHECK_FALSE(hub.connection.next_timeout());
}

TEST_CASE("a client that changes its address pings from there") {
  SeededRandom random(1);
  const TimePoint now{1h};
  const Handshake made = hub::test::shake_hands(random, now);
  Connection client(Side::kClient, made.client, client_path(1), random, now);
  Buffer out;
  CHECK_FALSE(client.poll_transmit(now, out));
  client.set_path(client_path(2), now);
  CHECK(client.path() == client_path(2));
  CHECK(client.poll_transmit(now, out) == client_path(2));
  CHECK(client.channel().smoothed_rtt() == 333ms);
  // The client is where it is, from wherever an answer seems to come.
  const Buffer datagram =
      seal_by_hand(made.client.keys.to_initiator, false, made.client.ours, 0, Buffer{1});
  REQUIRE(client.on_datagram(client_path(9), *read_transport_header(datagram), datagram, now) ==
          Taken::kFresh);
  CHECK(client.path() == client_path(2));
  CHECK(client.is_path_proven());
}
