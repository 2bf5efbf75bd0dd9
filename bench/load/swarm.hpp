// Many classic sessions over a few sockets, from one thread. Sessions are told apart by their
// token, so that a handful of system calls serves thousands of them: the load program must cost
// less than the hub it measures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <poll.h>
#include <sys/socket.h>

#include "protocol/classic.hpp"
#include "protocol/types.hpp"

namespace hub::bench {

inline constexpr std::size_t kLinkBatch = 64;    // datagrams a system call
inline constexpr std::size_t kLinkBytes = 1024;  // of a datagram; the hub sends at most 268

/// One UDP socket connected to the hub on this machine.
class Link {
 public:
  explicit Link(std::uint16_t port);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  int fd() const { return fd_; }
  /// Queued; sent with a full batch or by flush(). Throws Failure where the hub is gone.
  void send(const classic::Header& header, std::string_view payload);
  void flush();
  /// What has come, one batch at most; valid until the next call.
  std::span<const Bytes> receive();

 private:
  int fd_ = -1;
  std::vector<std::uint8_t> unsent_;
  std::vector<std::size_t> unsent_sizes_;
  std::vector<std::uint8_t> received_;
  std::array<iovec, kLinkBatch> vectors_{};
  std::array<mmsghdr, kLinkBatch> messages_{};
  std::array<Bytes, kLinkBatch> datagrams_{};
};

class Swarm {
 public:
  /// Called with a session's index, a datagram for it and the time its batch was received.
  using Visitor = std::function<void(std::size_t, const classic::Datagram&, TimePoint)>;

  Swarm(std::uint16_t port, std::size_t links);

  /// Logs these accounts in, some at a time; their sessions get the next indices, in order. Throws
  /// Failure where the hub refuses one or does not answer.
  void login(const std::vector<std::string>& ids, const std::string& password);
  std::size_t size() const { return sessions_.size(); }

  /// Queued until the next receive() or flush().
  void send(std::size_t session, Opcode opcode, std::string_view payload = {},
            std::uint32_t msg_id = 0);
  void flush();

  /// Sends what is queued, then waits for datagrams and hands over what has come on all sockets;
  /// what `visit` queues is sent after each batch. Returns how many came, 0 after `patience`.
  std::size_t receive(Duration patience, const Visitor& visit);

  /// Datagrams that fit no session.
  std::uint64_t strays() const { return strays_; }

 private:
  struct Session {
    std::size_t link = 0;
    Token token = 0;
  };
  class Logins;

  /// Waits until some link has something, and returns those that have.
  std::span<Link* const> readable(Duration patience);
  void handle(Bytes bytes, TimePoint at, const Visitor& visit);

  std::vector<std::unique_ptr<Link>> links_;
  std::vector<pollfd> waiting_;
  std::vector<Link*> readable_;
  std::vector<Session> sessions_;
  std::unordered_map<Token, std::size_t> by_token_;
  std::uint64_t strays_ = 0;
};

}  // namespace hub::bench
