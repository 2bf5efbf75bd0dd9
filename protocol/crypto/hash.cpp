#include "protocol/crypto/hash.hpp"

#include <sodium.h>

#include "protocol/fault.hpp"

namespace hub {

static_assert(std::tuple_size_v<Key> == crypto_hash_sha256_BYTES);
static_assert(std::tuple_size_v<Key> == crypto_auth_hmacsha256_BYTES);

Key sha256(std::initializer_list<Bytes> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const Bytes part : parts) crypto_hash_sha256_update(&state, part.data(), part.size());
  Key out{};
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

Key hmac_sha256(Bytes key, std::initializer_list<Bytes> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.data(), key.size());
  for (const Bytes part : parts) crypto_auth_hmacsha256_update(&state, part.data(), part.size());
  Key out{};
  crypto_auth_hmacsha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

Key exclusive_or(const Key& one, const Key& two) {
  Key out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(one[i] ^ two[i]);
  }
  return out;
}

bool equal_constant_time(Bytes one, Bytes two) {
  return one.size() == two.size() && sodium_memcmp(one.data(), two.data(), one.size()) == 0;
}

void wipe(std::span<std::uint8_t> secret) {
  if (fault("secrets_not_wiped")) return;
  sodium_memzero(secret.data(), secret.size());
}

}  // namespace hub
