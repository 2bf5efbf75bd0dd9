// Token buckets: one by itself, and a table of fixed size for sources that nobody vouches for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub {

/// Lets `per_second` events pass, and twice as many at once. Kept as the time at which the bucket
/// would be full again: one number, no allocation.
class RateLimit {
 public:
  /// True, and one event taken, if the rate allows it. A rate of 0 allows nothing.
  bool take(std::uint32_t per_second, TimePoint now);
  /// The same for `burst` events at once, then one every `interval`.
  bool take(Duration interval, std::uint32_t burst, TimePoint now);
  /// How often take() would succeed now; and from when on it would. `per_second` is not 0.
  std::size_t room(std::uint32_t per_second, TimePoint now) const;
  TimePoint free_at(std::uint32_t per_second) const;
  /// One event of those that were taken so did not count after all.
  void give_back(Duration interval) { full_at_ -= interval; }

 private:
  TimePoint full_at_{};
};

/// A bucket a source prefix, in a table that never grows: prefixes that meet in a slot share it.
/// The slot is keyed by a secret, so that nobody can aim at somebody else's.
class RateLimitTable {
 public:
  RateLimitTable(std::size_t slots, Random& random);
  bool take(const IpAddress& source, std::uint32_t per_second, TimePoint now);

 private:
  std::vector<RateLimit> slots_;
  std::uint64_t secret_;
};

}  // namespace hub
