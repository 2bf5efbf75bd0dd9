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

/// 1000 is the next number of a path that is known to keep the order.
Acks orderly() { return Acks(1000, 1000, Acks::kOrderlyRun); }

}  // namespace

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

TEST_CASE("one full datagram is acknowledged after 25 ms, the second at once") {
  Acks acks(0, 0);
  acks.on_packet(0, true, kBaseDatagramBytes, kStart);
  CHECK(acks.is_pending());
  CHECK_FALSE(acks.is_due(kStart + 24ms));
  CHECK(acks.next_timeout() == kStart + 25ms);
  CHECK(acks.is_due(kStart + 25ms));
  acks.on_packet(1, true, kBaseDatagramBytes, kStart + 5ms);
  CHECK(acks.is_due(kStart + 5ms));
  CHECK_FALSE(acks.next_timeout());
  acks.on_ack_sent();
  CHECK_FALSE(acks.is_pending());
  acks.on_packet(2, true, kBaseDatagramBytes, kStart + 50ms);
  CHECK_FALSE(acks.is_due(kStart + 50ms));
}

TEST_CASE("small datagrams in order are acknowledged when they are as many as a full one") {
  Acks acks = orderly();
  for (std::uint64_t n = 1000; n < 1007; ++n) acks.on_packet(n, true, 150, kStart + 1ms);
  CHECK_FALSE(acks.is_due(kStart + 25ms));
  CHECK(acks.next_timeout() == kStart + 26ms);  // of the first of them
  acks.on_packet(1007, true, 149, kStart + 8ms);
  CHECK_FALSE(acks.is_due(kStart + 8ms));
  acks.on_packet(1008, true, 1, kStart + 9ms);
  CHECK(acks.is_due(kStart + 9ms));
  acks.on_ack_sent();
  acks.on_packet(1009, false, 1'200, kStart + 9ms);  // asks for nothing, so it does not count
  acks.on_packet(1010, true, 600, kStart + 9ms);
  acks.on_packet(1011, true, 599, kStart + 9ms);
  CHECK_FALSE(acks.is_due(kStart + 9ms));
}

TEST_CASE("where numbers do not come in order, small datagrams are acknowledged in pairs") {
  std::uint64_t next = 1000;
  const auto shares_an_ack = [&next](Acks& acks) {
    acks.on_ack_sent();
    acks.on_packet(next++, true, 150, kStart);
    acks.on_packet(next++, true, 150, kStart);
    return !acks.is_due(kStart);
  };
  SECTION("from the start") {
    Acks acks(1000, 0);
    for (int i = 0; i < Acks::kOrderlyRun / 2; ++i) CHECK_FALSE(shares_an_ack(acks));
    CHECK(shares_an_ack(acks));
  }
  SECTION("after a gap") {
    Acks acks = orderly();
    CHECK(shares_an_ack(acks));
    acks.on_packet(++next, true, 150, kStart);
    ++next;
    for (int i = 0; i < Acks::kOrderlyRun / 2; ++i) CHECK_FALSE(shares_an_ack(acks));
    CHECK(shares_an_ack(acks));
  }
  SECTION("after what came late") {
    Acks acks = orderly();
    acks.on_packet(900, true, 150, kStart);
    CHECK_FALSE(shares_an_ack(acks));
  }
  SECTION("on a new path") {
    Acks acks = orderly();
    acks.on_path_changed();
    CHECK_FALSE(shares_an_ack(acks));
  }
  SECTION("but not for having rested") {
    const Acks acks = orderly();
    Acks again(acks.next_number(), acks.run(), acks.orderly());
    CHECK(shares_an_ack(again));
  }
}

TEST_CASE("a gap is acknowledged at once, and so is what fills it") {
  Acks acks(0, 0);
  acks.on_packet(0, true, kBaseDatagramBytes, kStart);
  acks.on_ack_sent();
  acks.on_packet(2, true, kBaseDatagramBytes, kStart);
  CHECK(acks.is_due(kStart));
  acks.on_ack_sent();
  acks.on_packet(3, true, kBaseDatagramBytes, kStart);
  CHECK_FALSE(acks.is_due(kStart));  // the gap is no news
  acks.on_ack_sent();
  acks.on_packet(1, true, kBaseDatagramBytes, kStart);
  CHECK(acks.is_due(kStart));
}

TEST_CASE("what asks for no ack gets none, but is in the next one") {
  Acks acks(0, 0);
  for (std::uint64_t n = 0; n < 5; ++n) acks.on_packet(n, false, kBaseDatagramBytes, kStart);
  CHECK_FALSE(acks.is_pending());
  CHECK_FALSE(acks.next_timeout());
  acks.on_packet(5, true, kBaseDatagramBytes, kStart);
  CHECK_FALSE(acks.is_due(kStart));  // in order
  std::vector<std::uint8_t> out;
  REQUIRE(acks.write(100, kStart + 25ms, out) == 5);
  const std::vector<std::uint8_t> expected = {0x02, 5, 0x80, 0, 0x61, 0xa8, 0, 5};  // 25,000 us
  CHECK(out == expected);
}

TEST_CASE("a run without gaps outlives an idle phase") {
  Acks acks(0, 0);
  for (const std::uint64_t n : {0u, 1u, 3u, 4u, 5u})
    acks.on_packet(n, true, kBaseDatagramBytes, kStart);
  CHECK(acks.next_number() == 6);
  CHECK(acks.run() == 3);
  Acks again(acks.next_number(), acks.run());
  again.on_packet(6, true, kBaseDatagramBytes, kStart);
  CHECK_FALSE(again.is_due(kStart));
  std::vector<std::uint8_t> out;
  REQUIRE(again.write(100, kStart, out) == 6);
  const std::vector<std::uint8_t> expected = {0x02, 6, 0, 0, 3};
  CHECK(out == expected);
}
