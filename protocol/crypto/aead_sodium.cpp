#include <algorithm>

#include <sodium.h>

#include "protocol/crypto/aead.hpp"

namespace hub {

namespace {

static_assert(kAeadTagBytes == crypto_aead_aes256gcm_ABYTES);
static_assert(std::tuple_size_v<Key> == crypto_aead_aes256gcm_KEYBYTES);
static_assert(std::tuple_size_v<AeadNonce> == crypto_aead_aes256gcm_NPUBBYTES);

class SodiumAead final : public Aead {
 public:
  void seal(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes plaintext,
            std::uint8_t* out) const override {
    crypto_aead_aes256gcm_encrypt(out, nullptr, plaintext.data(), plaintext.size(),
                                  associated.data(), associated.size(), nullptr, nonce.data(),
                                  key.data());
  }

  bool open(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes sealed,
            std::uint8_t* out) const override {
    if (sealed.size() < kAeadTagBytes) return false;
    const int failed = crypto_aead_aes256gcm_decrypt(out, nullptr, nullptr, sealed.data(),
                                                     sealed.size(), associated.data(),
                                                     associated.size(), nonce.data(), key.data());
    if (failed == 0) return true;
    std::fill_n(out, sealed.size() - kAeadTagBytes, std::uint8_t{0});
    return false;
  }
};

}  // namespace

const Aead* sodium_aead() {
  static const SodiumAead instance;
  // The processor's features are known only once libsodium was initialised; again does no harm.
  static const bool available = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;
  return available ? &instance : nullptr;
}

}  // namespace hub
