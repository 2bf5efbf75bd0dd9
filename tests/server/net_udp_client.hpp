// A plain UDP socket with a deadline, for tests of the sockets: what any simple client is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/endpoint.hpp"

namespace hub::test {

class UdpClient {
 public:
  struct Datagram {
    std::string bytes;
    Endpoint from;
  };

  /// Bound to `at` (port 0 picks one). Throws std::runtime_error where it cannot.
  explicit UdpClient(const Endpoint& at);
  ~UdpClient();
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  const Endpoint& local() const { return local_; }
  void send(const Endpoint& to, std::string_view bytes);
  /// Datagrams of `size` bytes each, the last one perhaps shorter, as one message that the kernel
  /// parts.
  void send_parted(const Endpoint& to, std::string_view bytes, std::uint16_t size);
  /// The next datagram; nothing where none comes in a very long time.
  std::optional<Datagram> receive();
  /// Nothing waits.
  bool is_quiet();

 private:
  int fd_;
  Endpoint local_;
};

bool has_ipv6();

inline Endpoint loopback(std::uint16_t port = 0, std::uint8_t last = 1) {
  return {IpAddress::v4(127, 0, 0, last), port, 0};
}

}  // namespace hub::test
