// Loss, probes and acks of one channel, with every datagram in the test's hand.
#include <catch2/catch.hpp>

#include "tests/support/channel_end.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;
using test::Datagram;
using test::numbered;
using test::Side;

namespace {

const TimePoint kStart{1h};

/// A datagram with nothing but an ack of these, ascending.
Datagram ack_of(std::uint64_t number, const std::vector<Range>& ranges, Duration delay = 0ms) {
  Datagram out{number, {}};
  REQUIRE(encode_ack(ranges, delay, kBaseFrameBytes, out.frames));
  return out;
}

std::vector<Frame> frames_of(const Datagram& datagram) {
  auto list = decode(datagram.frames);
  REQUIRE(list);
  std::vector<Frame> frames;
  while (const auto frame = list->next()) frames.push_back(*frame);
  return frames;
}

std::vector<std::uint64_t> talk_seqs(const Datagram& datagram) {
  std::vector<std::uint64_t> seqs;
  for (const auto& frame : frames_of(datagram)) {
    if (frame.type == FrameType::kTalk) seqs.push_back(frame.seq);
  }
  return seqs;
}

/// Sends a message a datagram, 1 ms apart.
void send_one_by_one(Side& side, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    REQUIRE(side.channel.send_talk(numbered(i)));
    REQUIRE(side.poll(kStart + 1ms * i));
  }
}

}  // namespace

TEST_CASE("a datagram overtaken by three is lost, by two it is not") {
  Side side;
  send_one_by_one(side, 4);
  side.receive(ack_of(0, {{2, 2}}), kStart + 50ms);
  CHECK_FALSE(side.poll(kStart + 50ms));
  side.receive(ack_of(1, {{2, 3}}), kStart + 51ms);
  const auto again = side.poll(kStart + 51ms);
  REQUIRE(again);
  CHECK(again->number == 4);
  CHECK(talk_seqs(*again) == std::vector<std::uint64_t>{0});
  CHECK_FALSE(side.poll(kStart + 51ms));
}

TEST_CASE("a datagram overtaken 9/8 of a round trip ago is lost") {
  Side side;
  send_one_by_one(side, 2);
  side.receive(ack_of(0, {{1, 1}}), kStart + 81ms);  // an RTT of 80 ms: 90 ms after it was sent
  CHECK_FALSE(side.poll(kStart + 81ms));
  CHECK(side.channel.next_timeout() == kStart + 90ms);
  side.channel.on_timeout(kStart + 89ms);
  CHECK_FALSE(side.poll(kStart + 89ms));
  side.channel.on_timeout(kStart + 90ms);
  const auto again = side.poll(kStart + 90ms);
  REQUIRE(again);
  CHECK(talk_seqs(*again) == std::vector<std::uint64_t>{0});
}

TEST_CASE("the RTT is sampled from the largest number acknowledged, less the peer's delay") {
  Side side;
  CHECK(side.channel.smoothed_rtt() == 333ms);
  CHECK(side.channel.pto() == 1024ms);
  send_one_by_one(side, 3);
  side.receive(ack_of(0, {{0, 1}}, 10ms), kStart + 101ms);
  CHECK(side.channel.smoothed_rtt() == 100ms);
  CHECK(side.channel.pto() == 325ms);
  side.receive(ack_of(1, {{0, 2}}, 10ms), kStart + 128ms);  // 126 - 10
  CHECK(side.channel.smoothed_rtt() == 102ms);
  side.receive(ack_of(2, {{0, 2}}, 10ms), kStart + 900ms);  // nothing new: no sample
  CHECK(side.channel.smoothed_rtt() == 102ms);
}

