#include "protocol/channel/pacer.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::channel {

TimePoint Pacer::ready_at(std::size_t window, Duration smoothed_rtt, TimePoint now) {
  if (fault("bulk_not_paced")) return now;
  const double round_trip = static_cast<double>(std::max<Duration::rep>(smoothed_rtt.count(), 1));
  const double rate = 1.25 * static_cast<double>(window) / round_trip;  // bytes a tick
  if (filled_at_ && now > *filled_at_) {
    const auto passed = static_cast<double>((now - *filled_at_).count());
    tokens_ = std::min(tokens_ + rate * passed, static_cast<double>(kBurst));
  }
  filled_at_ = now;
  if (tokens_ > 0) return now;
  return now + Duration(static_cast<Duration::rep>(-tokens_ / rate) + 1);
}

}  // namespace hub::channel
