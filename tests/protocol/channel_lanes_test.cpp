// Lanes, windows, coalescing and rest, with every datagram in the test's hand.
#include <catch2/catch.hpp>

#include "tests/support/channel_end.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;
using test::after_login;
using test::Datagram;
using test::number_of;
using test::numbered;
using test::Side;

namespace {

const TimePoint kStart{1h};

/// Exchanges datagrams, 10 ms each way, until both have nothing more to say for now.
void exchange(Side& a, Side& b, TimePoint& now) {
  for (int budget = 0;; ++budget) {
    REQUIRE(budget < 100'000);
    const auto there = a.poll_all(now);
    const auto back = b.poll_all(now);
    if (there.empty() && back.empty()) {
      const auto next_a = a.channel.next_timeout();
      const auto next_b = b.channel.next_timeout();
      if (!next_a && !next_b) return;
      now = !next_b || (next_a && *next_a < *next_b) ? *next_a : *next_b;
      a.channel.on_timeout(now);
      b.channel.on_timeout(now);
      continue;
    }
    now += 10ms;
    for (const auto& datagram : there) b.receive(datagram, now);
    for (const auto& datagram : back) a.receive(datagram, now);
  }
}

/// Two channels that know each other's windows.
struct Pair {
  explicit Pair(const Config& config = after_login()) : a(config), b(config) { settle(); }
  void settle() { exchange(a, b, now); }
  Side a;
  Side b;
  TimePoint now = kStart;
};

std::vector<Frame> frames_of(const Datagram& datagram) {
  auto list = decode(datagram.frames);
  REQUIRE(list);
  std::vector<Frame> frames;
  while (const auto frame = list->next()) frames.push_back(*frame);
  return frames;
}

Datagram talk(std::uint64_t number, std::uint64_t seq, std::size_t bytes) {
  Datagram out{number, {}};
  encode_talk(seq, std::vector<std::uint8_t>(bytes, 7), out.frames);
  return out;
}

Datagram bulk(std::uint64_t number, StreamId stream, std::uint64_t seq, bool last = false,
              std::size_t bytes = 1) {
  Datagram out{number, {}};
  encode_bulk(stream, seq, last, std::vector<std::uint8_t>(bytes, 7), out.frames);
  return out;
}

}  // namespace

TEST_CASE("messages arrive once and in order, whatever order the datagrams have") {
  Pair pair;
  std::vector<Datagram> datagrams;
  for (std::uint32_t i = 0; i < 4; ++i) {
    pair.a.channel.send_talk(numbered(i));
    datagrams.push_back(*pair.a.poll(pair.now));
  }
  for (const std::size_t i : {2u, 0u, 3u}) pair.b.receive(datagrams[i], pair.now);
  auto delivered = pair.b.channel.take_delivered();
  REQUIRE(delivered.size() == 1);
  CHECK(number_of(delivered[0].bytes) == 0);
  pair.b.receive(datagrams[1], pair.now);
  delivered = pair.b.channel.take_delivered();
  REQUIRE(delivered.size() == 3);
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(number_of(delivered[i].bytes) == i + 1);
  // The same messages once more, as a peer sends them whose acks were lost.
  for (Datagram again : datagrams) {
    again.number += 100;
    pair.b.receive(again, pair.now);
  }
  CHECK_FALSE(pair.b.channel.has_delivered());
}

TEST_CASE("a repeat of what is still buffered is no second message") {
  Side side;
  side.receive(talk(0, 1, 10), kStart);
  side.receive(talk(1, 1, 10), kStart);
  side.receive(talk(2, 0, 10), kStart);
  CHECK(side.channel.take_delivered().size() == 2);
}

TEST_CASE("messages that wait go together, as many as fit") {
  Pair pair;
  for (std::uint32_t i = 0; i < 40; ++i) pair.a.channel.send_talk(numbered(i, 100));
  const auto first = pair.a.poll(pair.now);
  REQUIRE(first);
  CHECK(first->frames.size() <= kBaseFrameBytes);
  CHECK(first->frames.size() > kBaseFrameBytes - 104);
  CHECK(frames_of(*first).size() == 11);
  CHECK(pair.a.poll_all(pair.now).size() == 3);
}

TEST_CASE("a datagram is never larger than the caller allows") {
  Pair pair;
  pair.a.channel.send_talk(numbered(0, 200));
  CHECK_FALSE(pair.a.poll(pair.now, 0));
  CHECK_FALSE(pair.a.poll(pair.now, 203));
  const auto datagram = pair.a.poll(pair.now, 205);
  REQUIRE(datagram);
  CHECK(datagram->frames.size() <= 205);
}

TEST_CASE("talk goes before bulk, and bulk fills the rest of the datagram") {
  Pair pair;
  const StreamId stream = pair.a.channel.open_bulk();
  for (std::uint32_t i = 0; i < 4; ++i) {
    pair.a.channel.send_bulk(stream, numbered(i, 300), i == 3);
    pair.a.channel.send_talk(numbered(i, 300));
  }
  std::vector<FrameType> order;
  for (const auto& datagram : pair.a.poll_all(pair.now)) {
    for (const auto& frame : frames_of(datagram)) order.push_back(frame.type);
  }
  const std::vector<FrameType> expected = {FrameType::kTalk, FrameType::kTalk,    FrameType::kTalk,
                                           FrameType::kTalk, FrameType::kBulk,    FrameType::kBulk,
                                           FrameType::kBulk, FrameType::kBulkLast};
  CHECK(order == expected);
}

TEST_CASE("bulk streams are served a message at a time, in turn") {
  Pair pair;
  std::vector<StreamId> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(pair.a.channel.open_bulk());
  for (const StreamId stream : streams) {
    for (std::uint32_t i = 0; i < 3; ++i) pair.a.channel.send_bulk(stream, numbered(i), i == 2);
  }
  pair.settle();
  std::vector<StreamId> order;
  std::vector<bool> last;
  for (const auto& message : pair.b.channel.take_delivered()) {
    order.push_back(message.stream);
    last.push_back(message.last);
  }
  CHECK(order == std::vector<StreamId>{0, 1, 2, 0, 1, 2, 0, 1, 2});
  CHECK(last == std::vector<bool>{false, false, false, false, false, false, true, true, true});
  pair.settle();
  CHECK(pair.a.channel.is_idle());
  CHECK(pair.b.channel.is_idle());
  CHECK_FALSE(pair.a.channel.send_bulk(streams[0], numbered(0), false));  // it has ended
  CHECK_FALSE(pair.a.channel.send_bulk(99, numbered(0), false));          // it was never opened
}

TEST_CASE("talk has a reserve behind a congestion window full of bulk") {
  Pair pair;
  const StreamId stream = pair.a.channel.open_bulk();
  for (std::uint32_t i = 0; i < 100; ++i) {
    pair.a.channel.send_bulk(stream, numbered(i, 1000), i == 99);
  }
  while (pair.a.channel.bytes_in_flight() + 1'100 < pair.a.channel.congestion_window()) {
    pair.a.poll_all(pair.now);
    if (const auto next = pair.a.channel.next_timeout()) pair.now = *next;
  }
  CHECK_FALSE(pair.a.poll(pair.now));
  const std::size_t full = pair.a.channel.bytes_in_flight();
  for (std::uint32_t i = 0; i < 10; ++i) pair.a.channel.send_talk(numbered(i, 1000));
  CHECK(pair.a.poll_all(pair.now).size() == 2);
  CHECK(pair.a.channel.bytes_in_flight() - full <= 2 * kBaseDatagramBytes);
}

TEST_CASE("an unauthenticated peer has 1,024 of window, and beyond it is a violation") {
  Side side;
  CHECK_FALSE(side.violation(talk(0, 0, 1024 - 16), kStart));
  CHECK(side.violation(talk(1, 1, 1), kStart) == Violation::kOverWindow);
  Side other;
  CHECK(other.violation(talk(0, 0, 1009), kStart) == Violation::kOverWindow);
  Side third;
  CHECK(third.violation(bulk(0, 0, 0), kStart) == Violation::kOverWindow);
}

TEST_CASE("a seq further ahead than the window could have let go is a violation") {
  Side side;
  CHECK_FALSE(side.violation(talk(0, 59, 1), kStart));  // 60 messages of 17
  CHECK(side.violation(talk(1, 60, 1), kStart) == Violation::kOverWindow);
  Side other;
  CHECK(other.violation(talk(0, std::uint64_t{1} << 61, 1), kStart) == Violation::kOverWindow);
}

TEST_CASE("the missing messages of all bulk streams together are bounded by the window") {
  Config config;
  config.bulk_window = 1'700;  // 100 messages of 17
  Side side(config);
  side.poll_all(kStart);
  CHECK_FALSE(side.violation(bulk(0, 0, 49), kStart));
  CHECK_FALSE(side.violation(bulk(1, 1, 48), kStart));
  CHECK_FALSE(side.violation(bulk(2, 2, 0), kStart));  // delivered at once: no slot
  CHECK(side.violation(bulk(3, 3, 1), kStart) == Violation::kOverWindow);
}

TEST_CASE("the window slides as messages are taken, not before") {
  Side side;
  REQUIRE_FALSE(side.violation(talk(0, 0, 1000), kStart));
  side.channel.set_windows(0, 0);
  const auto early = side.poll(kStart + 25ms);
  REQUIRE(early);
  for (const auto& frame : frames_of(*early)) CHECK(frame.type != FrameType::kWindow);
  CHECK(side.channel.take_delivered().size() == 1);
  CHECK_FALSE(side.channel.is_idle());  // a window frame is owed
  const auto datagram = side.poll(kStart + 25ms);
  REQUIRE(datagram);
  const auto frames = frames_of(*datagram);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == FrameType::kWindow);
  CHECK(frames[0].lane == Lane::kTalk);
  CHECK(frames[0].limit == 1016 + 1024);
}

