// How often a password may be tried over sealed connections. An account cannot be locked: what
// limits a guesser are buckets of its own source prefix. Fixed tables, keyed by a secret.
//
//   this prefix has logged in to this account before    100 tries, then 10 a second
//   else                                                 10 tries, then one every 6 s
//   ... while strangers try the account in masses          3 tries, then one a minute
//
// "In masses": more than 100, then more than one a second, from all unknown prefixes together. An
// owner at a new address has three tries of its own even then.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/random.hpp"
#include "protocol/rate_limit.hpp"

namespace hub::server {

class LoginThrottle {
 public:
  explicit LoginThrottle(Random& random);

  /// True, and one try taken. `id_key`: the lower-cased ID, whether or not there is such an
  /// account.
  bool may_try(std::string_view id_key, const IpAddress& source, TimePoint now);
  /// The try was no guess. Buckets are shared by who meets in a slot, so without this a hundred
  /// thousand people who log in at once would use up each other's tries.
  void give_back(std::string_view id_key, const IpAddress& source);
  /// A login from there succeeded.
  void remember(std::string_view id_key, const IpAddress& source);

 private:
  static constexpr std::size_t kSlots = 8192;

  std::uint64_t hash(std::string_view id_key, const IpAddress* source) const;

  Key secret_{};
  std::vector<std::uint64_t> known_;  // hashes of (account, prefix); a clash forgets the older one
  std::vector<RateLimit> of_known_;
  std::vector<RateLimit> of_strangers_;
  std::vector<RateLimit> of_strangers_in_masses_;
  std::vector<RateLimit> of_accounts_;
};

}  // namespace hub::server
