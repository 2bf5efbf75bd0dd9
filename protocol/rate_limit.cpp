#include "protocol/rate_limit.hpp"

#include <algorithm>
#include <bit>
#include <chrono>

#include "protocol/fault.hpp"

namespace hub {

bool RateLimit::take(std::uint32_t per_second, TimePoint now) {
  if (per_second == 0) return false;
  using std::chrono::nanoseconds;
  const auto cost = nanoseconds(std::chrono::seconds(1)) / per_second;
  const auto most = cost * (2 * static_cast<std::int64_t>(per_second) - 1);
  const TimePoint from = std::max(full_at_, now);
  if (from - now > most) return false;
  full_at_ = from + cost;
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
