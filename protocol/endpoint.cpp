#include "protocol/endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include <arpa/inet.h>

namespace hub {

namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

IpAddress IpAddress::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress ip;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes.begin());
  ip.bytes[12] = a;
  ip.bytes[13] = b;
  ip.bytes[14] = c;
  ip.bytes[15] = d;
  return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  in_addr four{};
  if (inet_pton(AF_INET, terminated.c_str(), &four) == 1) {
    std::array<std::uint8_t, 4> b{};
    std::memcpy(b.data(), &four, b.size());
    return v4(b[0], b[1], b[2], b[3]);
  }
  IpAddress ip;
  if (inet_pton(AF_INET6, terminated.c_str(), ip.bytes.data()) == 1) return ip;
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes[12] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; }) &&
         bytes[15] == 1;
}

bool IpAddress::is_unspecified() const {
  const auto from = is_v4() ? bytes.begin() + 12 : bytes.begin();
  return std::all_of(from, bytes.end(), [](auto b) { return b == 0; });
}

IpAddress IpAddress::prefix() const {
  if (is_v4()) return *this;
  IpAddress out;
  std::copy_n(bytes.begin(), 7, out.bytes.begin());
  return out;
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (has_colon != bracketed) return std::nullopt;  // "::1:32000" says two things
  const auto ip = IpAddress::parse(host);
  const auto port = parse_port(text.substr(colon + 1));
  if (!ip || !port) return std::nullopt;
  return Endpoint{*ip, *port, 0};
}

std::string to_string(const IpAddress& ip) {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (ip.is_v4()) {
    inet_ntop(AF_INET, ip.bytes.data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, ip.bytes.data(), buffer, sizeof buffer);
  }
  return buffer;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string host = to_string(endpoint.ip);
  const std::string port = std::to_string(endpoint.port);
  return endpoint.ip.is_v4() ? host + ":" + port : "[" + host + "]:" + port;
}

std::size_t IpAddressHash::operator()(const IpAddress& ip) const {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()});
}

std::size_t EndpointHash::operator()(const Endpoint& endpoint) const {
  const std::size_t where = IpAddressHash{}(endpoint.ip);
  return where ^ (static_cast<std::size_t>(endpoint.port) * 0x9E3779B97F4A7C15ull + endpoint.scope);
}

}  // namespace hub
