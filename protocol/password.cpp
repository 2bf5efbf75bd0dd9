#include "protocol/password.hpp"

#include <algorithm>

#include <sodium.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub {

static_assert(kMinKdfMemory >= crypto_pwhash_MEMLIMIT_MIN);
static_assert(kMinKdfPasses >= crypto_pwhash_OPSLIMIT_MIN);
static_assert(std::tuple_size_v<Salt> == crypto_pwhash_SALTBYTES);

bool KdfParams::is_valid() const {
  return memory_bytes >= kMinKdfMemory && memory_bytes <= kMaxKdfMemory &&
         passes >= kMinKdfPasses && passes <= kMaxKdfPasses;
}

ScramKeys::~ScramKeys() {
  wipe(client_key);
  wipe(stored_key);
  wipe(server_key);
}

ScramKeys scram_keys(const Key& salted_password) {
  ScramKeys keys;
  keys.client_key = hmac_sha256(salted_password, {text_bytes("Client Key")});
  keys.stored_key = sha256({keys.client_key});
  keys.server_key = hmac_sha256(salted_password, {text_bytes("Server Key")});
  return keys;
}

std::optional<Key> stretch_password(std::string_view password, const Salt& salt,
                                    const KdfParams& kdf) {
  if (!kdf.is_valid()) return std::nullopt;
  std::optional<Key> out(std::in_place);  // where it is returned, so that no copy stays behind
  const int failed = crypto_pwhash(
      out->data(), out->size(), password.data(), password.size(), salt.data(), kdf.passes,
      static_cast<std::size_t>(kdf.memory_bytes), crypto_pwhash_ALG_ARGON2ID13);
  if (failed != 0) return std::nullopt;
  return out;
}

std::optional<Verifier> make_verifier(std::string_view password, const KdfParams& kdf,
                                      Random& random) {
  Verifier out;
  out.kdf = kdf;
  random.fill(out.salt);
  auto salted = stretch_password(password, out.salt, kdf);
  if (!salted) return std::nullopt;
  const ScramKeys keys = scram_keys(*salted);
  wipe(*salted);
  out.stored_key = keys.stored_key;
  out.server_key = keys.server_key;
  return out;
}

PasswordCheck check_password(std::string_view password, const Verifier& verifier) {
  auto salted = stretch_password(password, verifier.salt, verifier.kdf);
  if (!salted) return PasswordCheck::kNoMemory;
  const ScramKeys keys = scram_keys(*salted);
  wipe(*salted);
  const bool same = equal_constant_time(keys.stored_key, verifier.stored_key);
  return same || fault("any_password_is_right") ? PasswordCheck::kRight : PasswordCheck::kWrong;
}

bool is_acceptable_to_client(const KdfParams& kdf, bool allow_weak) {
  if (fault("kdf_bounds_not_checked")) return true;
  if (!kdf.is_valid()) return false;
  return allow_weak ||
         (kdf.memory_bytes >= kMinClientKdfMemory && kdf.passes >= kMinClientKdfPasses);
}

Verifier decoy_verifier(const Key& hub_secret, std::string_view id_key, const KdfParams& kdf) {
  Verifier out;
  out.kdf = kdf;
  const Key mac = hmac_sha256(hub_secret, {text_bytes(id_key)});
  std::copy_n(mac.begin(), out.salt.size(), out.salt.begin());
  randombytes_buf(out.stored_key.data(), out.stored_key.size());  // no password hashes to this
  return out;
}

bool is_password(std::string_view password) {
  return !password.empty() && password.size() <= kMaxPasswordBytes &&
         password.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

}  // namespace hub
