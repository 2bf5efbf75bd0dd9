// How 32-byte keys are written for programs, and how people compare them. Pure.
//
//   key text     43 characters of base64url (RFC 4648, section 5) without padding
//   fingerprint  the first 15 bytes of SHA-256(public key) in lower-case base32 (RFC 4648, section
//                6), in six groups of four: k3vq-7m2a-…. 120 bits: nobody makes a second key with
//                the same one, and people compare and read aloud groups of four more reliably than
//                43 characters in which case matters. Base32 has no 0, 1, 8 or 9 to be mistaken.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub {

inline constexpr std::size_t kKeyTextBytes = 43;

std::string key_text(const Key& key);

/// Nothing unless `text` is exactly what key_text() writes for some key.
std::optional<Key> parse_key_text(std::string_view text);

std::string fingerprint_of(const Key& public_key);

/// True where somebody typed the fingerprint of this key: in any case of letters, with or without
/// dashes and spaces.
bool is_fingerprint_of(std::string_view typed, const Key& public_key);

}  // namespace hub
