// spoke's real sealed half on a simulated network: session, link, handshake, login and channel,
// with a person who types lines and reads what is printed. Stretching takes no time unless told.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/core/sealed_link.hpp"
#include "client/core/session.hpp"
#include "protocol/hub_name.hpp"
#include "protocol/limits.hpp"
#include "tests/support/client_disk.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

/// What the simulated hub goes by in known_hubs.
inline const HubName kSimHubName{"hub.test", kDefaultPort};

struct SealedClientOptions {
  std::optional<Key> hub_key;  // as from an invite
  client::KnownHubs known;     // of earlier sessions
  bool accept_new = true;      // where it is not
  bool allow_weak_kdf = true;  // tests stretch with libsodium's minimum
  std::optional<Duration> patience;
  std::uint64_t seed = 1;
  bool queues = false;               // as at a terminal
  bool needs_login = false;          // as with --post
  std::shared_ptr<ClientDisk> disk;  // of an earlier run; nothing: a new one
};

class SealedClient {
 public:
  SealedClient(SimNet& net, const Endpoint& at, const Endpoint& hub,
               const SealedClientOptions& options = {});
  ~SealedClient();
  SealedClient(const SealedClient&) = delete;
  SealedClient& operator=(const SealedClient&) = delete;

  void type(const std::string& line);
  /// As SIGINT at a prompt does.
  void stop();
  void end_input();
  /// What was printed since the beginning, as scripts see it.
  const std::vector<std::string>& lines() const { return lines_; }
  std::size_t count(const std::string& line) const;
  const std::vector<std::string>& notes() const { return notes_; }
  client::State state() const { return session_.state(); }
  bool idle() const { return session_.wants_input(); }
  const client::SealedLink& link() const { return link_; }
  const std::optional<int>& exit_code() const { return exit_code_; }
  /// What it would have written to known_hubs.
  client::KnownHubs& known() { return known_; }
  const std::shared_ptr<ClientDisk>& disk() const { return disk_; }

  /// From now on its datagrams come from there, and those to the old address are lost: a NAT made
  /// another mapping, and the client does not know.
  void rebind(const Endpoint& at);
  /// The same, and the client knows; to another address of the hub, perhaps.
  void move(const Endpoint& at, const std::optional<Endpoint>& hub = std::nullopt);
  const Endpoint& endpoint() const { return at_; }

  /// Sees every datagram that it sends, before the network does.
  std::function<void(Bytes)> on_send;
  /// Sees every datagram that reaches it.
  std::function<void(Bytes)> on_receive;
  /// Sees every request that the session makes, what comes of it, and what is printed.
  std::function<void(const client::Message&)> on_request;
  std::function<void(const client::LinkOutput&)> on_link_output;
  std::function<void(const client::Record&)> on_print;
  /// After each turn.
  std::function<void()> on_turn;
  /// Before each thing that it does; may let it die.
  std::function<void()> on_output;
  /// Nothing goes in or out any more, also in the midst of what it is doing.
  void die();
  Duration stretching{0};

 private:
  void attach();
  void turn();
  void turn_session();
  void turn_link();
  void carry_out(const client::LinkOutput& output);
  void stretch(const client::LoginExchange::Stretch& wanted);
  void remember(const client::HubProved& proved);
  void arm(std::optional<TimePoint> next);

  SimNet& net_;
  Endpoint at_;
  Endpoint hub_;
  SeededRandom random_;
  client::KnownHubs known_;
  std::shared_ptr<ClientDisk> disk_;
  client::Session session_;
  client::SealedLink link_;
  std::vector<std::string> lines_;
  std::vector<std::string> notes_;
  std::optional<int> exit_code_;
  bool dead_ = false;
  std::optional<TimePoint> armed_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace hub::test
