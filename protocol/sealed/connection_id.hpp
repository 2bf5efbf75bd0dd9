// Connection IDs: 64 bits that name a connection in every datagram, chosen by the side that reads
// them. The upper 24 bits are the generation of the reset key (one a start of the hub), the lower
// 40 a keyed permutation of a counter: no ID is given out twice under one reset key, and nobody can
// guess the next.
#pragma once

#include <cstdint>

#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub::sealed {

using ConnectionId = std::uint64_t;

class ConnectionIdSource {
 public:
  static constexpr std::uint32_t kGenerations = 1u << 24;
  static constexpr std::uint64_t kPerGeneration = std::uint64_t{1} << 40;

  /// `generation` below kGenerations; the permutation's key comes from `random`.
  ConnectionIdSource(std::uint32_t generation, Random& random);

  /// Another one at each call, 2^40 times; never 0.
  ConnectionId next();

 private:
  ConnectionId permuted();

  std::uint64_t generation_;
  Key key_{};
  std::uint64_t counter_ = 0;
};

}  // namespace hub::sealed
