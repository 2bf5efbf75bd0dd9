// Where a datagram comes from or goes to: plain numbers, no socket.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hub {

/// An IPv4 or IPv6 address; IPv4 is held mapped, as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  static IpAddress v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
  /// "127.0.0.1" or "::1", without brackets or a zone; nothing where it is neither.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  bool is_loopback() const;     // 127.0.0.0/8 and ::1
  bool is_unspecified() const;  // 0.0.0.0 and ::
  /// The part that one subscriber is given: /32 of IPv4, /56 of IPv6; the rest zero.
  IpAddress prefix() const;

  auto operator<=>(const IpAddress&) const = default;
};

struct Endpoint {
  IpAddress ip;
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  // interface of a link-local IPv6 address, else 0

  /// "127.0.0.1:32000", "[::1]:32000"; nothing where it is neither.
  static std::optional<Endpoint> parse(std::string_view text);

  auto operator<=>(const Endpoint&) const = default;
};

/// The way a datagram came, and so the way its answer goes: between our address and theirs.
struct Path {
  Endpoint local;  // the address that was asked, with the port of the socket it arrived on
  Endpoint remote;

  bool operator==(const Path&) const = default;
};

std::string to_string(const IpAddress& ip);
std::string to_string(const Endpoint& endpoint);  // "127.0.0.1:32000", "[::1]:32000"

/// For unordered containers. Keyed by no secret: tables that strangers can fill must be bounded.
struct EndpointHash {
  std::size_t operator()(const Endpoint& endpoint) const;
};
struct IpAddressHash {
  std::size_t operator()(const IpAddress& ip) const;
};

}  // namespace hub
