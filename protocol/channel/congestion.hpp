// The seam of congestion control: how many bytes may be in flight. Behind it NewReno, the default.
#pragma once

#include <cstdint>
#include <memory>

#include "protocol/types.hpp"

namespace hub::channel {

class Congestion {
 public:
  virtual ~Congestion() = default;

  /// Bytes of datagrams, our estimate of header and tag included.
  virtual std::size_t window() const = 0;
  virtual std::size_t slow_start_threshold() const = 0;

  /// A datagram was acknowledged. `was_limited`: the window was what held the sender back; only
  /// then may it grow (RFC 9002 §7.8).
  virtual void on_acked(std::size_t bytes, TimePoint sent, bool was_limited) = 0;
  /// Datagrams were lost, the last of them sent at `last_sent`.
  virtual void on_lost(TimePoint last_sent, TimePoint now) = 0;
  /// RFC 9002 §7.6.
  virtual void on_persistent_congestion() = 0;
};

/// What a path left behind, or zeroes for a fresh one.
struct CongestionStart {
  std::size_t window = 0;
  std::size_t slow_start_threshold = 0;
};

using MakeCongestion = std::unique_ptr<Congestion> (*)(const CongestionStart&);

std::unique_ptr<Congestion> make_newreno(const CongestionStart& start);

}  // namespace hub::channel
