#include "bench/load/link.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <unistd.h>

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

Link::Link(const Endpoint& hub) : received_(kLinkBatch * kLinkBytes) {
  fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) throw Failure(fmt::format("cannot open a socket: {}", std::strerror(errno)));
  enlarge(fd_, SO_RCVBUFFORCE, SO_RCVBUF);
  enlarge(fd_, SO_SNDBUFFORCE, SO_SNDBUF);
  const sockaddr_in address = socket_address(hub);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Failure(fmt::format("cannot reach the hub: {}", std::strerror(errno)));
  }
  unsent_.reserve(kLinkBatch * kLinkBytes);
  unsent_sizes_.reserve(kLinkBatch);
}

Link::~Link() { ::close(fd_); }

void Link::commit(std::size_t size) {
  unsent_sizes_.push_back(size);
  if (unsent_sizes_.size() == kLinkBatch) flush();
}

void Link::flush() {
  if (unsent_sizes_.empty()) return;
  std::uint8_t* at = unsent_.data();
  for (std::size_t i = 0; i < unsent_sizes_.size(); ++i) {
    vectors_[i] = {at, unsent_sizes_[i]};
    at += unsent_sizes_[i];
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t done = 0; done < unsent_sizes_.size();) {
    const int sent =
        ::sendmmsg(fd_, &messages_[done], static_cast<unsigned>(unsent_sizes_.size() - done), 0);
    if (sent < 0 && errno != EINTR) {
      throw Failure(fmt::format("cannot send to the hub: {}", std::strerror(errno)));
    }
    if (sent > 0) done += static_cast<std::size_t>(sent);
  }
  unsent_.clear();
  unsent_sizes_.clear();
}

std::span<const Bytes> Link::receive() {
  for (std::size_t i = 0; i < kLinkBatch; ++i) {
    vectors_[i] = {received_.data() + i * kLinkBytes, kLinkBytes};
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
  const int got = ::recvmmsg(fd_, messages_.data(), kLinkBatch, MSG_DONTWAIT, nullptr);
  if (got < 0 && errno != EAGAIN && errno != EINTR) {
    throw Failure(fmt::format("cannot receive from the hub: {}", std::strerror(errno)));
  }
  const std::size_t count = got > 0 ? static_cast<std::size_t>(got) : 0;
  for (std::size_t i = 0; i < count; ++i) {
    datagrams_[i] = Bytes(received_).subspan(i * kLinkBytes, messages_[i].msg_len);
  }
  return std::span(datagrams_).first(count);
}

}  // namespace hub::bench