TEST_CASE("the sender stops at the peer's window and goes on when it is raised") {
  Side a;
  Side b;
  TimePoint now = kStart;
  for (std::uint32_t i = 0; i < 10; ++i) a.channel.send_talk(numbered(i, 284));  // 300 each
  std::size_t messages = 0;
  for (const auto& datagram : a.poll_all(now)) {
    messages += frames_of(datagram).size();
    b.receive(datagram, now);
  }
  CHECK(messages == 3);
  CHECK(b.channel.take_delivered().size() == 3);
  exchange(a, b, now);
  CHECK(b.channel.take_delivered().size() == 3);
  exchange(a, b, now);
  b.channel.set_windows(32'768, 0);
  exchange(a, b, now);
  CHECK(b.channel.take_delivered().size() == 4);
}

TEST_CASE("a lost window frame is announced again") {
  Side side;
  Side peer;
  side.channel.set_windows(32'768, 262'144);
  REQUIRE(side.poll(kStart));  // lost
  for (int i = 0; i < 3; ++i) {
    side.channel.ping();
    peer.receive(*side.poll(kStart + 1ms), kStart + 1ms);
  }
  for (const auto& ack : peer.poll_all(kStart + 26ms)) side.receive(ack, kStart + 30ms);
  const auto again = side.poll(kStart + 30ms);
  REQUIRE(again);
  const auto frames = frames_of(*again);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].limit == 32'768);
  CHECK(frames[1].limit == 262'144);
}

TEST_CASE("a probe for a lost window frame carries it again") {
  Side side;
  side.channel.set_windows(32'768, 0);
  REQUIRE(side.poll(kStart));
  const TimePoint timeout = side.channel.next_timeout().value();
  side.channel.on_timeout(timeout);
  const auto probe = side.poll(timeout);
  REQUIRE(probe);
  CHECK(frames_of(*probe)[0].type == FrameType::kWindow);
}

TEST_CASE("a window is never lowered") {
  Side side;
  Datagram high{0, {}};
  encode_window(Lane::kTalk, 5'000, high.frames);
  Datagram low{1, {}};
  encode_window(Lane::kTalk, 10, low.frames);
  side.receive(high, kStart);
  side.receive(low, kStart);
  for (std::uint32_t i = 0; i < 4; ++i) side.channel.send_talk(numbered(i, 1000));
  CHECK(side.poll_all(kStart).size() == 4);
}

TEST_CASE("64 bulk streams may be open at once, no more") {
  Pair pair;
  Side& side = pair.a;
  CHECK_FALSE(side.violation(bulk(1'000, 63, 0), pair.now));  // opens 0 to 63
  SECTION("one more") {
    CHECK(side.violation(bulk(1'001, 64, 0), pair.now) == Violation::kTooManyStreams);
  }
  SECTION("one more after one has ended") {
    CHECK_FALSE(side.violation(bulk(1'001, 17, 0, true), pair.now));
    CHECK_FALSE(side.violation(bulk(1'002, 64, 0), pair.now));
    CHECK(side.violation(bulk(1'003, 65, 0), pair.now) == Violation::kTooManyStreams);
  }
  SECTION("far more") {
    CHECK(side.violation(bulk(1'001, wire::kMaxVarint, 0), pair.now) == Violation::kTooManyStreams);
  }
}

TEST_CASE("frames of an ended stream are repeats; behind its last message is a violation") {
  Pair pair;
  Side& side = pair.a;
  CHECK_FALSE(side.violation(bulk(1'000, 0, 0), pair.now));
  CHECK_FALSE(side.violation(bulk(1'001, 0, 2, true), pair.now));
  SECTION("repeat") {
    CHECK_FALSE(side.violation(bulk(1'002, 0, 1), pair.now));
    CHECK(side.channel.take_delivered().size() == 3);
    CHECK_FALSE(side.violation(bulk(1'003, 0, 1), pair.now));
    CHECK_FALSE(side.violation(bulk(1'004, 0, 9), pair.now));
    CHECK_FALSE(side.channel.has_delivered());
  }
  SECTION("behind the last") {
    CHECK(side.violation(bulk(1'002, 0, 3), pair.now) == Violation::kAfterLast);
  }
  SECTION("a second last") {
    CHECK(side.violation(bulk(1'002, 0, 1, true), pair.now) == Violation::kAfterLast);
  }
  SECTION("a last below what has come") {
    CHECK_FALSE(side.violation(bulk(1'002, 1, 5), pair.now));
    CHECK(side.violation(bulk(1'003, 1, 4, true), pair.now) == Violation::kAfterLast);
  }
}

TEST_CASE("more streams than 64 wait for their turn, and all arrive") {
  Pair pair;
  constexpr StreamId kStreams = 200;
  for (StreamId i = 0; i < kStreams; ++i) {
    REQUIRE(pair.a.channel.open_bulk() == i);
    REQUIRE(pair.a.channel.send_bulk(i, numbered(static_cast<std::uint32_t>(i)), true));
  }
  std::size_t delivered = 0;
  for (int round = 0; round < 20 && !pair.a.channel.is_idle(); ++round) {
    pair.settle();
    delivered += pair.b.channel.take_delivered().size();
  }
  CHECK(delivered == kStreams);
  CHECK(pair.a.channel.is_idle());
}

TEST_CASE("what the application may queue is bounded") {
  Config config;
  config.max_queued_talk = 1'000;
  config.max_queued_bulk = 1'000;
  Side side(config);
  CHECK_FALSE(side.channel.send_talk(Bytes{}));
  CHECK_FALSE(side.channel.send_talk(std::vector<std::uint8_t>(kMaxMessageBytes + 1)));
  CHECK(side.channel.send_talk(numbered(0, 484)));
  CHECK(side.channel.send_talk(numbered(0, 484)));
  CHECK(side.channel.talk_queued_bytes() == 1'000);
  CHECK_FALSE(side.channel.send_talk(numbered(0)));
  const StreamId stream = side.channel.open_bulk();
  CHECK(side.channel.send_bulk(stream, numbered(0, 984), false));
  CHECK_FALSE(side.channel.send_bulk(stream, numbered(0), true));
  CHECK(side.channel.bulk_queued_bytes() == 1'000);
}

TEST_CASE("a message that several channels send stays whole until the last has its ack") {
  const auto bytes = numbered(7, 300);
  const auto taken_by = [](Side& side) {
    const auto delivered = side.channel.take_delivered();
    REQUIRE(delivered.size() == 1);
    return std::vector<std::uint8_t>(delivered[0].bytes.begin(), delivered[0].bytes.end());
  };
  Payload message{Bytes(bytes)};
  Pair first;
  Pair second;
  REQUIRE(first.a.channel.send_talk(message));
  REQUIRE(second.a.channel.send_talk(std::move(message)));
  second.a.poll_all(second.now);  // lost
  first.settle();
  CHECK(first.a.channel.is_idle());
  CHECK(taken_by(first.b) == bytes);
  second.settle();  // the probe timer sends it again
  CHECK(taken_by(second.b) == bytes);
}

TEST_CASE("a channel dropped while idle goes on from its rest") {
  const Config config = after_login();
  Pair pair(config);
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  for (int round = 0; round < 20; ++round) {
    const StreamId stream = pair.a.channel.open_bulk();
    CHECK(stream == static_cast<StreamId>(round));
    pair.a.channel.send_bulk(stream, numbered(1, 700), true);
    pair.a.channel.send_talk(numbered(sent++, 900));
    for (int i = 0; i < 4; ++i) {
      pair.settle();
      for (const auto& message : pair.b.channel.take_delivered()) {
        if (message.lane == Lane::kTalk) CHECK(number_of(message.bytes) == received++);
      }
    }
    REQUIRE(pair.a.channel.is_idle());
    REQUIRE(pair.b.channel.is_idle());
    const Duration rtt = pair.a.channel.smoothed_rtt();
    const std::size_t window = pair.a.channel.congestion_window();
    pair.a.channel = Channel(config, pair.a.channel.rest());
    pair.b.channel = Channel(config, pair.b.channel.rest());
    CHECK(pair.a.channel.is_idle());
    CHECK_FALSE(pair.a.channel.next_timeout());
    CHECK(rtt - pair.a.channel.smoothed_rtt() < 1us);
    CHECK(pair.a.channel.congestion_window() == window);
  }
  CHECK(received == sent);
}

TEST_CASE("what a channel knows of the order on its path outlives its rest, not its path") {
  Rest rest;
  rest.next_number_in = rest.received_run = 1000;
  rest.orderly_in = Acks::kOrderlyRun;
  Side side({}, rest);
  CHECK(side.channel.rest().orderly_in == Acks::kOrderlyRun);
  side.channel.on_path_changed(kStart);
  CHECK(side.channel.rest().orderly_in == 0);
  forget_path(rest);
  CHECK(rest.orderly_in == 0);
}

TEST_CASE("a channel at rest refuses what it refused before") {
  Side side;
  REQUIRE_FALSE(side.violation(talk(0, 0, 300), kStart));
  side.channel.take_delivered();
  side.poll_all(kStart + 25ms);
  side.channel = Channel({}, side.channel.rest());
  CHECK_FALSE(side.violation(talk(1, 0, 300), kStart));  // a repeat
  CHECK_FALSE(side.channel.has_delivered());
  CHECK(side.violation(talk(2, 1, 1025), kStart) == Violation::kOverWindow);
}
