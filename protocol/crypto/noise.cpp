#include "protocol/crypto/noise.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

namespace {

constexpr std::string_view kProtocolName = "Noise_NK_25519_AESGCM_SHA256";
static_assert(kProtocolName.size() <= std::tuple_size_v<Key>, "a longer name would be hashed");

constexpr std::size_t kPublicKeyBytes = std::tuple_size_v<Key>;
constexpr std::uint64_t kRekeyNonce = ~std::uint64_t{0};

void mix_hash(NoiseSymmetricState& state, Bytes data) { state.hash = sha256({state.hash, data}); }

// HKDF with two outputs (section 4.3). `first` may be the chaining key itself.
void hkdf(const Key& chaining_key, Bytes input, Key& first, Key& second) {
  static constexpr std::array<std::uint8_t, 1> kOne{1};
  static constexpr std::array<std::uint8_t, 1> kTwo{2};
  Key temporary = hmac_sha256(chaining_key, {input});
  first = hmac_sha256(temporary, {kOne});
  second = hmac_sha256(temporary, {first, kTwo});
  wipe(temporary);
}

// InitializeSymmetric and Initialize (sections 5.2 and 5.3), with the pre-message "<- s".
NoiseSymmetricState initialized(Bytes prologue, const Key& responder_public) {
  NoiseSymmetricState state;
  std::copy(kProtocolName.begin(), kProtocolName.end(), state.hash.begin());
  state.chaining_key = state.hash;
  mix_hash(state, fault("noise_prologue_ignored") ? Bytes{} : prologue);
  mix_hash(state, responder_public);
  return state;
}

// MixKey(DH(secret, public_key)); the cipher key, or nothing where the shared secret is zero. The
// caller wipes it.
std::optional<Key> mix_dh(NoiseSymmetricState& state, const Key& secret, const Key& public_key) {
  auto shared = x25519(secret, public_key);
  if (!shared) return std::nullopt;
  std::optional<Key> key(std::in_place);
  hkdf(state.chaining_key, *shared, state.chaining_key, *key);
  wipe(*shared);
  return key;
}

// EncryptAndHash with the nonce 0, appended to `out`; the key dies here.
void encrypt_and_hash(NoiseSymmetricState& state, Key& key, Bytes payload,
                      std::vector<std::uint8_t>& out) {
  const std::size_t before = out.size();
  out.resize(before + payload.size() + kAeadTagBytes);
  aead().seal(key, counter_nonce(0), state.hash, payload, out.data() + before);
  wipe(key);
  mix_hash(state, Bytes(out).subspan(before));
}

// DecryptAndHash with the nonce 0; the key dies here.
std::optional<std::vector<std::uint8_t>> decrypt_and_hash(NoiseSymmetricState& state, Key& key,
                                                          Bytes sealed) {
  std::vector<std::uint8_t> payload(sealed.size() - kAeadTagBytes);
  const bool opened = aead().open(key, counter_nonce(0), state.hash, sealed, payload.data());
  wipe(key);
  if (!opened) return std::nullopt;
  mix_hash(state, sealed);
  return payload;
}

Key public_key_in(Bytes message) {
  Key out{};
  std::copy_n(message.begin(), out.size(), out.begin());
  return out;
}

NoiseKeys split(const NoiseSymmetricState& state) {
  NoiseKeys keys;
  hkdf(state.chaining_key, {}, keys.to_responder, keys.to_initiator);
  keys.handshake_hash = state.hash;
  return keys;
}

}  // namespace

NoiseKeys::~NoiseKeys() {
  wipe(to_responder);
  wipe(to_initiator);
}

NoiseSymmetricState::~NoiseSymmetricState() {
  wipe(chaining_key);
  wipe(hash);
}

NoiseInitiator::NoiseInitiator(Bytes prologue, const Key& responder_public,
                               const KeyPair& ephemeral)
    : state_(initialized(prologue, responder_public)),
      ephemeral_(ephemeral),
      responder_public_(responder_public) {}

bool NoiseInitiator::write_message1(Bytes payload, std::vector<std::uint8_t>& out) {
  if (written_) return false;
  NoiseSymmetricState state = state_;
  mix_hash(state, ephemeral_.public_key);                          // e
  auto key = mix_dh(state, ephemeral_.secret, responder_public_);  // es
  if (!key) return false;
  out.insert(out.end(), ephemeral_.public_key.begin(), ephemeral_.public_key.end());
  encrypt_and_hash(state, *key, payload, out);
  state_ = state;
  written_ = true;
  return true;
}

std::optional<NoiseKeys> NoiseInitiator::read_message2(Bytes message,
                                                       std::vector<std::uint8_t>& payload) const {
  if (!written_ || message.size() < kNoiseOverheadBytes) return std::nullopt;
  NoiseSymmetricState state = state_;
  const Key responder_ephemeral = public_key_in(message);
  mix_hash(state, responder_ephemeral);                              // e
  auto key = mix_dh(state, ephemeral_.secret, responder_ephemeral);  // ee
  if (!key) return std::nullopt;
  auto opened = decrypt_and_hash(state, *key, message.subspan(kPublicKeyBytes));
  if (!opened) return std::nullopt;
  payload = std::move(*opened);
  return split(state);
}

NoiseResponder::NoiseResponder(const NoiseSymmetricState& state, const Key& initiator_ephemeral)
    : state_(state), initiator_ephemeral_(initiator_ephemeral) {}

std::optional<NoiseResponder> NoiseResponder::read_message1(Bytes prologue,
                                                            const KeyPair& responder_static,
                                                            Bytes message,
                                                            std::vector<std::uint8_t>& payload) {
  if (message.size() < kNoiseOverheadBytes) return std::nullopt;
  NoiseSymmetricState state = initialized(prologue, responder_static.public_key);
  const Key initiator_ephemeral = public_key_in(message);
  mix_hash(state, initiator_ephemeral);                                    // e
  auto key = mix_dh(state, responder_static.secret, initiator_ephemeral);  // es
  if (!key) return std::nullopt;
  auto opened = decrypt_and_hash(state, *key, message.subspan(kPublicKeyBytes));
  if (!opened) return std::nullopt;
  payload = std::move(*opened);
  return NoiseResponder(state, initiator_ephemeral);
}

NoiseKeys NoiseResponder::write_message2(const KeyPair& ephemeral, Bytes payload,
                                         std::vector<std::uint8_t>& out) const {
  NoiseSymmetricState state = state_;
  mix_hash(state, ephemeral.public_key);  // e
  // ee. There is a key: read_message1() has found that the initiator's e is not of low order.
  Key key = mix_dh(state, ephemeral.secret, initiator_ephemeral_).value();
  out.insert(out.end(), ephemeral.public_key.begin(), ephemeral.public_key.end());
  encrypt_and_hash(state, key, payload, out);
  return split(state);
}

Key rekey(const Key& key) {
  if (fault("rekey_keeps_key")) return key;
  static constexpr Key kZeros{};
  std::array<std::uint8_t, std::tuple_size_v<Key> + kAeadTagBytes> sealed{};
  aead().seal(key, counter_nonce(kRekeyNonce), {}, kZeros, sealed.data());
  Key out{};
  std::copy_n(sealed.begin(), out.size(), out.begin());
  wipe(sealed);
  return out;
}

}  // namespace hub
