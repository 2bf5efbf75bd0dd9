#include "server/net/transmitter.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

/// What Linux takes for one message in parts (UDP_MAX_SEGMENTS, and one IPv4 packet's length).
constexpr std::size_t kMostSegments = 64;
constexpr std::size_t kMostSegmentedBytes = 65'000;

}  // namespace

Transmitter::Transmitter(const UdpSocket& socket, BatchCalls& calls, Counters& counters,
                         std::size_t max_backlog_bytes)
    : socket_(socket), calls_(calls), counters_(counters), max_backlog_bytes_(max_backlog_bytes) {}

void Transmitter::push(const Path& path, Bytes bytes) {
  if (is_blocked()) {
    keep(path, bytes);  // behind the others: order is kept
    return;
  }
  if (pending_ > 0 && extend(parts_[pending_ - 1], path, bytes)) return;
  if (pending_ == kBatch) {
    flush();
    push(path, bytes);
    return;
  }
  parts_[pending_++] = {path, bytes, bytes.size(), 1};
}

bool Transmitter::extend(Pending& last, const Path& path, Bytes bytes) const {
  const bool follows = last.bytes.data() + last.bytes.size() == bytes.data();
  const bool is_open = last.bytes.size() == last.count * last.segment ||  // no shorter one yet
                       fault("segments_of_any_size");
  const bool fits = bytes.size() <= last.segment && last.count < kMostSegments &&
                    last.bytes.size() + bytes.size() <= kMostSegmentedBytes;
  if (!segments_ || !follows || !is_open || !fits || bytes.empty()) return false;
  if (!(last.path == path) && !fault("segments_to_other_address")) return false;
  last.bytes = Bytes(last.bytes.data(), last.bytes.size() + bytes.size());
  ++last.count;
  return true;
}

void Transmitter::flush() {
  const std::size_t count = pending_;
  for (std::size_t i = 0; i < count; ++i) {
    socket_.address(parts_[i].path, parts_[i].bytes, outgoing_[i], messages_[i]);
    if (parts_[i].count > 1) {
      UdpSocket::part(messages_[i], outgoing_[i], static_cast<std::uint16_t>(parts_[i].segment));
    }
  }
  const std::size_t done = send_pending();
  if (fault("full_socket_drops")) return;
  for (std::size_t i = done; i < count; ++i) keep(parts_[i]);
}

void Transmitter::on_writable() {
  while (!backlog_.empty()) {
    const std::size_t count = std::min(kBatch, backlog_.size());
    for (; pending_ < count; ++pending_) {
      const Waiting& waiting = backlog_[pending_];
      parts_[pending_] = {waiting.path, waiting.bytes, waiting.bytes.size(), 1};
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

/// Sends the pending messages; returns how many of them are dealt with, sent or skipped. Of the
/// next one, parts_ has what is left.
std::size_t Transmitter::send_pending() {
  const std::span<mmsghdr> all = std::span(messages_).first(pending_);
  pending_ = 0;
  std::size_t next = 0;
  bool repeated = false;
  while (next < all.size()) {
    const int sent = calls_.send(socket_.fd(), all.subspan(next));
    if (sent > 0) {  // perhaps not all: the next call tells why
      for (int i = 0; i < sent; ++i) counters_.datagrams_sent += parts_[next++].count;
      repeated = false;
      continue;
    }
    const int error = sent < 0 ? errno : EAGAIN;
    if (parts_[next].count > 1 && error != EAGAIN && error != EINTR) {
      // Not for sure the parts' fault; one by one, each datagram is judged by itself.
      if (error == EIO || error == EOPNOTSUPP) segments_ = false;  // the device cannot
      if (!send_one_by_one(parts_[next])) return next;
      ++next;
      continue;
    }
    switch (judge(error, all[next], repeated)) {
      case Step::kAgain:
        break;
      case Step::kSkip:
        count_skipped(error);
        ++next;
        repeated = false;
        break;
      case Step::kBlocked:
        return next;
    }
  }
  return next;
}

/// False where the socket is full; what is left then is in `pending`.
bool Transmitter::send_one_by_one(Pending& pending) {
  bool repeated = false;
  mmsghdr message{};
  Outgoing outgoing;
  bool addressed = false;
  while (pending.count > 0) {
    const Bytes bytes = pending.bytes.first(std::min(pending.segment, pending.bytes.size()));
    if (!std::exchange(addressed, true)) {
      socket_.address(pending.path, bytes, outgoing, message);
    }
    const int sent = calls_.send(socket_.fd(), std::span(&message, 1));
    if (sent > 0) {
      ++counters_.datagrams_sent;
    } else {
      const int error = sent < 0 ? errno : EAGAIN;
      const Step step = judge(error, message, repeated);
      if (step == Step::kBlocked) return false;
      if (step == Step::kAgain) continue;
      count_skipped(error);
    }
    pending.bytes = pending.bytes.subspan(bytes.size());
    --pending.count;
    addressed = repeated = false;
  }
  return true;
}

/// What the failure of one datagram asks for.
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

void Transmitter::count_skipped(int error) {
  ++(error == EMSGSIZE ? counters_.datagrams_too_long : counters_.send_failures);
}

void Transmitter::keep(const Pending& pending) {
  for (std::size_t at = 0; at < pending.bytes.size(); at += pending.segment) {
    const std::size_t size = std::min(pending.segment, pending.bytes.size() - at);
    keep(pending.path, pending.bytes.subspan(at, size));
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
