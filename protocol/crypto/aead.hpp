// AES-256-GCM (NIST SP 800-38D) behind one seam: where the processor has AES, libsodium's for what
// is short and OpenSSL's for what is long, each where it is the faster; elsewhere OpenSSL's for
// all. The key is set up at each call and gone after it, so that an idle connection holds 32 bytes
// and no context. Stateless towards its callers; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/types.hpp"

namespace hub {

inline constexpr std::size_t kAeadTagBytes = 16;

using AeadNonce = std::array<std::uint8_t, 12>;

/// Four zero bytes, then the counter big-endian: Noise's nonce for AESGCM (rev. 34, section 12.4).
AeadNonce counter_nonce(std::uint64_t counter);

class Aead {
 public:
  virtual ~Aead() = default;

  /// Writes plaintext.size() + kAeadTagBytes bytes. `out` is plaintext.data() or does not overlap
  /// with it. A nonce must never be used twice under one key.
  virtual void seal(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes plaintext,
                    std::uint8_t* out) const = 0;

  /// Writes sealed.size() - kAeadTagBytes bytes. `out` is sealed.data() or does not overlap with
  /// it. False where it does not authenticate or is shorter than a tag. Then nothing of `out` may
  /// be used, and opened in place the sealed bytes are gone: who wants to try a second key opens
  /// into another buffer.
  virtual bool open(const Key& key, const AeadNonce& nonce, Bytes associated, Bytes sealed,
                    std::uint8_t* out) const = 0;
};

const Aead* sodium_aead();     // nullptr where the processor has no AES instructions
const Aead& libcrypto_aead();  // at its first call std::runtime_error where there is no AES-256-GCM

/// The one in use.
const Aead& aead();

}  // namespace hub
