#include "server/net/udp_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

constexpr int kReceiveBufferBytes = 8 * 1024 * 1024;
constexpr int kSendBufferBytes = 4 * 1024 * 1024;

bool is_link_local(const IpAddress& ip) {
  return !ip.is_v4() && ip.bytes[0] == 0xFE && (ip.bytes[1] & 0xC0) == 0x80;
}

IpAddress from_v4(const in_addr& address) {
  std::array<std::uint8_t, 4> b{};
  std::memcpy(b.data(), &address, b.size());
  return IpAddress::v4(b[0], b[1], b[2], b[3]);
}

in_addr to_v4(const IpAddress& ip) {
  in_addr out{};
  std::memcpy(&out, ip.bytes.data() + 12, sizeof out);
  return out;
}

IpAddress from_v6(const in6_addr& address) {
  IpAddress out;
  std::memcpy(out.bytes.data(), &address, out.bytes.size());
  return out;
}

in6_addr to_v6(const IpAddress& ip) {
  in6_addr out{};
  std::memcpy(&out, ip.bytes.data(), sizeof out);
  return out;
}

/// Writes `endpoint` for a socket of that family; returns the length.
socklen_t write_address(const Endpoint& endpoint, bool v4, sockaddr_in6& out) {
  if (v4) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(endpoint.port);
    four.sin_addr = to_v4(endpoint.ip);
    std::memcpy(&out, &four, sizeof four);
    return sizeof four;
  }
  out = {};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(endpoint.port);
  out.sin6_addr = to_v6(endpoint.ip);
  out.sin6_scope_id = endpoint.scope;
  return sizeof out;
}

Endpoint read_address(const sockaddr_in6& from) {
  if (from.sin6_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &from, sizeof four);
    return {from_v4(four.sin_addr), ntohs(four.sin_port), 0};
  }
  return {from_v6(from.sin6_addr), ntohs(from.sin6_port), from.sin6_scope_id};
}

/// What a control message says of the address that was asked.
void read_asked_address(cmsghdr& control, Endpoint& asked) {
  if (control.cmsg_level == IPPROTO_IP && control.cmsg_type == IP_PKTINFO) {
    in_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    asked.ip = from_v4(info.ipi_spec_dst);  // ours even where a broadcast was sent
  } else if (control.cmsg_level == IPPROTO_IPV6 && control.cmsg_type == IPV6_PKTINFO) {
    in6_pktinfo info{};
    std::memcpy(&info, CMSG_DATA(&control), sizeof info);
    asked.ip = from_v6(info.ipi6_addr);
    asked.scope = is_link_local(asked.ip) ? info.ipi6_ifindex : 0;
  }
}

void set_option(int fd, int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
    throw ListenError(fmt::format("cannot set {} on a UDP socket: {}", what, std::strerror(errno)),
                      errno);
  }
}

/// Whatever the kernel believes of a path: how much it carries is found out by whole datagrams that
/// arrive (RFC 8899 §3), and nobody's ICMP message decides it. Where a kernel does not know the
/// option, longer ones may arrive in pieces.
void forbid_pieces(int fd) {
  const int v4 = IP_PMTUDISC_PROBE;  // an IPv6 socket sends to IPv4 as well
  const int v6 = IPV6_PMTUDISC_PROBE;
  setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
  setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
}

/// As large as we are allowed: past the system's limit only root may go.
void enlarge(int fd, int forced, int asked, int bytes) {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) == 0) return;
  setsockopt(fd, SOL_SOCKET, asked, &bytes, sizeof bytes);
}

std::string bind_failure(const Endpoint& listen, int error) {
  const std::string where = to_string(listen);
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "cannot listen on {}: another program has this port; stop it, or choose another with "
          "--listen",
          where);
    case EADDRNOTAVAIL:
      return fmt::format(
          "cannot listen on {}: this machine has no such address; give one of its own with "
          "--listen",
          where);
    case EACCES:
      return fmt::format(
          "cannot listen on {}: not permitted; ports below 1024 need the right to use them, "
          "choose a higher one with --listen",
          where);
    case EAFNOSUPPORT:
      return fmt::format(
          "cannot listen on {}: this machine has no {}; choose another address with --listen",
          where, listen.ip.is_v4() ? "IPv4" : "IPv6");
    default:
      return fmt::format("cannot listen on {}: {}; choose another address with --listen", where,
                         std::strerror(error));
  }
}

}  // namespace

int BatchCalls::receive(int fd, std::span<mmsghdr> messages) {
  return recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT,
                  nullptr);
}

int BatchCalls::send(int fd, std::span<mmsghdr> messages) {
  return sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()),
                  MSG_DONTWAIT | MSG_NOSIGNAL);
}

ReceiveBatch::ReceiveBatch()
    : bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(kBatch * kRoom)) {
  received_.reserve(kBatch);
  for (std::size_t i = 0; i < kBatch; ++i) {
    vectors_[i] = {bytes_.get() + i * kRoom, kMostTogether};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_name = &sources_[i];
    header.msg_control = control_[i].bytes.data();
  }
}

