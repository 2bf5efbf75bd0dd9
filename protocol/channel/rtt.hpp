// Round-trip time as RFC 9002 §5 estimates it, and the two intervals made from it.
#pragma once

#include <cstdint>

#include "protocol/types.hpp"

namespace hub::channel {

inline constexpr Duration kTimerGranularity = std::chrono::milliseconds(1);  // RFC 9002 §6.1.2

/// What remains of an estimate over an idle phase; zeroes: never sampled.
struct RttRest {
  std::uint32_t smoothed_us = 0;
  std::uint32_t variance_us = 0;
  std::uint32_t min_us = 0;
};

class Rtt {
 public:
  /// `initial` stands in until the first sample.
  explicit Rtt(Duration initial, const RttRest& rest = {});

  /// §5.3. `ack_delay` as the peer says; of it at most kMaxAckDelay is believed.
  void sample(Duration latest, Duration ack_delay);

  bool has_sample() const { return has_sample_; }
  Duration smoothed() const { return smoothed_; }
  Duration variance() const { return variance_; }
  Duration min() const { return min_; }
  Duration latest() const { return latest_; }

  /// §6.2.1, without backoff and without a cap.
  Duration pto() const;
  /// §6.1.2: so long after being overtaken a datagram is lost.
  Duration loss_delay() const;
  RttRest rest() const;

 private:
  Duration latest_;
  Duration smoothed_;
  Duration variance_;
  Duration min_{0};
  bool has_sample_ = false;
};

}  // namespace hub::channel
