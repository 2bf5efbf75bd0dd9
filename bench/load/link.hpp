// One UDP socket of the load program, connected to the hub: datagrams go out and come in by
// batches, those of one size in a row in one piece (UDP_SEGMENT and UDP_GRO, udp(7)). It is in the
// network namespace of whoever makes it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "bench/load/process.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/types.hpp"

namespace hub::bench {

inline constexpr std::size_t kLinkBatch = 64;  // messages a system call

/// What one batch needs on its way through the kernel; links of one thread share it.
class LinkBatch {
 public:
  /// With many links what has come for each is little: then a call takes a few messages.
  explicit LinkBatch(std::size_t links);

 private:
  friend class Link;
  /// The control message that has the kernel cut a message into datagrams, or says how it has put
  /// one together.
  struct SegmentSize {
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> bytes{};
    void attach(msghdr& header, std::uint16_t size);
  };
  struct Messages {
    std::array<iovec, kLinkBatch> vectors{};
    std::array<mmsghdr, kLinkBatch> headers{};
    std::array<SegmentSize, kLinkBatch> controls{};
  };
  // Room for what comes in one message; the rooms begin at different places of the processor's
  // caches.
  static constexpr std::size_t kMostTogether = 65'536;
  static constexpr std::size_t kRoom = kMostTogether + 576;

  static std::size_t datagram_size(msghdr& header, std::size_t all);

  const unsigned most_;  // messages that a call receives
  std::unique_ptr<std::uint8_t[]> received_;
  Messages in_;
  std::vector<Bytes> datagrams_;  // what came last
  Messages out_;
  std::array<std::size_t, kLinkBatch> segments_{};  // datagrams of each message
};

class Link {
 public:
  /// `batch` outlives it.
  Link(const Endpoint& hub, LinkBatch& batch);

  int fd() const { return fd_.get(); }

  /// The buffer to append one datagram's bytes to; commit() then queues them. Sent with a full
  /// batch or by flush(). Throws Failure where the hub is gone.
  std::vector<std::uint8_t>& buffer() { return unsent_; }
  void commit(std::size_t size);
  void flush();
  /// What has come, one batch at most; valid until the next call for any link of the LinkBatch.
  std::span<const Bytes> receive();

 private:
  std::size_t gather(std::size_t next, const std::uint8_t* at, bool together);

  Descriptor fd_;
  LinkBatch& batch_;
  bool is_segmenting_ = true;
  std::vector<std::uint8_t> unsent_;
  std::vector<std::size_t> unsent_sizes_;
};

}  // namespace hub::bench
