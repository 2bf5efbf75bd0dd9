#include "server/core/login_throttle.hpp"

#include <chrono>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/wire.hpp"

namespace hub::server {

using namespace std::chrono_literals;

namespace {

constexpr Duration kStrangerInterval = 6s;
constexpr Duration kAccountInterval = 1s;

}  // namespace

LoginThrottle::LoginThrottle(Random& random)
    : known_(kSlots),
      of_known_(kSlots),
      of_strangers_(kSlots),
      of_strangers_in_masses_(kSlots),
      of_accounts_(kSlots) {
  random.fill(secret_);
}

bool LoginThrottle::may_try(std::string_view id_key, const IpAddress& source, TimePoint now) {
  if (fault("logins_not_throttled")) return true;
  const std::uint64_t pair = hash(id_key, &source);
  const std::size_t slot = pair % kSlots;
  if (known_[slot] == pair && !fault("known_prefix_forgotten")) {
    return of_known_[slot].take(100ms, 100, now);
  }
  const bool calm = of_accounts_[hash(id_key, nullptr) % kSlots].take(kAccountInterval, 100, now);
  if (!calm) {
    if (fault("account_can_be_locked")) return false;
    return of_strangers_in_masses_[slot].take(60s, 3, now);
  }
  return of_strangers_[slot].take(kStrangerInterval, 10, now);
}

void LoginThrottle::give_back(std::string_view id_key, const IpAddress& source) {
  const std::uint64_t pair = hash(id_key, &source);
  if (known_[pair % kSlots] == pair || fault("success_counts_as_guess")) return;
  of_strangers_[pair % kSlots].give_back(kStrangerInterval);
  of_accounts_[hash(id_key, nullptr) % kSlots].give_back(kAccountInterval);
}

void LoginThrottle::remember(std::string_view id_key, const IpAddress& source) {
  const std::uint64_t pair = hash(id_key, &source);
  known_[pair % kSlots] = pair;
}

std::uint64_t LoginThrottle::hash(std::string_view id_key, const IpAddress* source) const {
  const IpAddress prefix = source != nullptr ? source->prefix() : IpAddress{};
  const Bytes where = source != nullptr ? Bytes(prefix.bytes) : Bytes();
  return wire::Reader(hmac_sha256(secret_, {where, text_bytes(id_key)})).u64();
}

}  // namespace hub::server
