// A home behind a NAT router, and a hub outside, in network namespaces of the test's own:
//
//   home 10.77.1.2 --veth-- 10.77.1.1 router 10.77.2.2 --veth-- 10.77.2.1 hub
//
// The router masquerades (nftables). No traffic leaves the three namespaces; each is held by a
// process of this test and is gone with it.
#pragma once

#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace hub::test {

class NatNetwork {
 public:
  /// Throws Unexpected, saying what is missing, where such a network cannot be made here.
  NatNetwork();

  /// What runs a program there: the beginning of its command.
  std::vector<std::string> at_home() const { return inside(home_); }
  std::vector<std::string> at_hub() const { return inside(hub_); }
  static std::string hub_address() { return "10.77.2.1"; }
  static std::string router_address() { return "10.77.2.2"; }
  static std::string second_router_address() { return "10.77.2.3"; }

  /// The provider gives the router its second address; the mappings of the first one are gone.
  void change_address();
  /// The way home carries packets of 1,420 bytes, as through a tunnel; the hub's network 1,500.
  void narrow();
  /// From now on the router forgets a mapping that was idle for a second, and a new one gets
  /// another port.
  void forget_quickly();

 private:
  /// A process that does nothing but keep a network namespace.
  Process holder(bool first) const;
  std::vector<std::string> inside(const Process& where) const;
  void shell(const Process& where, const std::string& script) const;

  Process hub_;  // first: where we are not root it has the user namespace, too
  Process router_;
  Process home_;
};

}  // namespace hub::test
