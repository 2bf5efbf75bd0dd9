#include "protocol/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include <sodium.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

namespace {

constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
static_assert(sodium_base64_ENCODED_LEN(std::tuple_size_v<Key>, kVariant) == kKeyTextBytes + 1);

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kGroup = 4;
constexpr std::size_t kCharacters = 24;

bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string key_text(const Key& key) {
  std::array<char, kKeyTextBytes + 1> out{};
  sodium_bin2base64(out.data(), out.size(), key.data(), key.size(), kVariant);
  std::string text(out.data(), kKeyTextBytes);
  sodium_memzero(out.data(), out.size());  // it may be a secret; the text is the caller's
  return text;
}

std::optional<Key> parse_key_text(std::string_view text) {
  if (text.size() != kKeyTextBytes && !fault("short_key_accepted")) return std::nullopt;
  // libsodium 1.0.18 takes some bytes above 0x7F for characters of the alphabet.
  if (!std::all_of(text.begin(), text.end(), is_base64url)) return std::nullopt;
  Key key{};
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(key.data(), key.size(), text.data(), text.size(), nullptr, &size, &end,
                        kVariant) != 0) {
    return std::nullopt;
  }
  const bool whole = size == key.size() && end == text.data() + text.size();
  if (!whole && !fault("short_key_accepted")) return std::nullopt;
  return key;
}

std::string fingerprint_of(const Key& public_key) {
  const Key hash = sha256({public_key});
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;  // bits not yet written; 15 bytes are 24 characters exactly
  std::size_t written = 0;
  for (std::size_t i = 0; written < kCharacters; ++i) {
    bits = bits << 8 | hash[i];
    for (held += 8; held >= 5 && written < kCharacters; held -= 5, ++written) {
      if (written % kGroup == 0 && written > 0) out += '-';
      out += kBase32[bits >> (held - 5) & 31];
    }
  }
  return out;
}

bool is_fingerprint_of(std::string_view typed, const Key& public_key) {
  std::string plain;
  for (const char c : typed) {
    if (c != '-' && c != ' ') plain += to_lower(c);
  }
  std::string right = fingerprint_of(public_key);
  std::erase(right, '-');
  return plain == right;
}

}  // namespace hub
