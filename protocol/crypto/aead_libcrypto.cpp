#include <algorithm>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>

#include "protocol/crypto/aead.hpp"
#include "protocol/fault.hpp"

namespace hub {

namespace {

struct Free {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER, Free>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

// Lengths are of datagrams, so they fit an int.
int length_of(Bytes bytes) { return static_cast<int>(bytes.size()); }

class LibcryptoAead final : public Aead {
 public:
  LibcryptoAead() : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)) {
    if (!cipher_) throw std::runtime_error("libcrypto has no AES-256-GCM");
  }

  void seal(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes plaintext,
            std::uint8_t* out) const override {
    EVP_CIPHER_CTX* const use = context();
    int written = 0;
    const bool done = EVP_EncryptInit_ex2(use, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
                      add_associated(use, associated) &&
                      (plaintext.empty() || EVP_EncryptUpdate(use, out, &written, plaintext.data(),
                                                              length_of(plaintext)) == 1) &&
                      EVP_EncryptFinal_ex(use, out + plaintext.size(), &written) == 1 &&
                      EVP_CIPHER_CTX_ctrl(use, EVP_CTRL_AEAD_GET_TAG, int{kAeadTagBytes},
                                          out + plaintext.size()) == 1;
    forget_key(use);
    // Cannot happen with a cipher that was fetched; what is in `out` must not be sent.
    if (!done) throw std::runtime_error("libcrypto could not encrypt");
  }

  bool open(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes sealed,
            std::uint8_t* out) const override {
    if (sealed.size() < kAeadTagBytes) return false;
    const Bytes ciphertext = sealed.first(sealed.size() - kAeadTagBytes);
    // Copied, since the call takes it writable.
    std::array<std::uint8_t, kAeadTagBytes> tag{};
    std::copy_n(sealed.end() - kAeadTagBytes, kAeadTagBytes, tag.begin());
    EVP_CIPHER_CTX* const use = context();
    int written = 0;
    std::uint8_t none = 0;
    const bool done =
        EVP_DecryptInit_ex2(use, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
        add_associated(use, associated) &&
        (ciphertext.empty() ||
         EVP_DecryptUpdate(use, out, &written, ciphertext.data(), length_of(ciphertext)) == 1) &&
        EVP_CIPHER_CTX_ctrl(use, EVP_CTRL_AEAD_SET_TAG, int{kAeadTagBytes}, tag.data()) == 1 &&
        (EVP_DecryptFinal_ex(use, &none, &written) == 1 || fault("aead_tag_not_checked"));
    forget_key(use);
    if (done) return true;
    std::fill_n(out, ciphertext.size(), std::uint8_t{0});
    return false;
  }

 private:
  // One a thread, made at its first call with the cipher, which later calls then keep: an init
  // that names no cipher only sets key and nonce, and allocates nothing.
  EVP_CIPHER_CTX* context() const {
    thread_local const Context made = [this] {
      Context fresh(EVP_CIPHER_CTX_new());
      if (!fresh || EVP_EncryptInit_ex2(fresh.get(), cipher_.get(), nullptr, nullptr, nullptr) != 1)
        throw std::bad_alloc();
      return fresh;
    }();
    return made.get();
  }

  // The context would hold the key until its next use.
  static void forget_key(EVP_CIPHER_CTX* use) {
    static constexpr Key kNone{};
    if (fault("libcrypto_keeps_key")) return;
    if (EVP_EncryptInit_ex2(use, nullptr, kNone.data(), nullptr, nullptr) != 1) {
      throw std::runtime_error("libcrypto could not forget a key");
    }
  }

  static bool add_associated(EVP_CIPHER_CTX* use, Bytes associated) {
    int written = 0;
    return associated.empty() ||
           EVP_CipherUpdate(use, nullptr, &written, associated.data(), length_of(associated)) == 1;
  }

  Cipher cipher_;
};

}  // namespace

const Aead& libcrypto_aead() {
  static const LibcryptoAead instance;
  return instance;
}

}  // namespace hub
