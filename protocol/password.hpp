// Password verifiers: SCRAM's keys (RFC 5802, section 3, with SHA-256 as in RFC 7677) derived with
// Argon2id (RFC 9106, one lane) in place of Hi(). A hub stores verifiers, never passwords.
//
//   SaltedPassword := Argon2id(password, salt, memory, passes)      32 bytes
//   StoredKey      := SHA-256(HMAC(SaltedPassword, "Client Key"))
//   ServerKey      := HMAC(SaltedPassword, "Server Key")
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub {

using Salt = std::array<std::uint8_t, 16>;

struct KdfParams {
  std::uint64_t memory_bytes = 0;  // kMinKdfMemory to kMaxKdfMemory
  std::uint32_t passes = 0;        // kMinKdfPasses to kMaxKdfPasses

  bool is_valid() const;
  bool operator==(const KdfParams&) const = default;
};

struct Verifier {
  Salt salt{};
  KdfParams kdf;
  Key stored_key{};
  Key server_key{};

  bool operator==(const Verifier&) const = default;
};

/// Wiped when it dies: whoever has client_key can log in.
struct ScramKeys {
  Key client_key{};
  Key stored_key{};
  Key server_key{};

  ~ScramKeys();
};

/// The two HMACs and the hash above.
ScramKeys scram_keys(const Key& salted_password);

/// SaltedPassword above; the caller wipes it. Blocks for as long as the parameters ask (64 MiB,
/// 2 passes: about 0.1 s). Nothing where the parameters are out of bounds (is_valid()) or the
/// memory cannot be had.
std::optional<Key> stretch_password(std::string_view password, const Salt& salt,
                                    const KdfParams& kdf);

/// Stretches with a fresh salt; blocks, and may return nothing, as stretch_password() does.
std::optional<Verifier> make_verifier(std::string_view password, const KdfParams& kdf,
                                      Random& random);

enum class PasswordCheck { kRight, kWrong, kNoMemory };

/// Stretches `password` and compares in constant time. Blocks as stretch_password() does.
PasswordCheck check_password(std::string_view password, const Verifier& verifier);

/// Whether a client stretches its password with what a server asks for: enough that a false server
/// learns little by the proof, not so much that it exhausts the client. 19 to 256 MiB (kMinClient…
/// in limits.hpp) and 2 to 10 passes; with allow_weak, for tests and load programs, is_valid().
bool is_acceptable_to_client(const KdfParams& kdf, bool allow_weak);

/// What an ID without an account is checked against: the same work, never right. The salt is
/// HMAC(hub_secret, lower-cased ID), so that it stays the same from one try to the next.
Verifier decoy_verifier(const Key& hub_secret, std::string_view id_key, const KdfParams& kdf);

/// 1 to kMaxPasswordBytes bytes, without NUL or a line end (neither can be typed into a login).
bool is_password(std::string_view password);

}  // namespace hub
