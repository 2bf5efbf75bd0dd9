// "Did you mean": the known word that a mistyped one is closest to.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace hub {

/// The candidate that `word` becomes with the fewest insertions, deletions, replacements and swaps
/// of neighbours, without regard to ASCII case; the first of several. Nothing where even the best
/// is not alike (more than a third of its length away). Words of more than 64 bytes are like
/// nothing.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace hub
