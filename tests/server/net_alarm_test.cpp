#include <vector>

#include <catch2/catch.hpp>

#include "server/net/alarm.hpp"

using namespace hub;
using namespace hub::server;
using namespace std::chrono_literals;

namespace {
const TimePoint kStart{1h};
}

TEST_CASE("the alarm is armed for the earliest deadline, and left alone where that is later") {
  Alarm alarm;
  CHECK_FALSE(alarm.arm({}));
  CHECK(alarm.arm(kStart + 5ms) == kStart + 5ms);
  CHECK_FALSE(alarm.arm(kStart + 5ms));
  CHECK_FALSE(alarm.arm(kStart + 6ms));
  CHECK_FALSE(alarm.arm({}));
  CHECK(alarm.arm(kStart + 4ms) == kStart + 4ms);
  alarm.fired(kStart + 4ms);
  CHECK(alarm.arm(kStart + 6ms) == kStart + 6ms);
}

TEST_CASE("deadlines close together share a turn, and none is missed by more than the pause") {
  std::vector<TimePoint> deadlines;
  for (int i = 0; i < 1000; ++i) deadlines.push_back(kStart + i * 3us);
  Alarm alarm;
  int turns = 0;
  for (std::size_t due = 0; due < deadlines.size(); ++turns) {
    const auto at = alarm.arm(deadlines[due]);
    REQUIRE(at);
    REQUIRE(*at >= deadlines[due]);
    REQUIRE(*at <= deadlines[due] + Alarm::kPause);
    alarm.fired(*at);
    while (due < deadlines.size() && deadlines[due] <= *at) ++due;
  }
  CHECK(turns <= 3000us / Alarm::kPause + 1);
}
