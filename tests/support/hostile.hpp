// Datagrams that a hub or a client gets from people who mean it ill, or from nobody in particular:
// random bytes, each type and opcode, real ones altered, cut, lengthened or repeated, hellos and
// key requests of every sort. From a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/types.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

class Hostile {
 public:
  using Datagram = std::vector<std::uint8_t>;

  /// `hub_key`: public, as everybody can ask for it. `real`: datagrams that were overheard.
  Hostile(std::uint64_t seed, const Key& hub_key, std::vector<Datagram> real);

  /// Each kind in turn.
  Datagram next();
  /// A hello that is right, of a client that will not go on.
  Datagram hello();
  /// One of very many addresses, of both kinds.
  Endpoint address();

 private:
  Datagram noise(std::size_t size);
  Datagram sealed_type();
  Datagram classic_opcode();
  Datagram altered();
  Datagram resized();
  Datagram greeting();
  std::uint64_t below(std::uint64_t end) { return dice_() % end; }

  std::mt19937_64 dice_;
  SeededRandom random_;
  Key hub_key_;
  std::vector<Datagram> real_;
  std::vector<Datagram> hellos_;
  std::uint64_t turn_ = 0;
};

}  // namespace hub::test