TEST_CASE("probes come after a PTO, twice that, and never more than 3 s apart") {
  Side side;
  send_one_by_one(side, 1);
  side.receive(ack_of(0, {{0, 0}}), kStart + 100ms);
  TimePoint now = kStart + 1s;
  side.channel.send_talk(numbered(1));
  side.channel.send_talk(numbered(2));
  REQUIRE(side.poll(now));
  const Duration pto = side.channel.pto();
  CHECK(pto == 325ms);
  int expected_count = 0;
  for (const Duration wait :
       {pto, 2 * pto, 4 * pto, Duration(2600ms), Duration(3s), Duration(3s)}) {
    CHECK(side.channel.pto_count() == expected_count);
    REQUIRE(side.channel.next_timeout() == now + wait);
    side.channel.on_timeout(now + wait - 1ns);
    CHECK_FALSE(side.poll(now + wait - 1ns));
    now += wait;
    side.channel.on_timeout(now);
    ++expected_count;
    const auto probes = side.poll_all(now);
    CHECK(probes.size() == (expected_count == 1 ? 1 : 2));
    for (const auto& probe : probes) {
      CHECK(talk_seqs(probe) == std::vector<std::uint64_t>{1, 2});  // the oldest data
    }
  }
  side.receive(ack_of(1, {{side.next_number - 1, side.next_number - 1}}), now + 100ms);
  CHECK(side.channel.pto_count() == 0);
  CHECK(side.channel.is_idle() == false);  // the first copies are still waited for
  CHECK(side.channel.talk_queued_bytes() == 0);
}

TEST_CASE("a probe timeout above the cap is cut to it even without backoff") {
  Config config;
  config.initial_rtt = 2s;
  Side side(config);
  send_one_by_one(side, 1);
  CHECK(side.channel.pto() == 3s);
  CHECK(side.channel.next_timeout() == kStart + 3s);
}

TEST_CASE("an ack after the loss was declared is honoured") {
  Side side;
  send_one_by_one(side, 5);
  side.receive(ack_of(0, {{4, 4}}), kStart + 50ms);  // 0 and 1 are lost, 2 and 3 not yet
  CHECK(side.channel.talk_queued_bytes() == 4 * cost_of(4));
  side.receive(ack_of(1, {{0, 2}, {4, 4}}), kStart + 51ms);
  CHECK(side.channel.talk_queued_bytes() == cost_of(4));
  CHECK_FALSE(side.poll(kStart + 51ms));  // nothing is sent again
  side.receive(ack_of(2, {{0, 4}}), kStart + 52ms);
  CHECK(side.channel.is_idle());
  CHECK(side.channel.bytes_in_flight() == 0);
}

TEST_CASE("a message lost twice is sent a third time") {
  Side side;
  send_one_by_one(side, 4);
  side.receive(ack_of(0, {{1, 3}}), kStart + 50ms);
  REQUIRE(talk_seqs(*side.poll(kStart + 50ms)) == std::vector<std::uint64_t>{0});  // number 4
  for (std::uint32_t i = 0; i < 6; ++i) {  // numbers 5 to 10; 5 to 7 take it along
    side.channel.send_talk(numbered(4 + i));
    REQUIRE(side.poll(kStart + 60ms));
  }
  side.receive(ack_of(1, {{1, 3}, {8, 10}}), kStart + 110ms);
  const auto again = side.poll(kStart + 110ms);
  REQUIRE(again);
  CHECK(talk_seqs(*again) == std::vector<std::uint64_t>{0});
  side.receive(ack_of(2, {{1, 3}, {8, 11}}), kStart + 160ms);
  CHECK(side.channel.is_idle());
}

TEST_CASE("lost messages go before new ones") {
  Side side;
  send_one_by_one(side, 5);
  side.channel.send_talk(numbered(5));
  side.receive(ack_of(0, {{2, 4}}), kStart + 50ms);
  const auto again = side.poll(kStart + 50ms);
  REQUIRE(again);
  CHECK(talk_seqs(*again) == std::vector<std::uint64_t>{0, 1, 5});
}

TEST_CASE("an ack of a number never sent is a violation") {
  Side side;
  CHECK(side.violation(ack_of(0, {{0, 0}}), kStart) == Violation::kAckOfUnsent);
  Side other;
  send_one_by_one(other, 3);
  CHECK_FALSE(other.violation(ack_of(0, {{0, 2}}), kStart + 10ms));
  CHECK(other.violation(ack_of(1, {{0, 3}}), kStart + 10ms) == Violation::kAckOfUnsent);
}

TEST_CASE("an ack frame that is lost is replaced by the next, which reaches as far back") {
  Side from;
  Side to;
  send_one_by_one(from, 0);
  for (std::uint32_t i = 0; i < 4; ++i) {
    from.channel.send_talk(numbered(i));
    to.receive(*from.poll(kStart), kStart);
    if (i % 2 == 1) REQUIRE(to.poll(kStart));  // the first of these never arrives
  }
  from.channel.send_talk(numbered(4));
  to.receive(*from.poll(kStart), kStart);
  const auto ack = to.poll(kStart + 25ms);
  REQUIRE(ack);
  from.receive(*ack, kStart + 30ms);
  CHECK(from.channel.is_idle());
}

