// The few types every room shares: bytes, times and the numbers that name things.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace hub {

using Bytes = std::span<const std::uint8_t>;

/// 32 bytes: a key of any kind (AES-256, X25519 secret or public, HMAC), or a SHA-256 hash.
using Key = std::array<std::uint8_t, 32>;

/// Monotonic time, for timeouts. Read once a turn of a run loop, passed down everywhere else.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// Time of day in UTC, for what people read: commit times, "online since".
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

/// One reading of both clocks: what a run loop hands to the pure cores at each turn.
struct Now {
  TimePoint mono{};
  WallTime wall{};
};

/// Names a post. Assigned by the store alone, strictly increasing, never 0.
using MessageId = std::uint64_t;

/// Names a session of the classic framing: 32 random bits, unique among live sessions, never 0.
using Token = std::uint32_t;

/// Names an account inside one hub's database; never shown to people, never 0.
using AccountId = std::int64_t;

/// How a session's messages are framed on the wire.
enum class Framing : std::uint8_t { kClassic = 0, kSealed = 1 };

}  // namespace hub
