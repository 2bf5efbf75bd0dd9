// How people name a hub: HOST, HOST:PORT, [::1] or [::1]:32000.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "protocol/limits.hpp"

namespace hub {

struct HubName {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = kDefaultPort;

  bool operator==(const HubName&) const = default;
};

inline constexpr std::size_t kMaxHostBytes = 253;  // RFC 1035, section 2.3.4, as text

/// A host is letters, digits, dots, dashes and underscores; an address in brackets hexadecimal
/// digits, colons, dots and perhaps a zone (%eth0). So a name needs no quoting in a file, in a link
/// or on a terminal. The error says what is wrong and how it is written.
tl::expected<HubName, std::string> parse_hub_name(std::string_view text);

/// With brackets where they are needed, and always with the port.
std::string to_string(const HubName& name);

}  // namespace hub
