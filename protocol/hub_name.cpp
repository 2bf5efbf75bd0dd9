#include "protocol/hub_name.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "protocol/text.hpp"

namespace hub {

namespace {

tl::unexpected<std::string> wrong(std::string_view text, std::string_view what) {
  return tl::unexpected(fmt::format("'{}' {}; write HOST, HOST:PORT or [IPV6]:PORT",
                                    printable(cut_text(text, 80)), what));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
         c == '_';
}

bool is_host(std::string_view host) {
  return host.front() != '-' && std::all_of(host.begin(), host.end(), is_host_character);
}

bool is_bracketed(std::string_view host) {
  const std::string_view address = host.substr(0, host.find('%'));
  const std::string_view zone = host.substr(address.size());
  return address.find(':') != std::string_view::npos &&
         std::all_of(address.begin(), address.end(),
                     [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; }) &&
         (zone.empty() ||
          (zone.size() > 1 && std::all_of(zone.begin() + 1, zone.end(), is_host_character)));
}

}  // namespace

tl::expected<HubName, std::string> parse_hub_name(std::string_view text) {
  HubName name;
  std::string_view host = text;
  std::string_view rest;
  const bool brackets = !text.empty() && text.front() == '[';
  if (brackets) {
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
  if (host.size() > kMaxHostBytes) return wrong(text, "is too long for a host");
  if (brackets && !is_bracketed(host)) return wrong(text, "has no IPv6 address in its brackets");
  if (!brackets && !is_host(host)) {
    return wrong(text, "is no host: letters, digits, dots and dashes");
  }
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

}  // namespace hub
