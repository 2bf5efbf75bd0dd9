#include "protocol/crypto/hash.hpp"

#include <algorithm>
#include <array>

#include <nettle/sha2.h>
#include <sodium.h>

#include "protocol/fault.hpp"

namespace hub {

static_assert(std::tuple_size_v<Key> == SHA256_DIGEST_SIZE);

namespace {

constexpr std::uint8_t kInnerPad = 0x36;  // RFC 2104, section 2
constexpr std::uint8_t kOuterPad = 0x5c;

}  // namespace

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
  // Of Nettle's hash and not its HMAC, which leaves the padded key on the stack.
  std::array<std::uint8_t, SHA256_BLOCK_SIZE> pad{};
  if (key.size() <= pad.size()) {
    std::copy(key.begin(), key.end(), pad.begin());
  } else {
    Key hashed = sha256({key});
    std::copy(hashed.begin(), hashed.end(), pad.begin());
    wipe(hashed);
  }
  sha256_ctx state;
  sha256_init(&state);
  for (std::uint8_t& byte : pad) byte ^= kInnerPad;
  sha256_update(&state, pad.size(), pad.data());
  for (const Bytes part : parts) sha256_update(&state, part.size(), part.data());
  Key out{};
  sha256_digest(&state, out.size(), out.data());  // and begins anew
  for (std::uint8_t& byte : pad) byte ^= kInnerPad ^ kOuterPad;
  sha256_update(&state, pad.size(), pad.data());
  sha256_update(&state, out.size(), out.data());
  sha256_digest(&state, out.size(), out.data());
  sodium_memzero(&state, sizeof state);
  sodium_memzero(pad.data(), pad.size());
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
