#include "protocol/hub_link.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/fingerprint.hpp"
#include "protocol/text.hpp"

namespace hub {

namespace {

constexpr std::string_view kScheme = "hub://";
constexpr std::size_t kMaxLinkBytes = 512;

tl::unexpected<std::string> wrong(std::string_view what) {
  return tl::unexpected(
      fmt::format("the link {}; a link is hub://NAME@HOST:PORT/#KEY, copied whole", what));
}

}  // namespace

bool is_hub_link(std::string_view text) {
  return text.size() >= kScheme.size() &&
         std::equal(kScheme.begin(), kScheme.end(), text.begin(), [](char wanted, char c) {
           return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
         });
}

tl::expected<HubLink, std::string> parse_hub_link(std::string_view text) {
  if (!is_hub_link(text)) return wrong("does not begin with hub://");
  if (text.size() > kMaxLinkBytes) return wrong("is too long");
  HubLink link;
  std::string_view rest = text.substr(kScheme.size());
  if (const auto hash = rest.find('#'); hash != std::string_view::npos) {
    const std::string_view key = rest.substr(hash + 1);
    link.key = parse_key_text(key);
    if (!link.key) return wrong("has a key that is not 43 characters of base64url");
    rest = rest.substr(0, hash);
  }
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  if (rest.find_first_of("/?") != std::string_view::npos) {
    return wrong("has something between the host and the key");
  }
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view name = rest.substr(0, at);
    if (name.find(':') != std::string_view::npos) {
      return wrong("has a password in it, which no link may");
    }
    link.name = ClientId::parse(name);
    if (!link.name) {
      return wrong("has a name that is not 1 to 31 letters, digits and underscores");
    }
    rest = rest.substr(at + 1);
  }
  auto hub = parse_hub_name(rest);
  if (!hub) return tl::unexpected(fmt::format("the link's host {}", hub.error()));
  if (hub->host.find('%') != std::string::npos) {
    return wrong("names a network interface, which only one machine knows");
  }
  link.hub = std::move(*hub);
  return link;
}

std::string to_string(const HubLink& link) {
  return fmt::format("{}{}{}{}/{}{}", kScheme, link.name ? link.name->text() : "",
                     link.name ? "@" : "", to_string(link.hub), link.key ? "#" : "",
                     link.key ? key_text(*link.key) : "");
}

}  // namespace hub
