// Classic sessions, told apart by their token.
#pragma once

#include <unordered_map>

#include "bench/load/swarm.hpp"
#include "protocol/classic.hpp"

namespace hub::bench {

class ClassicSwarm final : public Swarm {
 public:
  ClassicSwarm(const Endpoint& hub, std::size_t links) : Swarm(hub, links) {}

  void login(const std::vector<std::string>& ids, const std::string& password) override;
  std::size_t size() const override { return sessions_.size(); }
  void send(std::size_t session, Opcode opcode, std::string_view payload, MessageId id) override;

 private:
  struct Session {
    std::size_t link = 0;
    Token token = 0;
  };
  class Logins;

  void handle(Bytes bytes, TimePoint at, const Visitor& visit) override;

  std::vector<Session> sessions_;
  std::unordered_map<Token, std::size_t> by_token_;
};

/// Queues one classic datagram.
void send_classic(Link& link, const classic::Header& header, std::string_view payload);

}  // namespace hub::bench
