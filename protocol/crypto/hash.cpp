#include "protocol/crypto/hash.hpp"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <sodium.h>

#include "protocol/fault.hpp"

namespace hub {

static_assert(std::tuple_size_v<Key> == SHA256_DIGEST_SIZE);

Key sha256(std::initializer_list<Bytes> parts) {
  sha256_ctx state;
  sha256_init(&state);
  for (const Bytes part : parts) sha256_update(&state, part.size(), part.data());
  Key out{};
  sha256_digest(&state, out.size(), out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

Key hmac_sha256(Bytes key, std::initializer_list<Bytes> parts) {
  hmac_sha256_ctx state;
  hmac_sha256_set_key(&state, key.size(), key.data());
  for (const Bytes part : parts) hmac_sha256_update(&state, part.size(), part.data());
  Key out{};
  hmac_sha256_digest(&state, out.size(), out.data());
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
