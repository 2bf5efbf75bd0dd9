// SHA-256 (FIPS 180-4) from Nettle, which uses the processor's own instructions for it;
// HMAC-SHA-256 (RFC 2104) on it; and how secrets are compared and forgotten, from libsodium. Pure;
// any thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "protocol/types.hpp"

namespace hub {

/// The bytes of a text, without its end. Valid as long as the text is.
inline Bytes text_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The hash of the parts one after the other, nothing between them.
Key sha256(std::initializer_list<Bytes> parts);

/// The same under a key of any length.
Key hmac_sha256(Bytes key, std::initializer_list<Bytes> parts);

/// Byte by byte.
Key exclusive_or(const Key& one, const Key& two);

/// In time that depends on the lengths alone. Different lengths are not equal.
bool equal_constant_time(Bytes one, Bytes two);

/// Zeroes that the compiler may not leave out.
void wipe(std::span<std::uint8_t> secret);

}  // namespace hub
