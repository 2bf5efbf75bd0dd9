#include "bench/link/namespaces.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hub::bench {

namespace {

NotHere not_permitted(const char* what) {
  return NotHere(
      fmt::format("no network namespace can be made here ({}: {})", what, std::strerror(errno)));
}

Descriptor current() {
  return Descriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

void write_once(const char* file, const std::string& text) {
  std::ofstream out(file);
  out << text;
}

/// Root of a user namespace with nobody else in it (user_namespaces(7)); there is no way back.
void become_root_inside() {
  const std::string uid = std::to_string(geteuid());
  const std::string gid = std::to_string(getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) throw not_permitted("user namespace");
  write_once("/proc/self/setgroups", "deny");
  write_once("/proc/self/uid_map", "0 " + uid + " 1");
  write_once("/proc/self/gid_map", "0 " + gid + " 1");
}

void start_loopback(std::optional<int> mtu) {
  const Descriptor any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (mtu) {
    request.ifr_mtu = *mtu;
    if (::ioctl(any.get(), SIOCSIFMTU, &request) != 0) throw not_permitted("MTU");
  }
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(any.get(), SIOCSIFFLAGS, &request) != 0) throw not_permitted("loopback");
}

}  // namespace

NetworkNamespace::NetworkNamespace(std::optional<int> loopback_mtu) {
  Descriptor before = current();
  if (::unshare(CLONE_NEWNET) != 0) {
    if (errno != EPERM || geteuid() == 0) throw not_permitted("unshare");
    become_root_inside();
    before = current();
    if (::unshare(CLONE_NEWNET) != 0) throw not_permitted("unshare");
  }
  fd_ = current();
  start_loopback(loopback_mtu);
  if (::setns(before.get(), CLONE_NEWNET) != 0) throw not_permitted("setns");
}

NetworkNamespace::Inside::Inside(const NetworkNamespace& where) : before_(current()) {
  if (::setns(where.fd_.get(), CLONE_NEWNET) != 0) throw not_permitted("setns");
}

NetworkNamespace::Inside::~Inside() { ::setns(before_.get(), CLONE_NEWNET); }

}  // namespace hub::bench
