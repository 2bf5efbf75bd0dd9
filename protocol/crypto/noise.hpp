// Noise_NK_25519_AESGCM_SHA256 (The Noise Protocol Framework, revision 34): the initiator knows the
// responder's static key, and nobody learns who the initiator is.
//
//     <- s                        before: the initiator has the responder's static public key
//     ...
//     -> e, es    message 1       e(32) ciphertext(payload + 16)
//     <- e, ee    message 2       e(32) ciphertext(payload + 16)
//
// Message 1 can be replayed, and whoever steals the responder's static key can read it later
// (section 7.7: payload security 0 for the sender, 2 for the receiver); its payload must hold
// nothing secret and cause nothing. The keys at the end are known only to who has the responder's
// static key and one of the two ephemeral ones.
//
// Each step verifies into locals and commits last: a forged message changes nothing, and the true
// one may still come. Randomness comes in as key pairs. Secrets are wiped when their object dies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/x25519.hpp"
#include "protocol/types.hpp"

namespace hub {

/// What either message is longer than its payload: a public key and a tag.
inline constexpr std::size_t kNoiseOverheadBytes = 32 + kAeadTagBytes;

/// What both sides have at the end: Split() and GetHandshakeHash() (sections 5.2 and 11.2).
struct NoiseKeys {
  Key to_responder{};
  Key to_initiator{};
  Key handshake_hash{};  // names this handshake; not secret

  ~NoiseKeys();
};

/// Section 5.2, without its key and counter: in this pattern every key encrypts one payload, with
/// the nonce 0, so they live inside single steps.
struct NoiseSymmetricState {
  Key chaining_key{};
  Key hash{};

  ~NoiseSymmetricState();
};

class NoiseInitiator {
 public:
  /// `ephemeral` is fresh for each handshake.
  NoiseInitiator(Bytes prologue, const Key& responder_public, const KeyPair& ephemeral);

  /// Appends message 1. False, and nothing is appended, where the responder's key is of low order;
  /// also at a second call: another payload under the same ephemeral key would be encrypted with
  /// the same key and nonce. A repeat is the first message's bytes again.
  [[nodiscard]] bool write_message1(Bytes payload, std::vector<std::uint8_t>& out);

  /// Replaces `payload` and returns the keys where the message is the responder's answer to
  /// message 1; otherwise changes nothing.
  std::optional<NoiseKeys> read_message2(Bytes message, std::vector<std::uint8_t>& payload) const;

 private:
  NoiseSymmetricState state_;
  KeyPair ephemeral_;
  Key responder_public_;
  bool written_ = false;
};

/// A responder that has read message 1.
class NoiseResponder {
 public:
  /// Replaces `payload` and returns the responder where the message was made for this prologue and
  /// this static key; otherwise changes nothing.
  static std::optional<NoiseResponder> read_message1(Bytes prologue,
                                                     const KeyPair& responder_static, Bytes message,
                                                     std::vector<std::uint8_t>& payload);

  /// Appends message 2. `ephemeral` is fresh for each call, for the reason given above.
  NoiseKeys write_message2(const KeyPair& ephemeral, Bytes payload,
                           std::vector<std::uint8_t>& out) const;

 private:
  NoiseResponder(const NoiseSymmetricState& state, const Key& initiator_ephemeral);

  NoiseSymmetricState state_;
  Key initiator_ephemeral_;
};

/// REKEY(k) (sections 4.2 and 11.3): the next key of a direction. The caller wipes the old one.
Key rekey(const Key& key);

}  // namespace hub
