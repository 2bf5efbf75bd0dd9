// Spreads bulk over the round trip (RFC 9002 §7.7): a bucket that fills at 5/4 of a congestion
// window each smoothed RTT and holds a burst of ten datagrams.
#pragma once

#include <optional>

#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

class Pacer {
 public:
  static constexpr std::size_t kBurst = 10 * kBaseDatagramBytes;

  /// When a datagram may go: `now`, or later.
  TimePoint ready_at(std::size_t window, Duration smoothed_rtt, TimePoint now);
  void on_sent(std::size_t bytes) { tokens_ -= static_cast<double>(bytes); }

 private:
  double tokens_ = kBurst;  // bytes; below zero after a datagram that took the rest
  std::optional<TimePoint> filled_at_;
};

}  // namespace hub::channel
