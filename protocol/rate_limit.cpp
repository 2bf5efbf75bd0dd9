#include "protocol/rate_limit.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include "protocol/fault.hpp"

namespace hub {

namespace {

Duration interval_of(std::uint32_t per_second) {
  return Duration(std::chrono::seconds(1)) / per_second;
}

constexpr std::uint32_t burst_of(std::uint32_t per_second) { return 2 * per_second; }

}  // namespace

bool RateLimit::take(std::uint32_t per_second, TimePoint now) {
  if (per_second == 0) return false;
  return take(interval_of(per_second), burst_of(per_second), now);
}

std::size_t RateLimit::room(std::uint32_t per_second, TimePoint now) const {
  const TimePoint free = free_at(per_second);
  if (free > now) return 0;
  const auto passed = static_cast<std::size_t>((now - free) / interval_of(per_second));
  return std::min<std::size_t>(burst_of(per_second), passed + 1);
}

TimePoint RateLimit::free_at(std::uint32_t per_second) const {
  return full_at_ - interval_of(per_second) * (Duration::rep{burst_of(per_second)} - 1);
}

bool RateLimit::take(Duration interval, std::uint32_t burst, TimePoint now) {
  const TimePoint from = std::max(full_at_, now);
  if (from - now > interval * (static_cast<Duration::rep>(burst) - 1)) return false;
  full_at_ = from + interval;
  return true;
}

RateLimitTable::RateLimitTable(std::size_t slots, Random& random)
    : slots_(slots), secret_(random.u64()) {}

bool RateLimitTable::take(const IpAddress& source, std::uint32_t per_second, TimePoint now) {
  if (fault("unauthenticated_unlimited")) return true;
  // Multiply-xorshift over both halves; the secret first, so that collisions cannot be computed.
  std::uint64_t hash = secret_;
  for (const std::uint8_t byte : source.prefix().bytes) {
    hash = (hash ^ byte) * 0x9E3779B97F4A7C15ull;
    hash ^= std::rotr(hash, 29);
  }
  return slots_[hash % slots_.size()].take(per_second, now);
}

}  // namespace hub
