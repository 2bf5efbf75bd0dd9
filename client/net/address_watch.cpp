#include "client/net/address_watch.hpp"

#include <array>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hub::client {

AddressWatch::AddressWatch()
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)) {
  if (fd_ < 0) return;
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE;
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&groups), sizeof groups) == 0) return;
  close(fd_);
  fd_ = -1;
}

AddressWatch::~AddressWatch() {
  if (fd_ >= 0) close(fd_);
}

void AddressWatch::drain() const {
  std::array<char, 8192> bytes;
  while (recv(fd_, bytes.data(), bytes.size(), 0) > 0) {
  }
}

}  // namespace hub::client
