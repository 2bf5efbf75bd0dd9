#include "protocol/crypto/x25519.hpp"

#include <sodium.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

static_assert(std::tuple_size_v<Key> == crypto_scalarmult_BYTES);
static_assert(std::tuple_size_v<Key> == crypto_scalarmult_SCALARBYTES);

KeyPair::~KeyPair() { wipe(secret); }

KeyPair generate_key_pair(Random& random) {
  KeyPair out;
  random.fill(out.secret);
  out.public_key = public_key_of(out.secret);
  return out;
}

Key public_key_of(const Key& secret) {
  Key out{};
  crypto_scalarmult_base(out.data(), secret.data());
  return out;
}

std::optional<Key> x25519(const Key& secret, const Key& public_key) {
  std::optional<Key> out(std::in_place);  // where it is returned, so that no copy stays behind
  // libsodium refuses keys of low order and an all-zero result.
  const int refused = crypto_scalarmult(out->data(), secret.data(), public_key.data());
  if (refused != 0 && !fault("low_order_key_taken")) return std::nullopt;
  return out;
}

}  // namespace hub
