// X25519 (RFC 7748), from libsodium; for public keys with GMP. Pure; any thread.
#pragma once

#include <optional>

#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub {

/// The secret is wiped when the pair dies.
struct KeyPair {
  Key secret{};
  Key public_key{};

  ~KeyPair();
};

KeyPair generate_key_pair(Random& random);

Key public_key_of(const Key& secret);

/// The shared secret; the caller wipes it. Nothing where it would be all zero, as with a public
/// key of low order: whoever sent such a key would know the secret without having one (RFC 7748,
/// section 6.1).
std::optional<Key> x25519(const Key& secret, const Key& public_key);

}  // namespace hub
