// Deadlines: when something wants to be woken, if at all.
#pragma once

#include <optional>

#include "protocol/types.hpp"

namespace hub {

/// `earliest` becomes the earlier of the two; nothing is later than any time.
inline void keep_earliest(std::optional<TimePoint>& earliest, std::optional<TimePoint> other) {
  if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace hub
