// A bad link between two network namespaces, in userspace: a TUN interface at each end, and a
// thread of ours that carries packets from one to the other as LinkModel says, past a Nat.
//
//   client 10.88.0.2 --tun-- [Nat, LinkModel] --tun-- server 10.88.0.1
//                            10.88.1.1, 10.88.1.2, … to the server
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

#include "bench/link/link_model.hpp"
#include "bench/link/namespaces.hpp"
#include "bench/link/nat.hpp"
#include "bench/load/measure.hpp"
#include "protocol/endpoint.hpp"

namespace hub::bench {

class EmulatedLink {
 public:
  /// Throws NotHere, saying what is missing, where such a link cannot be made.
  explicit EmulatedLink(const LinkConfig& config);
  ~EmulatedLink();
  EmulatedLink(const EmulatedLink&) = delete;
  EmulatedLink& operator=(const EmulatedLink&) = delete;

  static IpAddress server_address() { return IpAddress::v4(10, 88, 0, 1); }
  const NetworkNamespace& server() const { return server_; }
  const NetworkNamespace& client() const { return client_; }

  /// To the server the client has another address from now on.
  void change_mapping();

  struct Figures {
    double loss = 0;         // share of all packets
    double late_p99_us = 0;  // by how much packets came out later than they should
  };
  Figures figures();

 private:
  void carry();
  void take(Direction direction);
  void deliver(Direction direction, TimePoint now);

  NetworkNamespace server_;
  NetworkNamespace client_;
  Descriptor server_end_;
  Descriptor client_end_;
  Descriptor wake_;   // an eventfd: stop
  std::mutex mutex_;  // over what follows
  LinkModel model_;
  Nat nat_;
  Samples lateness_;
  std::thread thread_;  // carry()
};

}  // namespace hub::bench
