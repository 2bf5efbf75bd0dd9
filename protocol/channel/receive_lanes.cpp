#include "protocol/channel/receive_lanes.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::channel {

namespace {

constexpr std::uint64_t kLeastCost = cost_of(1);
constexpr std::uint64_t kGreatestCost = cost_of(kMaxMessageBytes);

ReceiveWindow restored(const WindowRest& rest, std::size_t size) {
  ReceiveWindow window;
  window.received = window.delivered = window.taken = rest.used;
  window.announced = window.known = rest.limit;
  window.size = size;
  return window;
}

}  // namespace

ReceiveLanes::ReceiveLanes(const Rest& rest, std::size_t talk_window, std::size_t bulk_window)
    : next_stream_(rest.next_stream_in),
      talk_window_(restored(rest.talk_in, talk_window)),
      bulk_window_(restored(rest.bulk_in, bulk_window)) {
  talk_.next_seq = rest.talk_seq_in;
  owe_if_used(talk_window_);
  owe_if_used(bulk_window_);
}

void ReceiveLanes::store(Rest& rest) const {
  rest.talk_seq_in = talk_.next_seq;
  rest.next_stream_in = next_stream_;
  rest.talk_in = {talk_window_.received, talk_window_.announced};
  rest.bulk_in = {bulk_window_.received, bulk_window_.announced};
}

bool ReceiveLanes::is_empty() const {
  return talk_.buffered.empty() && bulk_.empty() && delivered_.empty() && !owes_announcement();
}

std::optional<Violation> ReceiveLanes::on_message(const Frame& frame) {
  if (frame.lane == Lane::kTalk) return accept(talk_, frame);
  if (const auto bad = open_up_to(frame.stream)) return bad;
  const auto at = std::lower_bound(
      bulk_.begin(), bulk_.end(), frame.stream,
      [](const ReceiveStream& stream, StreamId wanted) { return stream.id < wanted; });
  if (at == bulk_.end() || at->id != frame.stream) return std::nullopt;  // closed: a repeat
  if (const auto bad = accept(*at, frame)) return bad;
  if (at->last_seq && at->next_seq > *at->last_seq) bulk_.erase(at);
  return std::nullopt;
}

// Opening a stream opens all below it that were not opened yet.
std::optional<Violation> ReceiveLanes::open_up_to(StreamId id) {
  if (id < next_stream_) return std::nullopt;
  if (id - next_stream_ >= kMaxBulkStreams - bulk_.size() && !fault("stream_cap_ignored")) {
    return Violation::kTooManyStreams;
  }
  while (next_stream_ <= id) {
    ReceiveStream opened;
    opened.id = next_stream_++;
    bulk_.push_back(std::move(opened));
  }
  return std::nullopt;
}

std::optional<Violation> ReceiveLanes::judge_last(const ReceiveStream& stream,
                                                  const Frame& frame) const {
  if (stream.last_seq) {
    const bool contradicts = frame.last && frame.seq != *stream.last_seq;
    if (frame.seq > *stream.last_seq || contradicts) return Violation::kAfterLast;
  } else if (frame.last && frame.seq + 1 < stream.next_seq + stream.buffered.size()) {
    return Violation::kAfterLast;
  }
  return std::nullopt;
}

std::optional<Violation> ReceiveLanes::accept(ReceiveStream& stream, const Frame& frame) {
  if (const auto bad = judge_last(stream, frame)) return bad;
  const bool is_repeat =
      frame.seq < stream.next_seq ||
      (frame.seq - stream.next_seq < stream.buffered.size() &&
       !stream.buffered[static_cast<std::size_t>(frame.seq - stream.next_seq)].empty());
  if (is_repeat) {
    if (fault("duplicate_delivered")) {
      delivered_.add({frame.lane, frame.stream, frame.last, frame.message});
    }
    return std::nullopt;
  }
  ReceiveWindow& window = window_of(frame.lane);
  const std::uint64_t cost = cost_of(frame.message.size());
  if (window.received + cost > window.announced && !fault("window_never_checked")) {
    return Violation::kOverWindow;
  }
  // Every message below this one has been sent too and took its part of the window, so the slots of
  // missing ones are bounded as well, over all streams together.
  const std::uint64_t ahead = frame.seq - stream.next_seq;
  const std::uint64_t slots = frame.lane == Lane::kTalk ? talk_slots_ : bulk_slots_;
  const std::uint64_t more =
      ahead < stream.buffered.size() ? 0 : ahead - stream.buffered.size() + 1;
  if (slots + more > (window.announced - window.delivered) / kLeastCost) {
    return Violation::kOverWindow;
  }
  window.received += cost;
  if (frame.last) stream.last_seq = frame.seq;
  if (ahead > 0 && !fault("order_ignored")) {
    buffer(stream, frame);
    return std::nullopt;
  }
  deliver(stream, frame.lane, frame.message);
  if (!stream.buffered.empty()) {
    stream.buffered.pop_front();  // the gap that this one has closed
    --(frame.lane == Lane::kTalk ? talk_slots_ : bulk_slots_);
    deliver_buffered(stream, frame.lane);
  }
  return std::nullopt;
}

