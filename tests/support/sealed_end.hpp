// Sealed connections in tests: a handshake in one call, and a connection on the simulated network
// as a program would drive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

struct Handshake {
  sealed::Established client;
  sealed::Established server;
};

/// By a real initiator and a real responder that hear each other. Throws std::runtime_error where
/// they do not agree.
Handshake shake_hands(Random& random, TimePoint now);

/// A transport datagram as a peer that has the keys and no manners would make it: these frames
/// under this key and number.
std::vector<std::uint8_t> seal_by_hand(const Key& key, bool phase, sealed::ConnectionId to,
                                       std::uint64_t number, Bytes frames);

class SealedEnd {
 public:
  SealedEnd(SimNet& net, sealed::Side side, const sealed::Established& made, const Path& path,
            Random& random, const sealed::KeyLimits& limits = {});
  SealedEnd(const SealedEnd&) = delete;
  SealedEnd& operator=(const SealedEnd&) = delete;

  sealed::Connection& connection() { return connection_; }
  /// After anything was done to the connection. Timers are kept; one that stays in the past would
  /// be a busy loop, and throws std::runtime_error inside the network's run.
  void pump();
  /// The NAT in front of this end gives it another address; the end is not told.
  void rebind(const Endpoint& seen_as);
  const Endpoint& seen_as() const { return seen_as_; }

  std::function<void(const channel::Delivered&)> on_delivered;
  std::function<void(const Path&, Bytes)> on_sent;
  /// How often a datagram came to this.
  int count(sealed::Connection::Taken taken) const;

 private:
  void attach();
  void schedule();

  SimNet& net_;
  sealed::Connection connection_;
  Endpoint seen_as_;
  std::map<sealed::Connection::Taken, int> taken_;
  std::optional<TimePoint> scheduled_;
};

/// A path between 10.0.0.<host> and the hub, as the hub sees it.
Path hub_path(std::uint8_t host, std::uint16_t port = 40'000);
/// The same path as the client sees it.
Path client_path(std::uint8_t host, std::uint16_t port = 40'000);

}  // namespace hub::test
