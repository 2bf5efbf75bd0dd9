#include "tests/e2e/namespaces.hpp"

#include <unistd.h>

namespace hub::test {

namespace {

bool is_root() { return ::geteuid() == 0; }

/// Where ip and nft are, and not in everybody's PATH.
constexpr const char* kWithPath = "PATH=$PATH:/usr/sbin:/sbin\n";

}  // namespace

Process NatNetwork::holder(bool first) const {
  std::vector<std::string> argv;
  if (is_root()) {
    argv = {"unshare", "--net"};
  } else if (first) {
    argv = {"unshare", "--user", "--map-root-user", "--net"};
  } else {
    argv = {"nsenter", "--target", std::to_string(hub_.pid()), "--user", "--preserve-credentials",
            "unshare", "--net"};
  }
  // It ends when its standard input does.
  argv.insert(argv.end(),
              {"sh", "-c", std::string(kWithPath) + "ip link set lo up && echo here && exec cat"});
  Process out({.argv = argv});
  if (out.read_line() != "here") {
    out.wait();
    throw Unexpected("no network namespace can be made: " + out.errors());
  }
  return out;
}

std::vector<std::string> NatNetwork::inside(const Process& where) const {
  std::vector<std::string> out = {"nsenter", "--target", std::to_string(where.pid()), "--net"};
  if (!is_root()) out.insert(out.end(), {"--user", "--preserve-credentials"});
  return out;
}

void NatNetwork::shell(const Process& where, const std::string& script) const {
  std::vector<std::string> argv = inside(where);
  argv.insert(argv.end(), {"sh", "-ec", kWithPath + script});
  const Finished finished = run({.argv = argv});
  if (finished.exit != 0) throw Unexpected("the network cannot be set up: " + finished.errors);
}

NatNetwork::NatNetwork() : hub_(holder(true)), router_(holder(false)), home_(holder(false)) {
  shell(router_, "ip link add out type veth peer name wan netns " + std::to_string(hub_.pid()) +
                     "\n"
                     "ip link add in type veth peer name lan netns " +
                     std::to_string(home_.pid()) +
                     "\n"
                     "ip addr add 10.77.2.2/24 dev out\n"
                     "ip addr add 10.77.1.1/24 dev in\n"
                     "ip link set out up\n"
                     "ip link set in up\n"
                     "echo 1 > /proc/sys/net/ipv4/ip_forward\n"
                     "nft add table ip home\n"
                     "nft 'add chain ip home out { type nat hook postrouting priority 100; }'\n"
                     "nft add rule ip home out oifname out masquerade fully-random\n");
  shell(hub_, "ip addr add 10.77.2.1/24 dev wan\nip link set wan up\n");
  shell(home_,
        "ip addr add 10.77.1.2/24 dev lan\n"
        "ip link set lan up\n"
        "ip route add default via 10.77.1.1\n");
}

// Taking a masqueraded address away makes the kernel forget the mappings that used it.
void NatNetwork::change_address() {
  shell(router_, "ip addr del 10.77.2.2/24 dev out\nip addr add 10.77.2.3/24 dev out\n");
}

void NatNetwork::narrow() {
  shell(router_, "ip link set in mtu 1420\n");
  shell(home_, "ip link set lan mtu 1420\n");
}

void NatNetwork::forget_quickly() {
  shell(router_,
        "echo 1 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout\n"
        "echo 1 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream\n");
}

}  // namespace hub::test
