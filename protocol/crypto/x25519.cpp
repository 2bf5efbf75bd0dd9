#include "protocol/crypto/x25519.hpp"

#include <gmpxx.h>
#include <sodium.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

static_assert(std::tuple_size_v<Key> == crypto_scalarmult_BYTES);
static_assert(std::tuple_size_v<Key> == crypto_scalarmult_SCALARBYTES);
static_assert(std::tuple_size_v<Key> == crypto_scalarmult_ed25519_BYTES);

namespace {

constexpr int kLittleEndian = -1;

mpz_class number_in(const Key& bytes) {
  mpz_class out;
  mpz_import(out.get_mpz_t(), bytes.size(), kLittleEndian, 1, 0, 0, bytes.data());
  return out;
}

/// `number` is below 2^256.
Key key_of(const mpz_class& number) {
  Key out{};
  mpz_export(out.data(), nullptr, kLittleEndian, 1, 0, 0, number.get_mpz_t());
  return out;
}

}  // namespace

KeyPair::~KeyPair() { wipe(secret); }

KeyPair generate_key_pair(Random& random) {
  KeyPair out;
  random.fill(out.secret);
  out.public_key = public_key_of(out.secret);
  return out;
}

Key public_key_of(const Key& secret) {
  // A multiple of the base point takes half as long on the birationally equivalent Edwards curve,
  // for which libsodium has tables. From there u = (1 + y) / (1 - y) (RFC 7748, section 4.1). That
  // division takes a time that depends on y, which is no secret: it is the public key.
  Key point{};
  // Of no clamped secret is the result the neutral element, which would be refused. A secret of
  // zeros is refused as well, with the right point there: X25519 makes no exception for it.
  static_cast<void>(crypto_scalarmult_ed25519_base(point.data(), secret.data()));
  if (!fault("public_key_with_sign")) point.back() &= 0x7f;  // that of x, which u does not have
  static const mpz_class prime = (mpz_class(1) << 255) - 19;
  const mpz_class y = number_in(point);
  mpz_class u = 1 - y;
  mpz_invert(u.get_mpz_t(), u.get_mpz_t(), prime.get_mpz_t());
  u *= 1 + y;
  mpz_mod(u.get_mpz_t(), u.get_mpz_t(), prime.get_mpz_t());
  return key_of(u);
}

std::optional<Key> x25519(const Key& secret, const Key& public_key) {
  std::optional<Key> out(std::in_place);  // where it is returned, so that no copy stays behind
  // libsodium refuses keys of low order and an all-zero result.
  const int refused = crypto_scalarmult(out->data(), secret.data(), public_key.data());
  if (refused != 0 && !fault("low_order_key_taken")) return std::nullopt;
  return out;
}

}  // namespace hub