UdpSocket UdpSocket::open(const Endpoint& listen) {
  const bool v4 = listen.ip.is_v4();
  UdpSocket out(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), v4);
  if (out.fd_ < 0) throw ListenError(bind_failure(listen, errno), errno);
  out.is_wildcard_ = listen.ip.is_unspecified();
  if (v4) {
    set_option(out.fd_, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO");
  } else {
    set_option(out.fd_, IPPROTO_IPV6, IPV6_V6ONLY, out.is_wildcard_ ? 0 : 1, "IPV6_V6ONLY");
    set_option(out.fd_, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO");
  }
  forbid_pieces(out.fd_);
  const int together = 1;  // where the kernel does not know it, each datagram comes by itself
  setsockopt(out.fd_, SOL_UDP, UDP_GRO, &together, sizeof together);
  enlarge(out.fd_, SO_RCVBUFFORCE, SO_RCVBUF, kReceiveBufferBytes);
  enlarge(out.fd_, SO_SNDBUFFORCE, SO_SNDBUF, kSendBufferBytes);

  // No SO_REUSEADDR: it would let a second hub take over half of the datagrams.
  sockaddr_in6 address{};
  socklen_t size = write_address(listen, v4, address);
  if (bind(out.fd_, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    throw ListenError(bind_failure(listen, errno), errno);
  }
  if (getsockname(out.fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw ListenError(bind_failure(listen, errno), errno);
  }
  out.local_ = read_address(address);
  return out;
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      is_v4_(other.is_v4_),
      is_wildcard_(other.is_wildcard_),
      local_(other.local_) {}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  is_v4_ = other.is_v4_;
  is_wildcard_ = other.is_wildcard_;
  local_ = other.local_;
  return *this;
}

UdpSocket::~UdpSocket() {
  if (fd_ >= 0) close(fd_);
}

bool UdpSocket::owns(const Endpoint& local) const {
  if (local.port != local_.port) return false;
  if (!is_wildcard_) return local.ip == local_.ip;
  return !is_v4_ || local.ip.is_v4();  // [::] has the IPv4 addresses as well
}

bool UdpSocket::reaches(const Endpoint& remote) const {
  if (is_v4_) return remote.ip.is_v4();
  return is_wildcard_ || !remote.ip.is_v4();
}

std::span<const Received> UdpSocket::receive(ReceiveBatch& batch, BatchCalls& calls) const {
  for (std::size_t i = 0; i < kBatch; ++i) {
    batch.messages_[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    batch.messages_[i].msg_hdr.msg_controllen = sizeof(ControlBuffer);
  }
  batch.received_.clear();
  batch.is_full_ = false;
  // An ICMP error that some earlier datagram earned is reported once and then gone: ask again.
  int count = -1;
  for (int tries = 0; count < 0 && tries < 4; ++tries) {
    count = calls.receive(fd_, batch.messages_);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
  }
  if (count <= 0) return {};
  const auto size = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < size; ++i) {
    read_message(batch.messages_[i], batch.sources_[i], batch.received_);
  }
  batch.is_full_ = size == kBatch;
  return batch.received_;
}

void UdpSocket::read_message(const mmsghdr& message, const sockaddr_in6& source,
                             std::vector<Received>& out) const {
  Received one;
  one.path.remote = read_address(source);
  one.path.local = local_;
  const auto* start = static_cast<const std::uint8_t*>(message.msg_hdr.msg_iov->iov_base);
  const Bytes all(start, message.msg_len);
  std::size_t size = all.size();    // of each datagram; the last one may be shorter
  msghdr header = message.msg_hdr;  // CMSG_NXTHDR wants it mutable
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO && !fault("datagrams_not_parted")) {
      int each = 0;
      std::memcpy(&each, CMSG_DATA(c), sizeof each);
      if (each > 0) size = static_cast<std::size_t>(each);
    } else if (is_wildcard_) {
      read_asked_address(*c, one.path.local);
    }
  }
  std::size_t at = 0;
  do {  // an empty one is one, too
    one.bytes = all.subspan(at, std::min(size, all.size() - at));
    one.oversized =
        one.bytes.size() > kMaxReceiveBytes || (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    out.push_back(one);
    at += size;
  } while (at < all.size());
}

void UdpSocket::address(const Path& path, Bytes bytes, Outgoing& out, mmsghdr& message) const {
  message = {};
  msghdr& header = message.msg_hdr;
  header.msg_namelen = write_address(path.remote, is_v4_, out.destination);
  header.msg_name = &out.destination;
  out.vector = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  header.msg_iov = &out.vector;
  header.msg_iovlen = 1;
  if (!is_wildcard_ || !owns(path.local) || path.local.ip.is_unspecified()) return;
  if (fault("pktinfo_ignored")) return;

  out.control = {};
  header.msg_control = out.control.bytes.data();
  const std::size_t size = is_v4_ ? sizeof(in_pktinfo) : sizeof(in6_pktinfo);
  header.msg_controllen = CMSG_SPACE(size);
  cmsghdr* c = CMSG_FIRSTHDR(&header);
  c->cmsg_len = CMSG_LEN(size);
  if (is_v4_) {
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    in_pktinfo info{};
    info.ipi_spec_dst = to_v4(path.local.ip);
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
  } else {
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    in6_pktinfo info{};
    info.ipi6_addr = to_v6(path.local.ip);  // Linux takes a mapped IPv4 address here too
    info.ipi6_ifindex = path.local.scope;
    std::memcpy(CMSG_DATA(c), &info, sizeof info);
  }
}

void UdpSocket::part(mmsghdr& message, Outgoing& out, std::uint16_t size) {
  msghdr& header = message.msg_hdr;
  const std::size_t before = header.msg_controllen;
  header.msg_control = out.control.bytes.data();
  header.msg_controllen = before + CMSG_SPACE(sizeof size);
  auto* c = reinterpret_cast<cmsghdr*>(out.control.bytes.data() + before);
  c->cmsg_level = SOL_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof size);
  std::memcpy(CMSG_DATA(c), &size, sizeof size);
}

}  // namespace hub::server
