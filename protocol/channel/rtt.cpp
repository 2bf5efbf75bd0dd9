#include "protocol/channel/rtt.hpp"

#include <algorithm>
#include <limits>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::channel {

namespace {

std::uint32_t to_us(Duration value) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(value).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      us, 1, std::numeric_limits<std::uint32_t>::max()));  // 0 would read as never sampled
}

}  // namespace

Rtt::Rtt(Duration initial, const RttRest& rest)
    : latest_(initial), smoothed_(initial), variance_(initial / 2) {
  if (rest.smoothed_us == 0) return;
  has_sample_ = true;
  smoothed_ = std::chrono::microseconds(rest.smoothed_us);
  variance_ = std::chrono::microseconds(rest.variance_us);
  min_ = std::chrono::microseconds(rest.min_us);
  latest_ = smoothed_;
}

void Rtt::sample(Duration latest, Duration ack_delay) {
  if (fault("rtt_never_sampled")) return;
  latest_ = latest;
  if (!has_sample_) {
    has_sample_ = true;
    min_ = smoothed_ = latest;
    variance_ = latest / 2;
    return;
  }
  min_ = std::min(min_, latest);
  ack_delay = std::min<Duration>(ack_delay, kMaxAckDelay);
  const Duration adjusted = latest >= min_ + ack_delay ? latest - ack_delay : latest;
  const Duration deviation = adjusted > smoothed_ ? adjusted - smoothed_ : smoothed_ - adjusted;
  variance_ = (3 * variance_ + deviation) / 4;
  smoothed_ = (7 * smoothed_ + adjusted) / 8;
}

Duration Rtt::pto() const {
  return smoothed_ + std::max(4 * variance_, kTimerGranularity) + kMaxAckDelay;
}

Duration Rtt::loss_delay() const {
  return std::max(9 * std::max(smoothed_, latest_) / 8, kTimerGranularity);
}

RttRest Rtt::rest() const {
  if (!has_sample_) return {};
  return {to_us(smoothed_), to_us(variance_), to_us(min_)};
}

}  // namespace hub::channel
