// NewReno as RFC 9002 §7 describes it.
#pragma once

#include <optional>

#include "protocol/channel/congestion.hpp"
#include "protocol/limits.hpp"

namespace hub::channel {

class NewReno final : public Congestion {
 public:
  /// §7.2: ten datagrams of the base size, at most 14,720 bytes.
  static constexpr std::size_t kInitialWindow = 10 * kBaseDatagramBytes;
  static constexpr std::size_t kMinimumWindow = 2 * kBaseDatagramBytes;
  /// Ours: far above what the receive windows of a channel let be in flight.
  static constexpr std::size_t kMaximumWindow = std::size_t{4} * 1024 * 1024;

  explicit NewReno(const CongestionStart& start = {});

  std::size_t window() const override { return window_; }
  std::size_t slow_start_threshold() const override { return slow_start_threshold_; }
  void on_acked(std::size_t bytes, TimePoint sent, bool was_limited) override;
  void on_lost(TimePoint last_sent, TimePoint now) override;
  void on_persistent_congestion() override;

 private:
  bool in_recovery(TimePoint sent) const { return recovery_start_ && sent <= *recovery_start_; }

  std::size_t window_ = kInitialWindow;
  std::size_t slow_start_threshold_ = 0;  // 0: none yet
  std::size_t acked_since_growth_ = 0;    // in congestion avoidance
  std::optional<TimePoint> recovery_start_;
};

}  // namespace hub::channel
