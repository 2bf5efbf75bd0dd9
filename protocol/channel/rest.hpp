// What must outlive an idle phase: a Channel that is_idle() may be dropped and made again from
// this, under a Config that has the windows it was given last.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>

#include "protocol/channel/path_mtu.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

/// One direction's position on one lane, in message costs since the connection began.
struct WindowRest {
  std::uint64_t used = 0;   // sent, or received
  std::uint64_t limit = 0;  // allowed by whoever receives
};

/// What a loss adds to Recovery::caution(), and as many acks take away.
inline constexpr std::uint8_t kCautionOfALoss = 64;

/// Recovery::caution() of a path of which nothing is known: as if it had just lost a datagram.
inline std::uint8_t caution_at_first() { return fault("new_path_trusted") ? 0 : kCautionOfALoss; }

/// A default Rest is a connection that has just begun.
struct Rest {
  std::uint64_t talk_seq_out = 0;  // the next to be sent
  std::uint64_t talk_seq_in = 0;   // the next to be delivered
  WindowRest talk_out{0, kInitialTalkWindow};
  WindowRest talk_in{0, kInitialTalkWindow};
  WindowRest bulk_out{0, kInitialBulkWindow};
  WindowRest bulk_in{0, kInitialBulkWindow};
  std::uint64_t next_stream_out = 0;
  std::uint64_t next_stream_in = 0;
  std::uint64_t next_number_in = 0;   // one above the largest received
  std::uint32_t received_run = 0;     // numbers received without a gap below that
  std::uint32_t smoothed_rtt_us = 0;  // 0: never sampled
  std::uint32_t rtt_variance_us = 0;
  std::uint32_t min_rtt_us = 0;
  std::uint32_t congestion_window = 0;  // 0: that of a fresh path
  std::uint32_t slow_start_threshold = 0;
  std::uint64_t acked_end = 0;                // one above the largest of our datagrams acknowledged
  std::uint8_t caution = caution_at_first();  // Recovery::caution()
  std::uint8_t orderly_in = 0;                // Acks::orderly()
  PathMtu::Rest mtu;

  std::optional<std::uint64_t> largest_acked() const {
    if (acked_end == 0) return std::nullopt;
    return acked_end - 1;
  }
  /// As Channel::pto().
  Duration pto() const;
};

/// What on_path_changed() does, for a connection that rests: RTT, congestion window and MTU afresh.
inline void forget_path(Rest& rest) {
  rest.smoothed_rtt_us = rest.rtt_variance_us = rest.min_rtt_us = 0;
  rest.congestion_window = rest.slow_start_threshold = 0;
  rest.caution = caution_at_first();
  rest.orderly_in = 0;
  rest.mtu = {};
}

static_assert(std::is_trivially_copyable_v<Rest>);
static_assert(sizeof(Rest) <= 144, "the memory budget of an idle connection");

}  // namespace hub::channel
