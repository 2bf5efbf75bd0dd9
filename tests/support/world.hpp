// A small world with verbs for tests of the hub: one hub on a simulated network, and people who
// speak to it with hand-made datagrams. `World w; Peer& ann = w.online("ann");`
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "protocol/classic.hpp"
#include "tests/support/hub_host.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

/// A datagram as a peer saw it.
struct Seen {
  classic::Magic magic{};
  Opcode opcode{};
  Token token = 0;
  std::uint32_t id = 0;
  std::string text;
  std::size_t size = 0;
  TimePoint at{};
};

/// One address that sends whatever it is told to and keeps all that arrives.
class Peer {
 public:
  Peer(SimNet& net, const Endpoint& at, const Endpoint& hub);
  ~Peer() { net_.detach(at_); }

  /// A well-formed datagram under this peer's token.
  void send(Opcode opcode, std::string_view text = {}, std::uint32_t id = 0);
  void send_as(Token token, Opcode opcode, std::string_view text = {}, std::uint32_t id = 0);
  void send_raw(const std::vector<std::uint8_t>& bytes);

  /// All since the last take(), in the order of arrival.
  std::vector<Seen> take();
  /// The opcodes of take().
  std::vector<Opcode> take_opcodes();
  const Endpoint& endpoint() const { return at_; }

  Token token = 0;  // of the newest login ok
  classic::Magic magic = classic::kMagic;

 private:
  SimNet& net_;
  Endpoint at_;
  Endpoint hub_;
  std::vector<Seen> seen_;
};

class World {
 public:
  explicit World(const server::HubConfig& config = lenient(), std::uint64_t seed = 1);

  /// Rates that never stand in a test's way.
  static server::HubConfig lenient();

  /// A peer at an address of its own (127.0.0.1, a new port), not logged in.
  Peer& peer();
  Peer& peer_at(const Endpoint& at);
  /// An account named so (password NAME_pw), made where it is missing, and a peer logged in as it.
  Peer& online(const std::string& name);
  void account(const std::string& name);
  /// Sends the login and runs until it is answered.
  void login(Peer& peer, const std::string& name, const std::string& password);
  void follow(Peer& follower, const std::string& target);
  void post(Peer& author, const std::string& text);

  void settle() { net.settle(); }
  void run_for(Duration span) { net.run_for(span); }
  std::vector<control::SessionRow> sessions();

  SimNet net;
  MemoryStore store;
  HubHost host;

 private:
  std::vector<std::unique_ptr<Peer>> peers_;
  std::uint16_t next_port_ = 5001;
};

}  // namespace hub::test
