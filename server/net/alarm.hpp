// When the reactor's one timer is to fire. Deadlines of many connections lie microseconds apart, a
// thousand PTOs for one post: each firing is a turn and three system calls, so after one the next
// comes kPause later at the earliest and takes along all that is due by then.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "protocol/fault.hpp"
#include "protocol/types.hpp"

namespace hub::server {

class Alarm {
 public:
  /// No deadline is missed by more. Far below the shortest that matters, the 1 ms of a loss
  /// (RFC 9002 §6.1.2); paced bulk still has a burst of 12 kB each, 48 MB a second.
  static constexpr std::chrono::microseconds kPause{250};

  /// `next`: the earliest deadline. When to arm the timer anew; nothing where it fires early enough
  /// as it is: one that is armed too early is left alone, it fires, does nothing, and is armed again.
  std::optional<TimePoint> arm(std::optional<TimePoint> next) {
    if (!next) return std::nullopt;
    const TimePoint at = fault("alarm_without_pause") ? *next : std::max(*next, not_before_);
    if (armed_ && *armed_ <= at) return std::nullopt;
    armed_ = at;
    return at;
  }
  void fired(TimePoint now) {
    armed_.reset();
    not_before_ = now + kPause;
  }

 private:
  std::optional<TimePoint> armed_;
  TimePoint not_before_{};
};

}  // namespace hub::server
