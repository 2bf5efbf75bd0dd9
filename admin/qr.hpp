// QR codes in a terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub::admin {

/// `text` as a QR code of half blocks, two modules a character, with its quiet zone: several lines,
/// each with its end. With `colours` the light modules are white on black by escape codes, whatever
/// the terminal's own colours are; without, they are plain blocks, right where the background is
/// dark. Nothing where the text is too long for a code.
std::optional<std::string> qr_code(std::string_view text, bool colours);

}  // namespace hub::admin
