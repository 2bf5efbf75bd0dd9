// A world of sealed clients: one real hub core, real spokes, a network between them with loss and
// time of its own. `SealedWorld w(seed); w.login("ann"); w.follow("bob", "ann"); w.post("ann",
// "hi");`
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/hub_host.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/sealed_client.hpp"
#include "tests/support/sealed_peer.hpp"

namespace hub::test {

class SealedWorld {
 public:
  explicit SealedWorld(std::uint64_t seed, const std::vector<std::string>& people = {"ann", "bob"},
                       const server::HubConfig& config = lenient(),
                       const store::StoreOptions& options = {});

  static server::HubConfig lenient();
  /// The same; so many posts are kept in memory, the rest is read from the store.
  static server::HubConfig keeping(std::uint32_t recent_posts);

  SealedClient& operator[](const std::string& name) { return *clients_.at(name); }
  /// One more client of this person, at an address of its own.
  SealedClient& add_client(const std::string& key, const SealedClientOptions& options = {});
  /// An account named so (password NAME_pw) without a client.
  void account(const std::string& name);
  /// A peer led by hand, at an address of its own, or at this one.
  std::unique_ptr<SealedPeer> new_peer(std::uint64_t seed = 1);
  std::unique_ptr<SealedPeer> new_peer_at(const Endpoint& at, std::uint64_t seed = 1);
  /// A peer that is logged in as `name`.
  std::unique_ptr<SealedPeer> online(const std::string& name);
  /// Posts that another writer on the same database makes: committed at once, in one go.
  void posts_beside(const std::string& author, int count, const std::string& text = "post");
  /// Follows `target`, likewise.
  void follow_beside(const std::string& follower, const std::string& target);
  Endpoint new_address();
  Endpoint new_ipv6_address();
  /// Where the hub has whom, as `hubadmin sessions` lists it: one line "ann 192.0.2.7:5001" each.
  std::vector<std::string> sessions();
  /// Logins and resumes together: how often somebody came in.
  std::uint64_t openings() { return host.counters().logins_ok + host.counters().resumes_ok; }
  /// A figure of `hubadmin stats`.
  std::int64_t figure(std::string_view name);

  /// Types and waits until the client awaits nothing more. False where that takes too long.
  bool type(const std::string& name, const std::string& line,
            Duration limit = std::chrono::minutes(5));
  bool login(const std::string& name) { return type(name, "login#" + name + "&" + name + "_pw"); }
  bool follow(const std::string& name, const std::string& target) {
    return type(name, "subscribe#" + target);
  }
  bool post(const std::string& name, const std::string& text) { return type(name, "post#" + text); }
  /// Runs until `name` has printed `line` (so often).
  bool sees(const std::string& name, const std::string& line, std::size_t times = 1,
            Duration limit = std::chrono::minutes(5));

  SimNet net;
  MemoryStore store;
  HubHost host;

 private:
  std::map<std::string, std::unique_ptr<SealedClient>> clients_;
  std::uint16_t next_port_ = 5001;
};

}  // namespace hub::test
