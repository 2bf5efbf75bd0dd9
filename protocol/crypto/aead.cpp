#include "protocol/crypto/aead.hpp"

namespace hub {

AeadNonce counter_nonce(std::uint64_t counter) {
  AeadNonce out{};
  for (std::size_t i = out.size(); counter != 0; counter >>= 8) {
    out[--i] = static_cast<std::uint8_t>(counter);
  }
  return out;
}

const Aead& aead() {
  static const Aead& in_use = sodium_aead() != nullptr ? *sodium_aead() : libcrypto_aead();
  return in_use;
}

}  // namespace hub
