#include "protocol/crypto/aead.hpp"

#include "protocol/wire.hpp"

namespace hub {

AeadNonce counter_nonce(std::uint64_t counter) {
  AeadNonce out{};
  wire::store_u64(counter, &out[4]);
  return out;
}

const Aead& aead() {
  static const Aead& in_use = sodium_aead() != nullptr ? *sodium_aead() : libcrypto_aead();
  return in_use;
}

}  // namespace hub
