// How long a datagram a path carries: datagram packetization layer path MTU discovery (RFC 8899,
// RFC 9000 §14.3).
//
// A path begins with kBaseDatagramBytes, which every one carries. Where more messages wait than a
// datagram holds, the next size of a short list is tried: a datagram of a ping and padding. Its ack
// raises the size, and the next one is tried. Its loss costs nothing: no message is in it, and it
// is no sign of congestion. It is tried again when messages wait again; after three losses the
// search pauses for kPause acknowledged datagrams. Idle and sparse connections never search.
//
// A path may come to carry less. Losses of longer datagrams three times in a row, or two probe
// timeouts in a row, and it is back at the base; the search begins again (RFC 8899 §4.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/limits.hpp"

namespace hub::channel {

class PathMtu {
 public:
  /// Bytes of UDP payload: what everything carries; a tunnel (WireGuard's 1,420 bytes) and Ethernet
  /// (1,500), each less the headers of IPv6 and UDP; Ethernet's jumbo frames (9,000) likewise.
  static constexpr std::array<std::size_t, 4> kSizes{kBaseDatagramBytes, 1372, 1452,
                                                     kMaxDatagramBytes};
  static constexpr std::uint8_t kMaxProbes = 3;  // MAX_PROBES, RFC 8899 §5.1.2
  static constexpr std::uint8_t kMaxLosses = 3;
  static constexpr std::uint16_t kPause = 10'000;  // in place of its PMTU_RAISE_TIMER

  /// What outlives an idle phase.
  struct Rest {
    std::uint8_t step = 0;     // in kSizes
    std::uint8_t probes = 0;   // of the next size that were lost
    std::uint16_t paused = 0;  // datagrams acknowledged since the last of these
  };

  PathMtu() = default;
  explicit PathMtu(const Rest& rest) : at_(rest) {}
  Rest rest() const { return at_; }

  /// The longest datagram known to arrive.
  std::size_t size() const { return kSizes[at_.step]; }
  /// More messages wait than a datagram of size() holds.
  void on_full() { is_wanted_ = true; }
  /// The size that is worth a probe; nothing where none is.
  std::optional<std::size_t> next() const;

  void on_probe_sent(std::uint64_t number) { probe_ = number; }
  void on_probe_acked(std::uint64_t number, std::size_t bytes);
  void on_probe_lost(std::uint64_t number, std::size_t bytes);
  /// Any other datagram.
  void on_acked(std::size_t bytes);
  /// One or more that are longer than the base were found lost together, the shortest with so many.
  void on_lost(std::size_t bytes);
  /// Two probe timeouts in a row.
  void on_silence();

 private:
  bool is_at_end() const { return at_.step + 1u == kSizes.size(); }
  void settle(std::uint64_t number) {
    if (probe_ == number) probe_.reset();
  }
  void fall_back();

  Rest at_;
  std::uint8_t losses_ = 0;  // times, and since then none so long was acknowledged
  bool is_wanted_ = false;
  std::size_t shortest_lost_ = 0;
  std::optional<std::uint64_t> probe_;  // the number of the one under way
};

}  // namespace hub::channel
