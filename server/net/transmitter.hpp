// Sends datagrams through one socket, in order and in batches. Several in a row to one address that
// lie behind each other in memory, all of one size but for a shorter last one, are one message that
// the kernel parts (generic segmentation offload): it walks its stack once for them. Where it
// cannot, they are sent one by one from then on.
//
// What the kernel does not take now waits here, within a bound, until the socket is writable; a
// datagram that it will never take is counted and skipped, so that one bad destination holds up
// nobody. Owned by the reactor thread.
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
  /// A message that is being put together: one datagram, or several of one size.
  struct Pending {
    Path path;
    Bytes bytes;
    std::size_t segment = 0;  // bytes of each datagram; the last one may be shorter
    std::size_t count = 0;
  };
  enum class Step { kAgain, kSkip, kBlocked };

  bool extend(Pending& last, const Path& path, Bytes bytes) const;
  std::size_t send_pending();
  bool send_one_by_one(Pending& pending);
  Step judge(int error, mmsghdr& message, bool& repeated) const;
  void count_skipped(int error);
  void keep(const Pending& pending);
  void keep(const Path& path, Bytes bytes);

  const UdpSocket& socket_;
  BatchCalls& calls_;
  Counters& counters_;
  const std::size_t max_backlog_bytes_;

  bool segments_ = true;     // the kernel parts messages, as far as is known
  std::size_t pending_ = 0;  // of these:
  std::array<Pending, kBatch> parts_{};
  std::array<Outgoing, kBatch> outgoing_{};
  std::array<mmsghdr, kBatch> messages_{};

  std::deque<Waiting> backlog_;
  std::size_t backlog_bytes_ = 0;
};

}  // namespace hub::server
