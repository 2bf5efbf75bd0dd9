#include "bench/link/nat.hpp"

namespace hub::bench {

namespace {

// Of an IPv4 header (RFC 791).
constexpr std::size_t kMinHeaderBytes = 20;
constexpr std::size_t kFragmentAt = 6;
constexpr std::size_t kProtocolAt = 9;
constexpr std::size_t kChecksumAt = 10;
constexpr std::size_t kSourceAt = 12;
constexpr std::size_t kDestinationAt = 16;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kTcpChecksumAt = 16;
constexpr std::size_t kUdpChecksumAt = 6;

std::uint16_t u16_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}
void put_u16(std::uint16_t value, std::span<std::uint8_t> bytes, std::size_t at) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
Ip4 ip_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  return static_cast<Ip4>(u16_at(bytes, at)) << 16 | u16_at(bytes, at + 2);
}

std::uint16_t half(Ip4 address, int index) {
  return static_cast<std::uint16_t>(index == 0 ? address >> 16 : address & 0xFFFF);
}

/// The checksum at `at` after an address that it covers was changed (RFC 1624, equation 3).
void adjust(std::span<std::uint8_t> packet, std::size_t at, Ip4 before, Ip4 after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~u16_at(packet, at));
  for (int i = 0; i < 2; ++i) {
    sum += static_cast<std::uint16_t>(~half(before, i));
    sum += half(after, i);
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  put_u16(static_cast<std::uint16_t>(~sum), packet, at);
}

void replace(std::span<std::uint8_t> packet, std::size_t at, Ip4 after) {
  const Ip4 before = ip_at(packet, at);
  put_u16(half(after, 0), packet, at);
  put_u16(half(after, 1), packet, at + 2);
  adjust(packet, kChecksumAt, before, after);
  const std::size_t header = static_cast<std::size_t>(packet[0] & 0x0F) * 4;
  if (packet[kProtocolAt] == kTcp && packet.size() >= header + kTcpChecksumAt + 2) {
    adjust(packet, header + kTcpChecksumAt, before, after);
  }
  if (packet[kProtocolAt] == kUdp && packet.size() >= header + kUdpChecksumAt + 2 &&
      u16_at(packet, header + kUdpChecksumAt) != 0) {  // 0: the sender computed none
    adjust(packet, header + kUdpChecksumAt, before, after);
  }
}

}  // namespace

bool Nat::translate(Direction direction, std::span<std::uint8_t> packet) const {
  if (packet.size() < kMinHeaderBytes || packet[0] >> 4 != 4) return false;
  if ((u16_at(packet, kFragmentAt) & 0x3FFF) != 0) return false;  // nobody here sends fragments
  const bool is_out = direction == Direction::kToServer;
  const std::size_t at = is_out ? kSourceAt : kDestinationAt;
  if (ip_at(packet, at) != (is_out ? client_ : mapping_)) return false;
  replace(packet, at, is_out ? mapping_ : client_);
  return true;
}

}  // namespace hub::bench
