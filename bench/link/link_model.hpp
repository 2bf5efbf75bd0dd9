// What a bad link does to packets: each direction delays them by a fixed time and loses a share of
// them by chance. Pure. Which ones depends on the seed and on how many went before in that
// direction alone, so that two runs of the same traffic meet the same losses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "protocol/types.hpp"

namespace hub::bench {

enum class Direction : std::uint8_t { kToServer, kToClient };

struct LinkConfig {
  struct Way {
    Duration delay = std::chrono::milliseconds(25);
    double loss = 0.05;
  };
  std::array<Way, 2> ways;  // by Direction
  std::uint64_t seed = 1;
};

class LinkModel {
 public:
  explicit LinkModel(const LinkConfig& config) : config_(config) {}

  struct Packet {
    TimePoint due{};
    std::vector<std::uint8_t> bytes;
  };
  void push(Direction direction, Bytes packet, TimePoint now);
  /// When the next packet comes out of the link.
  std::optional<TimePoint> next_timeout() const;
  /// One that is due; nothing where none is.
  std::optional<Packet> pop(Direction direction, TimePoint now);

  std::uint64_t passed() const { return passed_; }
  std::uint64_t lost() const { return lost_; }

 private:
  struct Way {
    std::deque<Packet> packets;
    std::uint64_t count = 0;
  };
  bool is_lost(Direction direction, std::uint64_t number) const;

  const LinkConfig config_;
  std::array<Way, 2> ways_;
  std::uint64_t passed_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace hub::bench
