// What a line of text may hold. Everything people type and read passes here, because the other end
// of a post is somebody's terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hub {

/// True for well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
bool is_utf8(std::string_view bytes);

/// True for a text that may be posted: 1 to kMaxTextBytes bytes of UTF-8 without control
/// characters (U+0000..U+001F, U+007F..U+009F, line and paragraph separators) and without the
/// bidirectional overrides and isolates that can reorder what surrounds them on a screen.
bool is_text(std::string_view bytes);

/// The longest prefix of at most `limit` bytes that does not split a UTF-8 character.
std::string_view cut_text(std::string_view text, std::size_t limit);

/// `bytes` made harmless for a terminal: every byte or character that is_text() would refuse
/// becomes U+FFFD. What is fine comes back unchanged.
std::string printable(std::string_view bytes);

}  // namespace hub