TEST_CASE("long loss is persistent congestion, and a single lost datagram is not") {
  Side side;
  send_one_by_one(side, 1);
  side.receive(ack_of(0, {{0, 0}}), kStart + 100ms);
  // A second sample of 100 ms leaves a variance of 37.5 ms: a PTO of 275 ms, three are 825 ms.
  const auto send_at = [&](TimePoint now) {
    side.channel.send_talk(numbered(9));
    return side.poll(now)->number;
  };
  SECTION("two lost more than three PTOs apart, nothing between acknowledged") {
    send_at(kStart + 1s);
    send_at(kStart + 1826ms);
    for (int i = 0; i < 3; ++i) send_at(kStart + 2s);
    side.receive(ack_of(1, {{3, 5}}), kStart + 2100ms);
    CHECK(side.channel.congestion_window() == 2'400);
  }
  SECTION("less than three PTOs apart") {
    send_at(kStart + 1s);
    send_at(kStart + 1825ms);
    for (int i = 0; i < 3; ++i) send_at(kStart + 2s);
    side.receive(ack_of(1, {{3, 5}}), kStart + 2100ms);
    CHECK(side.channel.congestion_window() == 6'000);
  }
  SECTION("one between acknowledged") {
    send_at(kStart + 1s);
    send_at(kStart + 1500ms);
    send_at(kStart + 2001ms);
    for (int i = 0; i < 3; ++i) send_at(kStart + 2010ms);
    side.receive(ack_of(1, {{2, 2}, {4, 6}}), kStart + 2110ms);
    CHECK(side.channel.congestion_window() == 6'000);
  }
}

TEST_CASE("a new path starts afresh, and what the old one carries tells nothing about it") {
  Side side;
  send_one_by_one(side, 5);
  side.receive(ack_of(0, {{1, 1}}), kStart + 51ms);
  CHECK(side.channel.smoothed_rtt() == 50ms);
  side.channel.on_path_changed(kStart + 60ms);
  CHECK(side.channel.smoothed_rtt() == 333ms);
  CHECK(side.channel.bytes_in_flight() == 0);
  CHECK(side.channel.congestion_window() == 12'000);
  side.receive(ack_of(1, {{1, 1}, {4, 4}}), kStart + 70ms);  // 0 is lost, on the old path
  CHECK(side.channel.smoothed_rtt() == 333ms);
  CHECK(side.channel.congestion_window() == 12'000);
  const auto again = side.poll(kStart + 70ms);
  REQUIRE(again);
  CHECK(talk_seqs(*again) == std::vector<std::uint64_t>{0});
  side.receive(ack_of(2, {{1, 5}}), kStart + 100ms);
  CHECK(side.channel.smoothed_rtt() == 30ms);
  CHECK(side.channel.is_idle());
}

TEST_CASE("a connection at rest moves to a new path as one that is awake") {
  Side side;
  send_one_by_one(side, 1);
  side.receive(ack_of(0, {{0, 0}}), kStart + 100ms);
  REQUIRE(side.channel.is_idle());
  Rest rest = side.channel.rest();
  forget_path(rest);
  const Channel moved({}, rest);
  side.channel.on_path_changed(kStart + 100ms);
  CHECK(moved.smoothed_rtt() == side.channel.smoothed_rtt());
  CHECK(moved.pto() == side.channel.pto());
  CHECK(moved.congestion_window() == side.channel.congestion_window());
  CHECK(moved.path_mtu() == side.channel.path_mtu());
}

TEST_CASE("a ping asks for an ack and is probed like anything else") {
  Side side;
  CHECK_FALSE(side.poll(kStart));
  side.channel.ping();
  CHECK_FALSE(side.channel.is_idle());
  const auto ping = side.poll(kStart);
  REQUIRE(ping);
  CHECK(ping->frames == std::vector<std::uint8_t>{0x01});
  CHECK_FALSE(side.poll(kStart));
  const auto timeout = side.channel.next_timeout();
  REQUIRE(timeout);
  side.channel.on_timeout(*timeout);
  const auto probe = side.poll(*timeout);
  REQUIRE(probe);
  CHECK(probe->frames == std::vector<std::uint8_t>{0x01});
  side.receive(ack_of(0, {{0, 1}}), *timeout + 50ms);
  CHECK(side.channel.is_idle());
  CHECK_FALSE(side.channel.next_timeout());
}

TEST_CASE("an ack waits at most 25 ms, and then asks for nothing itself") {
  Side side;
  Side peer;
  peer.channel.ping();
  side.receive(*peer.poll(kStart), kStart);
  CHECK_FALSE(side.poll(kStart));
  CHECK(side.channel.next_timeout() == kStart + 25ms);
  side.channel.on_timeout(kStart + 25ms);
  CHECK_FALSE(side.channel.next_timeout());  // due: only sending helps now
  const auto ack = side.poll(kStart + 25ms);
  REQUIRE(ack);
  CHECK(side.channel.is_idle());
  const auto received = peer.receive(*ack, kStart + 30ms);
  CHECK_FALSE(received.ack_eliciting);
  CHECK(peer.channel.is_idle());
  CHECK_FALSE(peer.poll(kStart + 1h));
}

TEST_CASE("an ack rides along with a message that goes anyway") {
  Side side;
  Side peer;
  peer.channel.ping();
  side.receive(*peer.poll(kStart), kStart);
  side.channel.send_talk(numbered(0));
  const auto datagram = side.poll(kStart);
  REQUIRE(datagram);
  const auto frames = frames_of(*datagram);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == FrameType::kAck);
  CHECK(frames[1].type == FrameType::kTalk);
  CHECK_FALSE(side.poll(kStart + 25ms));  // it has had its ack
}

TEST_CASE("paths and close are handed up, and ask for no ack") {
  Side side;
  Datagram datagram{0, {}};
  encode_path(false, {1, 2, 3, 4, 5, 6, 7, 8}, datagram.frames);
  encode_path(true, {8, 7, 6, 5, 4, 3, 2, 1}, datagram.frames);
  encode_close(4, datagram.frames);
  const auto received = side.receive(datagram, kStart);
  CHECK_FALSE(received.ack_eliciting);
  REQUIRE(received.path_frames.size() == 2);
  CHECK_FALSE(received.path_frames[0].is_response);
  CHECK(received.path_frames[0].data == PathData{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(received.path_frames[1].is_response);
  CHECK(received.close_reason == 4);
  CHECK(side.channel.is_idle());
}

TEST_CASE("the RTT is sampled too where the largest number acknowledged asked for no ack") {
  Side side;
  Side peer;
  send_one_by_one(side, 1);  // number 0
  peer.channel.ping();       // the ack of it is number 1
  side.receive(*peer.poll(kStart), kStart);
  side.channel.on_timeout(kStart + 25ms);
  const auto ack = side.poll(kStart + 25ms);
  REQUIRE(ack);
  REQUIRE(ack->number == 1);
  side.receive(ack_of(1, {{0, 1}}), kStart + 95ms);
  CHECK(side.channel.smoothed_rtt() == 70ms);
}

TEST_CASE("any message survives the loss of any one datagram of a conversation") {
  for (std::size_t lost = 0; lost < 12; ++lost) {
    CAPTURE(lost);
    Side a;
    Side b;
    TimePoint now = kStart;
    std::size_t carried = 0;
    std::vector<std::uint32_t> seen;
    const auto carry = [&](Side& from, Side& to) {
      for (const auto& datagram : from.poll_all(now)) {
        if (carried++ != lost) to.receive(datagram, now + 10ms);
      }
    };
    for (std::uint32_t i = 0; i < 100 && (i < 6 || !a.channel.is_idle() || !b.channel.is_idle());
         ++i) {
      if (i < 6) a.channel.send_talk(numbered(i));
      if (i < 6) b.channel.send_talk(numbered(i));
      carry(a, b);
      now += 10ms;
      carry(b, a);
      for (const auto& message : b.channel.take_delivered()) {
        seen.push_back(test::number_of(message.bytes));
      }
      a.channel.take_delivered();
      auto next = a.channel.next_timeout();
      const auto other = b.channel.next_timeout();
      if (!next || (other && *other < *next)) next = other;
      if (next) now = std::max(now + 10ms, *next);
      a.channel.on_timeout(now);
      b.channel.on_timeout(now);
    }
    REQUIRE(seen == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5});
    CHECK(a.channel.is_idle());
    CHECK(b.channel.is_idle());
  }
}
