// How numbers, sizes and times are read from and written for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub::admin {

/// "2024-05-01T12:00:00Z"; with `exact`, microseconds too.
std::string iso_time(WallTime time, bool exact = false);

/// Decimal digits and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view text);

/// "64MiB", "19456KiB", "1GiB", or a number of bytes. Nothing where it is none of these.
std::optional<std::uint64_t> parse_size(std::string_view text);

/// "64MiB" where that is exact, else "65537 bytes".
std::string format_size(std::uint64_t bytes);

/// "1 post", "2 posts".
std::string plural(std::uint64_t count, std::string_view noun);

}  // namespace hub::admin
