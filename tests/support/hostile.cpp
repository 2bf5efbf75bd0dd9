#include "tests/support/hostile.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "protocol/classic.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/initiator.hpp"

namespace hub::test {

namespace {

constexpr std::size_t kHellos = 256;  // made ahead: each costs an X25519
constexpr std::size_t kCookieAt = 6;  // type, version and key ID stand before it

}  // namespace

Hostile::Hostile(std::uint64_t seed, const Key& hub_key, std::vector<Datagram> real)
    : dice_(seed), random_(seed ^ 0xBAD), hub_key_(hub_key), real_(std::move(real)) {
  for (std::size_t i = 0; i < kHellos; ++i) hellos_.push_back(hello());
  if (real_.empty()) real_ = hellos_;
}

Hostile::Datagram Hostile::hello() {
  Datagram out;
  sealed::Initiator(hub_key_, random_, TimePoint{}).poll_transmit(TimePoint{}, out);
  return out;
}

Endpoint Hostile::address() {
  const auto port = static_cast<std::uint16_t>(1 + below(65535));
  Endpoint out{IpAddress::v4(10, static_cast<std::uint8_t>(below(8)),
                             static_cast<std::uint8_t>(below(256)), 1),
               port, 0};
  if (below(2) == 0) {
    out.ip = *IpAddress::parse("2001:db8::1");
    out.ip.bytes[5] = static_cast<std::uint8_t>(below(256));
    out.ip.bytes[6] = static_cast<std::uint8_t>(below(8));
  }
  return out;
}

Hostile::Datagram Hostile::next() {
  switch (turn_++ % 8) {
    case 0:
      return noise(below(1300));
    case 1:
      return sealed_type();
    case 2:
    case 3:
      return classic_opcode();
    case 4:
      return altered();
    case 5:
      return resized();
    case 6:
      return real_[below(real_.size())];
    default:
      return greeting();
  }
}

Hostile::Datagram Hostile::noise(std::size_t size) {
  Datagram out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(dice_());
  return out;
}

/// Every type of the sealed framing, in a size that one of them has.
Hostile::Datagram Hostile::sealed_type() {
  static constexpr std::array<std::size_t, 12> kSizes = {1,  25, 33, 34,  41,          49,
                                                         81, 82, 90, 203, kHelloBytes, 1200};
  Datagram out = noise(kSizes[below(kSizes.size())]);
  out[0] = static_cast<std::uint8_t>((turn_ / 8) % 0x20);
  return out;
}

/// Every opcode, with what the classic framing may carry.
Hostile::Datagram Hostile::classic_opcode() {
  static constexpr std::array<std::string_view, 6> kBodies = {"",  "ann&guess", "ann",
                                                              "x", "99",        "an&other&one"};
  classic::Header header;
  header.opcode = static_cast<Opcode>((turn_ / 8) % 256);
  header.token = below(2) == 0 ? 0 : static_cast<Token>(dice_());
  header.msg_id = static_cast<std::uint32_t>(below(3));
  Datagram out;
  classic::encode(header, kBodies[below(kBodies.size())], out);
  if (below(8) == 0) out[3] = static_cast<std::uint8_t>(dice_());  // the length it claims
  return out;
}

Hostile::Datagram Hostile::altered() {
  Datagram out = real_[below(real_.size())];
  const std::uint64_t flips = 1 + below(3);
  for (std::uint64_t i = 0; i < flips; ++i) {
    out[below(out.size())] ^= static_cast<std::uint8_t>(1u << below(8));
  }
  return out;
}

Hostile::Datagram Hostile::resized() {
  Datagram out = real_[below(real_.size())];
  out.resize(below(2) == 0 ? below(out.size() + 1) : out.size() + 1 + below(64));
  return out;
}

/// What asks a hub for an answer: hellos with a right or a wrong cookie, key or version, sent for
/// the first time or again, and key requests.
Hostile::Datagram Hostile::greeting() {
  Datagram out = hellos_[below(hellos_.size())];
  switch (below(8)) {
    case 0:
      return hello();
    case 1:
      out[1] = static_cast<std::uint8_t>(dice_());  // version
      return out;
    case 2:
      out[2 + below(4)] ^= static_cast<std::uint8_t>(1 + below(255));  // key ID
      return out;
    case 3:
      out[kCookieAt + below(16)] ^= static_cast<std::uint8_t>(1 + below(255));
      return out;
    case 4:
      out[kHelloBytes - 1] ^= 1;
      return out;
    case 5:
      out.assign(kHelloBytes, 0);
      out[0] = static_cast<std::uint8_t>(sealed::Type::kKeyRequest);
      for (std::size_t i = 1; i < 17; ++i) out[i] = static_cast<std::uint8_t>(dice_());
      return out;
    default:
      return out;
  }
}

}  // namespace hub::test
