// The two lanes of a channel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/limits.hpp"

namespace hub::channel {

/// Talk is one ordered stream a direction and always goes first; bulk is up to 64 independently
/// ordered streams, served in turn with what talk leaves.
enum class Lane : std::uint8_t { kTalk = 0, kBulk = 1 };

/// Names a bulk stream of one direction: 0, 1, 2, … in the order of opening. Talk has no name: 0.
using StreamId = std::uint64_t;

/// What a message counts against windows and queue bounds.
constexpr std::size_t cost_of(std::size_t message_bytes) {
  return message_bytes + kMessageCostBytes;
}

}  // namespace hub::channel
