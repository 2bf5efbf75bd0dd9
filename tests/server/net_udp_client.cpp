#include "tests/server/net_udp_client.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hub::test {

namespace {

constexpr int kPatience = 20'000;  // ms: a guard, not a measure

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address to_address(const Endpoint& endpoint) {
  Address out;
  if (endpoint.ip.is_v4()) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(endpoint.port);
    std::memcpy(&four.sin_addr, endpoint.ip.bytes.data() + 12, 4);
    std::memcpy(&out.storage, &four, out.size = sizeof four);
  } else {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    six.sin6_port = htons(endpoint.port);
    std::memcpy(&six.sin6_addr, endpoint.ip.bytes.data(), 16);
    std::memcpy(&out.storage, &six, out.size = sizeof six);
  }
  return out;
}

Endpoint to_endpoint(const Address& address) {
  Endpoint out;
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address.storage, sizeof four);
    std::array<std::uint8_t, 4> b{};
    std::memcpy(b.data(), &four.sin_addr, 4);
    out = {IpAddress::v4(b[0], b[1], b[2], b[3]), ntohs(four.sin_port), 0};
  } else {
    sockaddr_in6 six{};
    std::memcpy(&six, &address.storage, sizeof six);
    std::memcpy(out.ip.bytes.data(), &six.sin6_addr, 16);
    out.port = ntohs(six.sin6_port);
  }
  return out;
}

}  // namespace

UdpClient::UdpClient(const Endpoint& at)
    : fd_(socket(at.ip.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  Address address = to_address(at);
  if (fd_ < 0 || bind(fd_, address.get(), address.size) != 0 ||
      getsockname(fd_, address.get(), &address.size) != 0) {
    if (fd_ >= 0) close(fd_);
    throw std::runtime_error("cannot bind a client's socket");
  }
  local_ = to_endpoint(address);
}

UdpClient::~UdpClient() { close(fd_); }

void UdpClient::send(const Endpoint& to, std::string_view bytes) {
  Address address = to_address(to);
  if (sendto(fd_, bytes.data(), bytes.size(), 0, address.get(), address.size) < 0) {
    throw std::runtime_error("cannot send");
  }
}

void UdpClient::send_parted(const Endpoint& to, std::string_view bytes, std::uint16_t size) {
  const int each = size;
  setsockopt(fd_, SOL_UDP, UDP_SEGMENT, &each, sizeof each);
  send(to, bytes);
  const int none = 0;
  setsockopt(fd_, SOL_UDP, UDP_SEGMENT, &none, sizeof none);
}

std::optional<UdpClient::Datagram> UdpClient::receive() {
  pollfd wait{fd_, POLLIN, 0};
  if (poll(&wait, 1, kPatience) != 1) return std::nullopt;
  std::string bytes(65536, '\0');
  Address from;
  const ssize_t size = recvfrom(fd_, bytes.data(), bytes.size(), 0, from.get(), &from.size);
  if (size < 0) return std::nullopt;
  bytes.resize(static_cast<std::size_t>(size));
  return Datagram{std::move(bytes), to_endpoint(from)};
}

bool UdpClient::is_quiet() {
  pollfd wait{fd_, POLLIN, 0};
  return poll(&wait, 1, 0) == 0;
}

bool has_ipv6() {
  try {
    UdpClient probe({*IpAddress::parse("::1"), 0, 0});
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace hub::test
