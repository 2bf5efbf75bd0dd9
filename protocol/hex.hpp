// Bytes in hexadecimal, two digits each, for files and for people. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub {

/// Lower-case digits.
std::string hex_text(Bytes bytes);

/// Reads digits of either case into `out`. False unless they are exactly as many as it takes; `out`
/// then holds anything.
bool parse_hex_text(std::string_view text, std::span<std::uint8_t> out);

}  // namespace hub
