// An IPv4 endpoint as the system calls want it.
#pragma once

#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "protocol/endpoint.hpp"

namespace hub::bench {

inline sockaddr_in socket_address(const Endpoint& endpoint) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(endpoint.port);
  std::memcpy(&out.sin_addr, endpoint.ip.bytes.data() + 12, sizeof out.sin_addr);
  return out;
}

}  // namespace hub::bench
