#include "protocol/text.hpp"

#include <cstdint>
#include <cstring>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub {

namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // bytes taken; 0 where the bytes are not well-formed UTF-8
};

/// Decodes the first character of a non-empty `bytes` (RFC 3629, section 4).
Character first_character(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const auto continues = [&](std::size_t i) {
    return i < bytes.size() && (byte(i) & 0xC0) == 0x80;
  };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead <= 0xDF && continues(1)) {
    return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  }
  if (lead >= 0xE0 && lead <= 0xEF && continues(1) && continues(2)) {
    const auto code =
        static_cast<char32_t>((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F));
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code >= 0x800 && !surrogate) return {code, 3};
  }
  if (lead >= 0xF0 && lead <= 0xF4 && continues(1) && continues(2) && continues(3)) {
    const auto code = static_cast<char32_t>((lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
                                            (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F));
    if (code >= 0x10000 && code <= 0x10FFFF) return {code, 4};
  }
  return {};
}

bool is_harmless(char32_t code) {
  const bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
  const bool separator = code == 0x2028 || code == 0x2029;
  const bool bidi = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return !control && !separator && !bidi;
}

/// Bytes at the beginning, in eights, that are printable ASCII: most of most texts.
std::size_t plain_prefix(std::string_view bytes) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kHigh = 0x80 * kEach;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + at, sizeof eight);
    const std::uint64_t deletes = eight ^ (0x7F * kEach);
    // Of the lowest byte that is one, the high bit is set (the borrow of others may set more).
    const std::uint64_t is_control = (eight - 0x20 * kEach) & ~eight;
    const std::uint64_t is_delete = (deletes - kEach) & ~deletes;
    if (((eight | is_control | is_delete) & kHigh) != 0 && !fault("text_looked_at_in_parts")) break;
  }
  return at;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Character c = first_character(bytes);
    if (c.size == 0) return false;
    bytes.remove_prefix(c.size);
  }
  return true;
}

bool is_text(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kMaxTextBytes) return false;
  for (;;) {
    bytes.remove_prefix(plain_prefix(bytes));
    if (bytes.empty()) return true;
    const Character c = first_character(bytes);
    if (c.size == 0 || !is_harmless(c.code)) return false;
    bytes.remove_prefix(c.size);
  }
}

std::string_view cut_text(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  std::size_t end = limit;
  // A character is at most four bytes: more than three continuation bytes are not UTF-8 anyway.
  for (int back = 0; back < 3 && end > 0; ++back) {
    if ((static_cast<std::uint8_t>(text[end]) & 0xC0) != 0x80) break;
    --end;
  }
  return text.substr(0, end);
}

std::string printable(std::string_view bytes) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Character c = first_character(bytes);
    if (c.size > 0 && is_harmless(c.code)) {
      out += bytes.substr(0, c.size);
    } else {
      out += kReplacement;
    }
    bytes.remove_prefix(c.size > 0 ? c.size : 1);
  }
  return out;
}

}  // namespace hub
