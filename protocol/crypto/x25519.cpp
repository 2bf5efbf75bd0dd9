#include "protocol/crypto/x25519.hpp"

#include <sodium.h>

#include "protocol/crypto/curve25519.hpp"
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
  Key edwards{};
  // It says no of the secret that is all zero, and multiplies all the same: so does X25519.
  static_cast<void>(fault("secret_not_clamped")
                        ? crypto_scalarmult_ed25519_base_noclamp(edwards.data(), secret.data())
                        : crypto_scalarmult_ed25519_base(edwards.data(), secret.data()));
  return montgomery_u(edwards);
}

std::optional<Key> x25519(const Key& secret, const Key& public_key) {
  std::optional<Key> out(std::in_place);  // where it is returned, so that no copy stays behind
  // libsodium refuses keys of low order and an all-zero result.
  const int refused = crypto_scalarmult(out->data(), secret.data(), public_key.data());
  if (refused != 0 && !fault("low_order_key_taken")) return std::nullopt;
  return out;
}

}  // namespace hub
