#include "bench/load/link.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netinet/udp.h>

#include "bench/load/measure.hpp"
#include "bench/load/socket_address.hpp"

namespace hub::bench {

namespace {

constexpr int kBufferBytes = 8 * 1024 * 1024;

/// As large as the system allows; beyond its limit only root may go.
void enlarge(int fd, int forced, int asked) {
  if (setsockopt(fd, SOL_SOCKET, forced, &kBufferBytes, sizeof kBufferBytes) == 0) return;
  setsockopt(fd, SOL_SOCKET, asked, &kBufferBytes, sizeof kBufferBytes);
}

}  // namespace

LinkBatch::LinkBatch(std::size_t links)
    : most_(links > kLinkBatch / 2 ? 4 : kLinkBatch),
      received_(std::make_unique_for_overwrite<std::uint8_t[]>(kLinkBatch * kRoom)) {
  for (std::size_t i = 0; i < kLinkBatch; ++i) {
    in_.vectors[i] = {received_.get() + i * kRoom, kMostTogether};
    msghdr& header = in_.headers[i].msg_hdr;
    header.msg_iov = &in_.vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = in_.controls[i].bytes.data();
  }
}

Link::Link(const Endpoint& hub, LinkBatch& batch)
    : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), batch_(batch) {
  if (!fd_) throw Failure(fmt::format("cannot open a socket: {}", std::strerror(errno)));
  enlarge(fd(), SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge(fd(), SO_SNDBUFFORCE, SO_SNDBUF);
  const int whole = IP_PMTUDISC_PROBE;  // never in pieces
  setsockopt(fd(), IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole);
  const int together = 1;  // where the kernel does not know it, each datagram comes by itself
  setsockopt(fd(), SOL_UDP, UDP_GRO, &together, sizeof together);
  const sockaddr_in address = socket_address(hub);
  if (::connect(fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Failure(fmt::format("cannot reach the hub: {}", std::strerror(errno)));
  }
}

void Link::commit(std::size_t size) {
  unsent_sizes_.push_back(size);
  if (unsent_sizes_.size() == kLinkBatch) flush();
}

void Link::flush() {
  std::size_t next = 0;  // the first datagram not sent
  const std::uint8_t* at = unsent_.data();
  bool is_apart = false;
  if (unsent_sizes_.size() == 1 && ::send(fd(), at, unsent_.size(), 0) >= 0) next = 1;
  while (next < unsent_sizes_.size()) {
    const std::size_t count = gather(next, at, is_segmenting_ && !is_apart);
    const int sent = ::sendmmsg(fd(), batch_.out_.headers.data(), static_cast<unsigned>(count), 0);
    if (sent < 0 && errno == EIO && is_segmenting_) {
      is_segmenting_ = false;  // a device that cannot
    } else if (sent < 0 && batch_.segments_[0] > 1 && (errno == EMSGSIZE || errno == EINVAL)) {
      is_apart = true;                           // one of them is longer than the network carries
    } else if (sent < 0 && errno == EMSGSIZE) {  // this one: lost
      at += batch_.out_.vectors[0].iov_len;
      ++next;
    } else if (sent < 0 && errno != EINTR) {
      throw Failure(fmt::format("cannot send to the hub: {}", std::strerror(errno)));
    }
    for (int i = 0; i < sent; ++i) {
      at += batch_.out_.vectors[static_cast<std::size_t>(i)].iov_len;
      next += batch_.segments_[static_cast<std::size_t>(i)];
    }
  }
  unsent_.clear();
  unsent_sizes_.clear();
}

/// Makes messages of the datagrams from `next` on, whose bytes begin at `at`: those of one size in
/// a row are one message, with a shorter one last (GSO), if they may go together. How many
/// messages.
std::size_t Link::gather(std::size_t next, const std::uint8_t* at, bool together) {
  static_assert(kLinkBatch <= 64, "UDP_MAX_SEGMENTS");
  constexpr std::size_t kMostBytes = 60'000;  // of one IPv4 packet
  LinkBatch::Messages& out = batch_.out_;
  std::size_t count = 0;
  while (next < unsent_sizes_.size()) {
    const std::size_t first = next;
    const std::size_t size = unsent_sizes_[first];
    std::size_t bytes = 0;
    do {
      bytes += unsent_sizes_[next++];
    } while (together && next < unsent_sizes_.size() && unsent_sizes_[next - 1] == size &&
             unsent_sizes_[next] <= size && bytes + size <= kMostBytes);
    batch_.segments_[count] = next - first;
    out.vectors[count] = {const_cast<std::uint8_t*>(at), bytes};
    at += bytes;
    msghdr& header = out.headers[count].msg_hdr;
    header = {};
    header.msg_iov = &out.vectors[count];
    header.msg_iovlen = 1;
    if (next - first > 1) out.controls[count].attach(header, static_cast<std::uint16_t>(size));
    ++count;
  }
  return count;
}

void LinkBatch::SegmentSize::attach(msghdr& header, std::uint16_t size) {
  header.msg_control = bytes.data();
  header.msg_controllen = CMSG_SPACE(sizeof size);
  cmsghdr* const control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = SOL_UDP;
  control->cmsg_type = UDP_SEGMENT;
  control->cmsg_len = CMSG_LEN(sizeof size);
  std::memcpy(CMSG_DATA(control), &size, sizeof size);
}

std::span<const Bytes> Link::receive() {
  LinkBatch::Messages& in = batch_.in_;
  std::vector<Bytes>& datagrams = batch_.datagrams_;
  datagrams.clear();
  for (mmsghdr& message : std::span(in.headers).first(batch_.most_)) {
    message.msg_hdr.msg_controllen = sizeof(LinkBatch::SegmentSize::bytes);
  }
  const int got = ::recvmmsg(fd(), in.headers.data(), batch_.most_, MSG_DONTWAIT, nullptr);
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    throw Failure(fmt::format("cannot receive from the hub: {}", std::strerror(errno)));
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::max(got, 0)); ++i) {
    const auto* bytes = static_cast<const std::uint8_t*>(in.vectors[i].iov_base);
    const Bytes all(bytes, in.headers[i].msg_len);
    const std::size_t size = LinkBatch::datagram_size(in.headers[i].msg_hdr, all.size());
    for (std::size_t at = 0; at < all.size(); at += size) {
      datagrams.push_back(all.subspan(at, std::min(size, all.size() - at)));
    }
  }
  return datagrams;
}

/// Of each datagram in a message of `all` bytes; the last one may be shorter.
std::size_t LinkBatch::datagram_size(msghdr& header, std::size_t all) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof size);
    return size > 0 ? static_cast<std::size_t>(size) : all;
  }
  return all;
}

}  // namespace hub::bench
