// A NAT's work on IPv4 packets: another source address on the way out, the client's own on the way
// in, with the checksums of IP, TCP and UDP put right (RFC 1624). Ports stay. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "bench/link/link_model.hpp"

namespace hub::bench {

using Ip4 = std::uint32_t;  // 10.88.0.1 is 0x0A580001

class Nat {
 public:
  Nat(Ip4 client, Ip4 first_mapping) : client_(client), mapping_(first_mapping) {}

  /// Rewrites the packet in place. False: it does not pass, for it is none of the client's, or was
  /// sent to a mapping that is gone.
  bool translate(Direction direction, std::span<std::uint8_t> packet) const;
  /// The client has another address for everybody else; the old one leads nowhere.
  void change_mapping() { ++mapping_; }

 private:
  Ip4 client_;
  Ip4 mapping_;
};

}  // namespace hub::bench
