#include "server/net/transmitter.hpp"

#include <algorithm>
#include <cerrno>

#include "protocol/fault.hpp"

namespace hub::server {

Transmitter::Transmitter(const UdpSocket& socket, BatchCalls& calls, Counters& counters,
                         std::size_t max_backlog_bytes)
    : socket_(socket), calls_(calls), counters_(counters), max_backlog_bytes_(max_backlog_bytes) {}

void Transmitter::push(const Path& path, Bytes bytes) {
  if (is_blocked()) {
    keep(path, bytes);  // behind the others: order is kept
    return;
  }
  paths_[pending_] = path;
  socket_.address(path, bytes, outgoing_[pending_], messages_[pending_]);
  if (++pending_ == kBatch) flush();
}

void Transmitter::flush() {
  const std::size_t count = pending_;
  const std::size_t done = send_pending();
  if (fault("full_socket_drops")) return;
  for (std::size_t i = done; i < count; ++i) {
    const iovec& left = outgoing_[i].vector;
    keep(paths_[i], Bytes(static_cast<const std::uint8_t*>(left.iov_base), left.iov_len));
  }
}

void Transmitter::on_writable() {
  while (!backlog_.empty()) {
    const std::size_t count = std::min(kBatch, backlog_.size());
    for (; pending_ < count; ++pending_) {
      const Waiting& waiting = backlog_[pending_];
      socket_.address(waiting.path, waiting.bytes, outgoing_[pending_], messages_[pending_]);
    }
    const std::size_t done = send_pending();
    for (std::size_t i = 0; i < done; ++i) {
      backlog_bytes_ -= backlog_.front().bytes.size();
      backlog_.pop_front();
    }
    if (done < count) return;
  }
}

/// Sends the pending messages; returns how many of them are dealt with, sent or skipped.
std::size_t Transmitter::send_pending() {
  const std::span<mmsghdr> all = std::span(messages_).first(pending_);
  pending_ = 0;
  std::size_t next = 0;
  bool repeated = false;
  while (next < all.size()) {
    const int sent = calls_.send(socket_.fd(), all.subspan(next));
    if (sent > 0) {  // perhaps not all: the next call tells why
      next += static_cast<std::size_t>(sent);
      counters_.datagrams_sent += static_cast<std::uint64_t>(sent);
      repeated = false;
      continue;
    }
    switch (judge(sent < 0 ? errno : EAGAIN, all[next], repeated)) {
      case Step::kAgain:
        break;
      case Step::kSkip:
        ++counters_.send_failures;
        ++next;
        repeated = false;
        break;
      case Step::kBlocked:
        return next;
    }
  }
  return next;
}

/// What the failure of one message asks for.
Transmitter::Step Transmitter::judge(int error, mmsghdr& message, bool& repeated) const {
  switch (error) {
    case EINTR:
      return Step::kAgain;
    case EAGAIN:
      return Step::kBlocked;
    case EINVAL:
    case EADDRNOTAVAIL:
    case ENODEV:
    case ENETUNREACH:
      // The address asked, of a session stored before a restart perhaps, is no longer ours.
      if (message.msg_hdr.msg_controllen > 0) {
        message.msg_hdr.msg_control = nullptr;
        message.msg_hdr.msg_controllen = 0;
        return Step::kAgain;
      }
      return Step::kSkip;
    case ECONNREFUSED:  // an ICMP error for an earlier datagram, reported on this one
      if (repeated) return Step::kSkip;
      repeated = true;
      return Step::kAgain;
    default:
      return Step::kSkip;
  }
}

void Transmitter::keep(const Path& path, Bytes bytes) {
  if (backlog_bytes_ + bytes.size() > max_backlog_bytes_ && !fault("send_backlog_unbounded")) {
    ++counters_.send_failures;
    return;
  }
  backlog_.push_back({path, {bytes.begin(), bytes.end()}});
  backlog_bytes_ += bytes.size();
}

}  // namespace hub::server
