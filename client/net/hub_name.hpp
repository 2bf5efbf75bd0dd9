// How people name a hub: HOST, HOST:PORT, [::1] or [::1]:32000.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "protocol/limits.hpp"

namespace hub::client {

struct HubName {
  std::string host;  // a name or an address, without brackets
  std::uint16_t port = kDefaultPort;
};

/// The error says what is wrong and how it is written.
tl::expected<HubName, std::string> parse_hub_name(std::string_view text);

std::string to_string(const HubName& name);

}  // namespace hub::client
