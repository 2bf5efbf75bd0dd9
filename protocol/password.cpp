#include "protocol/password.hpp"

#include <algorithm>

#include <sodium.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub {

namespace {

static_assert(kMinKdfMemory >= crypto_pwhash_MEMLIMIT_MIN);
static_assert(kMinKdfPasses >= crypto_pwhash_OPSLIMIT_MIN);
static_assert(std::tuple_size_v<Salt> == crypto_pwhash_SALTBYTES);
static_assert(std::tuple_size_v<Key> == crypto_auth_hmacsha256_BYTES);

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

Key hmac(const Key& key, std::string_view text) {
  Key out{};
  crypto_auth_hmacsha256(out.data(), bytes_of(text), text.size(), key.data());
  return out;
}

std::optional<Key> stretch(std::string_view password, const Salt& salt, const KdfParams& kdf) {
  if (!kdf.is_valid()) return std::nullopt;
  Key out{};
  const int failed = crypto_pwhash(
      out.data(), out.size(), password.data(), password.size(), salt.data(), kdf.passes,
      static_cast<std::size_t>(kdf.memory_bytes), crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) return std::nullopt;
  return out;
}

}  // namespace

bool KdfParams::is_valid() const {
  return memory_bytes >= kMinKdfMemory && memory_bytes <= kMaxKdfMemory &&
         passes >= kMinKdfPasses && passes <= kMaxKdfPasses;
}

ScramKeys scram_keys(const Key& salted_password) {
  ScramKeys keys;
  keys.client_key = hmac(salted_password, "Client Key");
  crypto_hash_sha256(keys.stored_key.data(), keys.client_key.data(), keys.client_key.size());
  keys.server_key = hmac(salted_password, "Server Key");
  return keys;
}

std::optional<Verifier> make_verifier(std::string_view password, const KdfParams& kdf,
                                      Random& random) {
  Verifier out;
  out.kdf = kdf;
  random.fill(out.salt);
  const auto salted = stretch(password, out.salt, kdf);
  if (!salted) return std::nullopt;
  const ScramKeys keys = scram_keys(*salted);
  out.stored_key = keys.stored_key;
  out.server_key = keys.server_key;
  return out;
}

PasswordCheck check_password(std::string_view password, const Verifier& verifier) {
  const auto salted = stretch(password, verifier.salt, verifier.kdf);
  if (!salted) return PasswordCheck::kNoMemory;
  const ScramKeys keys = scram_keys(*salted);
  const bool same = sodium_memcmp(keys.stored_key.data(), verifier.stored_key.data(),
                                  keys.stored_key.size()) == 0;
  return same || fault("any_password_is_right") ? PasswordCheck::kRight : PasswordCheck::kWrong;
}

Verifier decoy_verifier(const Key& hub_secret, std::string_view id_key, const KdfParams& kdf) {
  Verifier out;
  out.kdf = kdf;
  const Key mac = hmac(hub_secret, id_key);
  std::copy_n(mac.begin(), out.salt.size(), out.salt.begin());
  randombytes_buf(out.stored_key.data(), out.stored_key.size());  // no password hashes to this
  return out;
}

bool is_password(std::string_view password) {
  return !password.empty() && password.size() <= kMaxPasswordBytes &&
         password.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

}  // namespace hub
