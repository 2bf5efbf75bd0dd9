// One UDP socket: bound to one --listen address, read and written in batches of datagrams.
//
// A wildcard socket learns from the kernel which of the machine's addresses was asked (PKTINFO) and
// answers from that one. IPv4 addresses are held mapped, whatever the socket's family.
// Owned by the reactor thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "protocol/endpoint.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"
#include "server/core/outbox.hpp"

namespace hub::server {

/// Messages one system call moves: of one datagram, or of several that the kernel has put together.
inline constexpr std::size_t kBatch = 64;

/// An address cannot be listened on; what() is one sentence saying why and what to do.
class ListenError : public std::runtime_error {
 public:
  ListenError(const std::string& message, int why) : std::runtime_error(message), error(why) {}
  int error;  // errno
};

/// The two system calls that move datagrams: a seam, so that tests can make them fail.
class BatchCalls {
 public:
  virtual ~BatchCalls() = default;
  /// As recvmmsg(2) and sendmmsg(2): how many, or -1 and errno. Neither waits.
  virtual int receive(int fd, std::span<mmsghdr> messages);
  virtual int send(int fd, std::span<mmsghdr> messages);
};

/// Large enough for one IP_PKTINFO or IPV6_PKTINFO, and a UDP_SEGMENT or UDP_GRO behind it.
struct alignas(cmsghdr) ControlBuffer {
  std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> bytes{};
};

struct Received {
  Path path;
  Bytes bytes;             // into the ReceiveBatch, until its next use
  bool oversized = false;  // longer than kMaxReceiveBytes
};

/// Room for one batch, made once and shared by the sockets of a reactor.
class ReceiveBatch {
 public:
  ReceiveBatch();

  /// As many messages came as one call takes: there may be more.
  bool is_full() const { return is_full_; }

 private:
  friend class UdpSocket;
  // What the kernel puts together is one IP packet at most. Each message has room for that, of
  // which mostly only the first page is ever touched; the rooms begin at different places of the
  // processor's caches.
  static constexpr std::size_t kMostTogether = 65'536;
  static constexpr std::size_t kRoom = kMostTogether + 576;

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::array<iovec, kBatch> vectors_{};
  std::array<sockaddr_in6, kBatch> sources_{};  // holds a sockaddr_in as well
  std::array<ControlBuffer, kBatch> control_{};
  std::array<mmsghdr, kBatch> messages_{};
  std::vector<Received> received_;
  bool is_full_ = false;
};

/// One datagram as sendmmsg wants it, or several of one size for the kernel to part (UDP_SEGMENT,
/// udp(7)). Points into itself: filled where it stays.
struct Outgoing {
  sockaddr_in6 destination{};
  iovec vector{};
  ControlBuffer control;
};

class UdpSocket {
 public:
  /// Binds, non-blocking. [::] serves IPv4 as well. Throws ListenError.
  static UdpSocket open(const Endpoint& listen);

  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&& other) noexcept;
  ~UdpSocket();

  int fd() const { return fd_; }
  /// The address bound, with the port that port 0 became.
  const Endpoint& local() const { return local_; }

  /// True where `local`, as some Path has it, is an address of this socket.
  bool owns(const Endpoint& local) const;
  /// True where this socket's family can send to `remote`.
  bool reaches(const Endpoint& remote) const;

  /// Datagrams that wait, none where nothing does: up to kBatch messages of them. A row of one size
  /// from one sender may come in one message (UDP_GRO, udp(7)); it is parted here. What other
  /// datagrams did to the socket (an ICMP error) is nobody's business here.
  std::span<const Received> receive(ReceiveBatch& batch, BatchCalls& calls) const;

  /// Makes `message` send `bytes` along `path`: from path.local where owns() it, else from
  /// whichever address the kernel picks.
  void address(const Path& path, Bytes bytes, Outgoing& out, mmsghdr& message) const;
  /// The bytes of `message`, addressed and not sent yet, are datagrams of `size` bytes each; the
  /// last one may be shorter.
  static void part(mmsghdr& message, Outgoing& out, std::uint16_t size);

 private:
  UdpSocket(int fd, bool is_v4) : fd_(fd), is_v4_(is_v4) {}
  void read_message(const mmsghdr& message, const sockaddr_in6& source,
                    std::vector<Received>& out) const;

  int fd_ = -1;
  bool is_v4_ = false;        // an AF_INET socket
  bool is_wildcard_ = false;  // bound to no address in particular
  Endpoint local_;
};

}  // namespace hub::server
