#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "protocol/channel/acks.hpp"
#include "protocol/limits.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;

namespace {
const TimePoint kStart{1h};
}

TEST_CASE("received numbers are kept as ranges") {
  std::mt19937_64 dice(3);
  for (int round = 0; round < 300; ++round) {
    ReceivedNumbers numbers;
    std::set<std::uint64_t> model;
    for (int i = 0; i < 60; ++i) {
      const std::uint64_t number = dice() % 60;
      numbers.insert(number);
      model.insert(number);
    }
    if (round % 3 == 0) {
      const std::uint64_t floor = dice() % 60;
      numbers.forget_up_to(floor);
      model.erase(model.begin(), model.upper_bound(floor));
    }
    std::set<std::uint64_t> held;
    std::optional<std::uint64_t> above;
    for (const auto& range : numbers.ranges()) {
      REQUIRE(range.first <= range.last);
      if (above) REQUIRE(range.first > *above + 1);  // neither touching nor overlapping
      above = range.last;
      for (std::uint64_t n = range.first; n <= range.last; ++n) held.insert(n);
    }
    REQUIRE(held == model);
  }
}

TEST_CASE("the oldest of too many ranges is forgotten") {
  ReceivedNumbers numbers;
  for (std::uint64_t i = 0; i < kMaxAckRanges + 10; ++i) numbers.insert(2 * i);
  CHECK(numbers.ranges().size() == kMaxAckRanges);
  CHECK(numbers.ranges().front().first == 20);
  numbers.insert(1);  // older than all that is remembered
  CHECK(numbers.ranges().size() == kMaxAckRanges);
  CHECK(numbers.ranges().front().first == 20);
}

TEST_CASE("one datagram is acknowledged after 25 ms, the second at once") {
  Acks acks(0, 0);
  acks.on_packet(0, true, kStart);
  CHECK(acks.is_pending());
  CHECK_FALSE(acks.is_due(kStart + 24ms));
  CHECK(acks.next_timeout() == kStart + 25ms);
  CHECK(acks.is_due(kStart + 25ms));
  acks.on_packet(1, true, kStart + 5ms);
  CHECK(acks.is_due(kStart + 5ms));
  CHECK_FALSE(acks.next_timeout());
  acks.on_ack_sent();
  CHECK_FALSE(acks.is_pending());
  acks.on_packet(2, true, kStart + 50ms);
  CHECK_FALSE(acks.is_due(kStart + 50ms));
}

TEST_CASE("a gap is acknowledged at once, and so is what fills it") {
  Acks acks(0, 0);
  acks.on_packet(0, true, kStart);
  acks.on_ack_sent();
  acks.on_packet(2, true, kStart);
  CHECK(acks.is_due(kStart));
  acks.on_ack_sent();
  acks.on_packet(3, true, kStart);
  CHECK_FALSE(acks.is_due(kStart));  // the gap is no news
  acks.on_ack_sent();
  acks.on_packet(1, true, kStart);
  CHECK(acks.is_due(kStart));
}

TEST_CASE("what asks for no ack gets none, but is in the next one") {
  Acks acks(0, 0);
  for (std::uint64_t n = 0; n < 5; ++n) acks.on_packet(n, false, kStart);
  CHECK_FALSE(acks.is_pending());
  CHECK_FALSE(acks.next_timeout());
  acks.on_packet(5, true, kStart);
  CHECK_FALSE(acks.is_due(kStart));  // in order
  std::vector<std::uint8_t> out;
  REQUIRE(acks.write(100, kStart + 25ms, out) == 5);
  const std::vector<std::uint8_t> expected = {0x02, 5, 0x80, 0, 0x61, 0xa8, 0, 5};  // 25,000 us
  CHECK(out == expected);
}

TEST_CASE("a run without gaps outlives an idle phase") {
  Acks acks(0, 0);
  for (const std::uint64_t n : {0u, 1u, 3u, 4u, 5u}) acks.on_packet(n, true, kStart);
  CHECK(acks.next_number() == 6);
  CHECK(acks.run() == 3);
  Acks again(acks.next_number(), acks.run());
  again.on_packet(6, true, kStart);
  CHECK_FALSE(again.is_due(kStart));
  std::vector<std::uint8_t> out;
  REQUIRE(again.write(100, kStart, out) == 6);
  const std::vector<std::uint8_t> expected = {0x02, 6, 0, 0, 3};
  CHECK(out == expected);
}
