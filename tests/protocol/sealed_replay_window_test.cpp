#include <limits>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "protocol/sealed/replay_window.hpp"

using hub::sealed::ReplayWindow;

namespace {

constexpr std::uint64_t kReach = ReplayWindow::kReach;
constexpr std::uint64_t kTop = (std::uint64_t{1} << 62) - 1;  // the largest number of a datagram

// What a window is, said with a set.
class Oracle {
 public:
  bool accept(std::uint64_t number) {
    if (number + kReach < next_ || !seen_.insert(number).second) return false;
    if (number >= next_) next_ = number + 1;
    while (!seen_.empty() && *seen_.begin() + kReach < next_) seen_.erase(seen_.begin());
    return true;
  }
  std::uint64_t next() const { return next_; }

 private:
  std::set<std::uint64_t> seen_;
  std::uint64_t next_ = 0;
};

}  // namespace

TEST_CASE("a fresh replay window accepts every number once") {
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{63},
                                    std::uint64_t{64}, kReach, 5 * kReach, kTop}) {
    CAPTURE(first);
    ReplayWindow window;
    CHECK(window.empty());
    CHECK(window.next() == 0);
    CHECK(window.accept(first));
    CHECK_FALSE(window.accept(first));
    CHECK_FALSE(window.empty());
    CHECK(window.next() == first + 1);
  }
}

TEST_CASE("the replay window reaches back exactly 1,024 numbers") {
  // Wherever the newest stands inside a word.
  for (std::uint64_t offset = 0; offset < 130; ++offset) {
    const std::uint64_t newest = 10 * kReach + offset;
    CAPTURE(newest);
    ReplayWindow window;
    REQUIRE(window.accept(newest));
    CHECK_FALSE(window.accept(newest - kReach));
    CHECK(window.accept(newest - kReach + 1));
    CHECK_FALSE(window.accept(newest - kReach + 1));
    CHECK(window.accept(newest - 1));
    CHECK(window.next() == newest + 1);
    REQUIRE(window.accept(newest + 1));
    CHECK_FALSE(window.accept(newest - kReach + 1));
    CHECK(window.accept(newest - kReach + 2));
  }
}

TEST_CASE("all of a full replay window is told apart, and a step of one gives way to one") {
  ReplayWindow window;
  for (std::uint64_t number = 0; number < 3 * kReach; number += 2) REQUIRE(window.accept(number));
  const std::uint64_t lowest = window.next() - kReach;
  for (std::uint64_t number = lowest; number < window.next(); ++number) {
    CAPTURE(number);
    REQUIRE(window.accept(number) == (number % 2 == 1));
    REQUIRE_FALSE(window.accept(number));
  }
}

TEST_CASE("a replay window agrees with a set of all numbers seen") {
  const auto seed = GENERATE(range(1u, 41u));
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  ReplayWindow window;
  Oracle oracle;
  // Some begin where the numbers end.
  std::uint64_t around = seed % 4 == 0 ? kTop - 6'000 : 0;
  for (int i = 0; i < 20'000; ++i) {
    std::uint64_t number = 0;
    switch (dice() % 16) {
      case 0:  // a jump ahead, seldom past the window
        number = around + dice() % (dice() % 8 == 0 ? 4 * kReach : 200);
        break;
      case 1:  // around the lower edge
        number = around - std::min(around, kReach + 2 - dice() % 5);
        break;
      case 2:  // anywhere in the window or just below
        number = around - std::min(around, dice() % (kReach + 80));
        break;
      default:  // ahead, or a little out of order
        number = around + 2 - std::min(around + 2, dice() % 6);
    }
    number = std::min(number, kTop);
    CAPTURE(i, number, oracle.next());
    const bool expected = oracle.accept(number);
    if (window.accept(number) != expected) FAIL("the window and the set differ");
    around = oracle.next() == 0 ? around : oracle.next() - 1;
    if (window.next() != oracle.next()) FAIL("the newest differs");
    if (dice() % 32 == 0) window.settle();
  }
}

TEST_CASE("a replay window without gaps is its newest number, and the same window") {
  const std::uint64_t newest =
      GENERATE(0u, 1u, 5u, 62u, 63u, 64u, 1023u, 1024u, 1087u, 1088u, 3000u);
  CAPTURE(newest);
  ReplayWindow window;
  for (std::uint64_t number = 0; number <= newest; ++number) REQUIRE(window.accept(number));
  CHECK_FALSE(window.has_gaps());
  for (const std::uint64_t number : {newest, newest / 2, std::uint64_t{0}}) {
    CHECK_FALSE(window.accept(number));
  }
  // Overtaken by another: from here on numbers are told apart.
  REQUIRE(window.accept(newest + 3));
  REQUIRE(window.has_gaps());
  window.settle();
  REQUIRE(window.has_gaps());
  for (std::uint64_t number = 0; number <= newest; ++number) REQUIRE_FALSE(window.accept(number));
  CHECK(window.accept(newest + 2));
  window.settle();
  REQUIRE(window.has_gaps());
  CHECK(window.accept(newest + 1));
  window.settle();
  CHECK_FALSE(window.has_gaps());
  for (std::uint64_t number = 0; number <= newest + 3; ++number) {
    REQUIRE_FALSE(window.accept(number));
  }
  CHECK(window.accept(newest + 4));
}

TEST_CASE("a replay window settles once what is missing has fallen out of it") {
  ReplayWindow window;
  REQUIRE(window.accept(1));
  for (std::uint64_t number = 2; number < kReach; ++number) REQUIRE(window.accept(number));
  window.settle();
  CHECK(window.has_gaps());  // 0 may still come
  REQUIRE(window.accept(kReach));
  window.settle();
  CHECK_FALSE(window.has_gaps());
  CHECK_FALSE(window.accept(0));
}

TEST_CASE("a jump over everything forgets what was, and nothing else") {
  ReplayWindow window;
  for (std::uint64_t number = 0; number < kReach; ++number) REQUIRE(window.accept(number));
  REQUIRE(window.accept(kTop));
  for (std::uint64_t number = 0; number < kReach; ++number) {
    REQUIRE_FALSE(window.accept(number));
    REQUIRE(window.accept(kTop - kReach + 1 + number) == (number != kReach - 1));
  }
}
