// Sends datagrams through one socket, in order and in batches. What the kernel does not take now
// waits here, within a bound, until the socket is writable; a datagram that it will never take is
// counted and skipped, so that one bad destination holds up nobody. Owned by the reactor thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "server/core/counters.hpp"
#include "server/net/udp_socket.hpp"

namespace hub::server {

class Transmitter {
 public:
  /// Bytes of datagrams that may wait for a full socket.
  static constexpr std::size_t kMaxBacklogBytes = std::size_t{4} << 20;

  Transmitter(const UdpSocket& socket, BatchCalls& calls, Counters& counters,
              std::size_t max_backlog_bytes = kMaxBacklogBytes);
  Transmitter(const Transmitter&) = delete;
  Transmitter& operator=(const Transmitter&) = delete;

  /// Adds one datagram; `bytes` must stay as they are until flush().
  void push(const Path& path, Bytes bytes);
  /// Sends what was pushed.
  void flush();

  /// True while datagrams wait for the socket: wait for it to be writable, then call on_writable().
  bool is_blocked() const { return !backlog_.empty(); }
  void on_writable();

 private:
  struct Waiting {
    Path path;
    std::vector<std::uint8_t> bytes;
  };
  enum class Step { kAgain, kSkip, kBlocked };

  std::size_t send_pending();
  Step judge(int error, mmsghdr& message, bool& repeated) const;
  void keep(const Path& path, Bytes bytes);

  const UdpSocket& socket_;
  BatchCalls& calls_;
  Counters& counters_;
  const std::size_t max_backlog_bytes_;

  std::size_t pending_ = 0;
  std::array<Path, kBatch> paths_{};
  std::array<Outgoing, kBatch> outgoing_{};
  std::array<mmsghdr, kBatch> messages_{};

  std::deque<Waiting> backlog_;
  std::size_t backlog_bytes_ = 0;
};

}  // namespace hub::server
