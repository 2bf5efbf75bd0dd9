// The hub's core between a store in memory and a handful of peers, for fuzz_hub: carries out what
// the core wants when the input says so, and watches what it sends.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "protocol/classic.hpp"
#include "server/core/hub.hpp"
#include "server/net/read_server.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/memory_store.hpp"

namespace hub::fuzz {

class HubWorld {
 public:
  /// `mode` says who is online and followed already, and which limits are tight.
  explicit HubWorld(std::uint8_t mode);

  void step(Input& input);
  /// Delivers everything, waits until all is silent, and looks whether something is left over.
  void finish();

 private:
  struct Peer {
    Path path;
    classic::Magic magic{'a', 'b'};
    std::size_t in = 0;   // bytes it sent
    std::size_t out = 0;  // bytes it was sent
    bool proven = false;  // it has logged in
    Token token = 0;      // of its last login
    std::uint32_t last_forward = 0;
  };
  struct Member {  // a session as the store's stream and the datagrams say
    AccountId account = 0;
    std::string name;
    Endpoint remote;
    bool retrieving = false;  // between a retrieve ack and the end
    bool over = false;        // it was said to be over
  };
  class CountingRandom final : public Random {
   public:
    void fill(std::span<std::uint8_t> out) override;

   private:
    std::uint64_t state_ = 1;
  };

  // What the input may do.
  void send_structured(Input& input);
  void send_raw(Input& input);
  void send(Peer& peer, const std::vector<std::uint8_t>& bytes);
  void deliver_check(bool fails);
  void deliver_writes(std::size_t count);
  void deliver_retrieve();
  void pass(Duration time);
  void restart();
  void administer(Input& input);
  bool deliver_all();

  // What is watched.
  void carry_out();
  void watch(const server::DatagramQueue::Entry& entry, Bytes bytes);
  void watch_session(const classic::Datagram& datagram, const Endpoint& to);
  void watch_forward(const Member& member, const classic::Datagram& datagram);
  void note_reply(const store::Reply& reply);
  void note_event(const store::Event& event);
  std::optional<std::int64_t> figure(std::string_view name);

  server::HubConfig config_;
  hub::test::MemoryStore store_;
  std::unique_ptr<store::Reader> reader_;
  CountingRandom random_;
  server::HubIdentity identity_;
  std::optional<server::ReadServer> read_server_;
  server::Counters counters_;
  std::unique_ptr<server::Hub> hub_;
  Now now_;

  std::array<Peer, 5> peers_;
  std::deque<server::LoginCheck> checks_;
  std::deque<store::Request> writes_;
  std::deque<server::ReadJob> retrieves_;
  std::optional<control::Reply> answer_;

  std::map<Token, Member> members_;
  std::map<std::string, AccountId> accounts_;                 // by name as given
  using Follows = std::set<std::pair<AccountId, AccountId>>;  // follower, followee
  Follows follows_;
  std::map<std::uint32_t, Follows> followers_at_commit_;  // by message ID: a forward may be held
  std::size_t committed_ = 0;
  std::size_t acknowledged_ = 0;
};

}  // namespace hub::fuzz