void ReceiveLanes::buffer(ReceiveStream& stream, const Frame& frame) {
  std::uint64_t& slots = frame.lane == Lane::kTalk ? talk_slots_ : bulk_slots_;
  const auto at = static_cast<std::size_t>(frame.seq - stream.next_seq);
  for (; stream.buffered.size() <= at; ++slots) stream.buffered.push_back({});
  stream.buffered[at].assign(frame.message.begin(), frame.message.end());
}

void ReceiveLanes::deliver_buffered(ReceiveStream& stream, Lane lane) {
  std::uint64_t& slots = lane == Lane::kTalk ? talk_slots_ : bulk_slots_;
  while (!stream.buffered.empty() && !stream.buffered.front().empty()) {
    deliver(stream, lane, stream.buffered.front());
    stream.buffered.pop_front();
    --slots;
  }
  if (stream.buffered.empty()) stream.buffered.clear();
}

void ReceiveLanes::deliver(ReceiveStream& stream, Lane lane, Bytes message) {
  window_of(lane).delivered += cost_of(message.size());
  const bool last = stream.last_seq == stream.next_seq;
  ++stream.next_seq;
  delivered_.add({lane, stream.id, last, message});
}

Deliveries ReceiveLanes::take(std::size_t most) {
  Deliveries taken = delivered_.take(most);
  for (const Delivered& each : taken) window_of(each.lane).taken += cost_of(each.bytes.size());
  owe_if_used(talk_window_);
  owe_if_used(bulk_window_);
  return taken;
}

void ReceiveLanes::set_windows(std::size_t talk, std::size_t bulk) {
  talk_window_.size = std::max<std::uint64_t>(talk_window_.size, talk);
  bulk_window_.size = std::max<std::uint64_t>(bulk_window_.size, bulk);
  owe_if_used(talk_window_);
  owe_if_used(bulk_window_);
}

// Announced where half of the window is used; and where the largest message no longer fits, for a
// sender that waits with one would otherwise wait for ever.
void ReceiveLanes::owe_if_used(ReceiveWindow& window) {
  const std::uint64_t limit = window.taken + window.size;
  if (limit <= window.announced || fault("window_not_announced_again")) return;
  const std::uint64_t left = window.announced - window.taken;
  if (left <= window.size / 2 || left < kGreatestCost) window.is_owed = true;
}

std::optional<ReceiveLanes::Announcement> ReceiveLanes::next_announcement() {
  for (const Lane lane : {Lane::kTalk, Lane::kBulk}) {
    ReceiveWindow& window = window_of(lane);
    if (!window.is_owed) continue;
    window.is_owed = false;
    window.announced = std::max(window.announced, window.taken + window.size);
    return Announcement{lane, window.announced};
  }
  return std::nullopt;
}

void ReceiveLanes::on_announcement_acked(const Announcement& acked) {
  ReceiveWindow& window = window_of(acked.lane);
  window.known = std::max(window.known, acked.limit);
}

void ReceiveLanes::repeat_announcements() {
  for (ReceiveWindow* window : {&talk_window_, &bulk_window_}) {
    if (window->known < window->announced) window->is_owed = true;
  }
}

void ReceiveLanes::on_announcement_lost(const Announcement& lost) {
  ReceiveWindow& window = window_of(lost.lane);
  if (fault("lost_window_not_resent")) return;
  if (lost.limit == window.announced && window.known < lost.limit) window.is_owed = true;
}

}  // namespace hub::channel
