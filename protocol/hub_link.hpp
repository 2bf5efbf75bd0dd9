// Invite links: where a hub is, whose account is meant, and the hub's public key, so that the first
// contact needs no question. hubadmin makes them, spoke takes them as its argument.
//
//   link := "hub://" [ NAME "@" ] HOST [ ":" PORT ] [ "/" ] [ "#" KEY ]
//   NAME    a client ID
//   HOST    as in hub_name.hpp, without a zone; an IPv6 address in brackets
//   KEY     the hub's X25519 public key, 43 characters of base64url (fingerprint.hpp)
//
// "hub" may be in any case of letters (RFC 3986, section 3.1). There is no percent-encoding: no
// character needs it. The key stands in the fragment, which no program sends anywhere. A link holds
// no secret, but who can change it on its way chooses the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "protocol/client_id.hpp"
#include "protocol/hub_name.hpp"
#include "protocol/types.hpp"

namespace hub {

struct HubLink {
  std::optional<ClientId> name;
  HubName hub;
  std::optional<Key> key;
};

/// True where `text` begins as a link does, whatever follows.
bool is_hub_link(std::string_view text);

/// Strict: everything in the text means something, or it is refused. The error is one harmless
/// sentence. Never throws.
tl::expected<HubLink, std::string> parse_hub_link(std::string_view text);

/// Always with port and slash.
std::string to_string(const HubLink& link);

}  // namespace hub
