#include "client/net/hub_name.hpp"

#include <charconv>

#include <fmt/format.h>

#include "protocol/text.hpp"

namespace hub::client {

namespace {

tl::unexpected<std::string> wrong(std::string_view text, std::string_view what) {
  return tl::unexpected(
      fmt::format("'{}' {}; write HOST, HOST:PORT or [IPV6]:PORT", printable(text), what));
}

}  // namespace

tl::expected<HubName, std::string> parse_hub_name(std::string_view text) {
  HubName name;
  std::string_view host = text;
  std::string_view rest;
  if (!text.empty() && text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return wrong(text, "has a '[' without its ']'");
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return wrong(text, "goes on after its ']'");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos) {
      return wrong(text, "is an IPv6 address without brackets");
    }
  }
  if (host.empty()) return wrong(text, "names no host");
  if (!rest.empty()) {
    const std::string_view digits = rest.substr(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), name.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || name.port == 0) {
      return wrong(text, "has a port that is no number from 1 to 65535");
    }
  }
  name.host = host;
  return name;
}

std::string to_string(const HubName& name) {
  const bool six = name.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", six ? "[" : "", name.host, six ? "]" : "", name.port);
}

}  // namespace hub::client
