#include "protocol/channel/recovery.hpp"

#include <algorithm>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::channel {

namespace {

/// A datagram declared lost is remembered for so many PTOs, in case its ack comes late.
constexpr int kLateAckProbeTimeouts = 3;
constexpr int kPersistentCongestionThreshold = 3;  // RFC 9002 §7.6.1
constexpr int kMaxBackoff = 16;                    // doublings; the cap has struck long before

/// With kCautionOfALoss, a path that loses one datagram in 64 or more is never long without
/// caution; one that lost a single datagram has none again soon.
constexpr std::uint8_t kMostCaution = 128;

/// Where a round trip is shorter, the probe timer is quick enough for the first loss.
constexpr std::chrono::milliseconds kShortRoundTrip{10};

}  // namespace

Recovery::Recovery(Duration initial_rtt, const RttRest& rtt, MakeCongestion make,
                   const CongestionStart& start, std::uint8_t caution, const PathMtu::Rest& mtu)
    : caution_(caution), mtu_(mtu), rtt_(initial_rtt, rtt), congestion_(make(start)) {
  if (rtt_.has_sample()) first_sample_at_ = TimePoint::min();
}

void Recovery::on_sent(const SentPacket& packet) {
  Record record;
  record.number = packet.number;
  record.ack_largest = packet.ack_largest.value_or(kNoAck);
  record.sent = packet.sent;
  record.bytes = static_cast<std::uint16_t>(packet.bytes);
  record.talk_bytes = static_cast<std::uint16_t>(packet.talk_bytes);
  record.is_mtu_probe = packet.is_mtu_probe;
  record.first_cargo = cargo_assigned_;
  record.cargo = static_cast<std::uint32_t>(cargo_popped_ + cargo_.size() - cargo_assigned_);
  cargo_assigned_ += record.cargo;
  packets_.push_back(record);
  ++in_flight_;
  bytes_in_flight_ += record.bytes;
  talk_bytes_in_flight_ += record.talk_bytes;
  next_number_ = packet.number + 1;
  last_sent_ = packet.sent;
}

void Recovery::on_sent_silent(std::uint64_t number, TimePoint now) {
  silent_[next_silent_] = {number, now};
  next_silent_ = (next_silent_ + 1) % silent_.size();
  next_number_ = number + 1;
}

std::optional<TimePoint> Recovery::silent_sent_at(std::uint64_t number) const {
  for (const Silent& silent : silent_) {
    if (fault("silent_ack_tells_no_rtt")) break;
    if (silent.number == number && number >= path_start_) return silent.sent;
  }
  return std::nullopt;
}

std::size_t Recovery::index_of(std::uint64_t number) const {
  std::size_t low = 0;
  std::size_t high = packets_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (packets_[middle].number < number) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void Recovery::take_out_of_flight(Record& record) {
  --in_flight_;
  bytes_in_flight_ -= record.bytes;
  talk_bytes_in_flight_ -= record.talk_bytes;
}

void Recovery::acknowledge(Record& record, bool is_limited, CargoFate& fate) {
  if (record.state == State::kInFlight) {
    if (caution_ > 0) --caution_;
    take_out_of_flight(record);
    if (is_of_this_path(record)) congestion_->on_acked(record.bytes, record.sent, is_limited);
  } else if (fault("late_ack_ignored")) {
    return;
  }
  if (is_of_this_path(record) && record.is_mtu_probe) {
    mtu_.on_probe_acked(record.number, record.bytes);
  } else if (is_of_this_path(record)) {
    mtu_.on_acked(record.bytes);
  }
  record.state = State::kAcked;
  for (std::uint32_t i = 0; i < record.cargo; ++i) {
    fate.on_acked(cargo_[static_cast<std::size_t>(record.first_cargo - cargo_popped_) + i]);
  }
}

std::optional<std::uint64_t> Recovery::on_ack(const AckFrame& ack, bool is_limited, TimePoint now,
                                              CargoFate& fate) {
  std::optional<std::uint64_t> seen;
  std::optional<TimePoint> sampled;  // when the largest, newly acknowledged, was sent
  bool any = false;
  AckRanges ranges(ack);
  while (const std::optional<Range> range = ranges.next()) {
    if (packets_.empty() || range->last < packets_.front().number) break;
    for (std::size_t i = index_of(range->first);
         i < packets_.size() && packets_[i].number <= range->last; ++i) {
      Record& record = packets_[i];
      if (record.state == State::kAcked) continue;
      acknowledge(record, is_limited, fate);
      any = true;
      if (record.ack_largest != kNoAck) seen = std::max(seen.value_or(0), record.ack_largest);
      if (record.number == ack.largest && is_of_this_path(record)) sampled = record.sent;
    }
  }
  largest_acked_ = std::max(largest_acked_.value_or(0), ack.largest);
  if (any && !sampled) sampled = silent_sent_at(ack.largest);
  if (sampled) {
    const std::chrono::microseconds delay(std::min<std::uint64_t>(
        ack.delay_us, std::chrono::duration_cast<std::chrono::microseconds>(kMaxAckDelay).count()));
    rtt_.sample(now - *sampled, delay);
    if (!first_sample_at_) {
      first_sample_at_ = now;
      const bool is_short =
          now - *sampled - delay < kShortRoundTrip && !fault("short_path_distrusted");
      if (is_short && caution_ <= kCautionOfALoss) caution_ = 0;
    }
  }
  if (any) pto_count_ = 0;
  detect_losses(now, fate);
  prune(now);
  return seen;
}

void Recovery::on_loss_timeout(TimePoint now, CargoFate& fate) {
  if (!loss_timeout_ || now < *loss_timeout_) return;
  detect_losses(now, fate);
  prune(now);
}

// RFC 9002 §6.1: overtaken by three datagrams, or by one that long ago.
void Recovery::detect_losses(TimePoint now, CargoFate& fate) {
  loss_timeout_.reset();
  if (!largest_acked_) return;
  const std::uint64_t threshold = fault("packet_threshold_off") ? 4 : kPacketThreshold;
  const Duration loss_delay = rtt_.loss_delay();
  std::optional<std::uint64_t> largest_lost;
  std::optional<TimePoint> lost_sent;
  std::optional<std::size_t> shortest_long;
  std::size_t i = first_in_flight_;
  for (; i < packets_.size() && packets_[i].number < *largest_acked_; ++i) {
    Record& record = packets_[i];
    if (record.state != State::kInFlight) continue;
    const bool is_overtaken = *largest_acked_ - record.number >= threshold;
    const bool is_late = now - record.sent >= loss_delay && !fault("time_threshold_ignored");
    if (!is_overtaken && !is_late) {
      if (!loss_timeout_) {  // the oldest comes first
        loss_timeout_ = record.sent + loss_delay;
        first_in_flight_ = i;
      }
      continue;
    }
    declare_lost(record, fate);
    // RFC 9000 §14.4: that a probe was too long says nothing of congestion.
    if (record.is_mtu_probe && !fault("mtu_probe_is_congestion")) continue;
    largest_lost = record.number;
    if (!is_of_this_path(record)) continue;
    lost_sent = record.sent;
    if (record.bytes > kBaseDatagramBytes) {
      shortest_long = std::min<std::size_t>(shortest_long.value_or(record.bytes), record.bytes);
    }
  }
  if (shortest_long) mtu_.on_lost(*shortest_long);
  if (!loss_timeout_) first_in_flight_ = i;
  if (lost_sent) {
    congestion_->on_lost(*lost_sent, now);
    check_persistent_congestion(*largest_lost);
  }
}

void Recovery::declare_lost(Record& record, CargoFate& fate) {
  take_out_of_flight(record);
  record.state = State::kLost;
  if (is_of_this_path(record) && record.is_mtu_probe) {
    mtu_.on_probe_lost(record.number, record.bytes);
  } else if (is_of_this_path(record)) {
    caution_ = static_cast<std::uint8_t>(std::min<int>(kMostCaution, caution_ + kCautionOfALoss));
  }
  for (std::uint32_t i = 0; i < record.cargo; ++i) {
    fate.on_lost(cargo_[static_cast<std::size_t>(record.first_cargo - cargo_popped_) + i]);
  }
}

// RFC 9002 §7.6: all datagrams sent over a long enough time were lost, none between acknowledged.
void Recovery::check_persistent_congestion(std::uint64_t largest_lost) {
  if (!first_sample_at_ || fault("persistent_congestion_ignored")) return;
  const Duration duration = rtt_.pto() * kPersistentCongestionThreshold;
  std::optional<TimePoint> start;
  for (std::size_t i = 0; i < packets_.size() && packets_[i].number <= largest_lost; ++i) {
    const Record& record = packets_[i];
    if (record.state != State::kLost) {
      start.reset();
      continue;
    }
    if (!is_of_this_path(record) || record.is_mtu_probe || record.number < persistent_floor_ ||
        record.sent <= *first_sample_at_) {
      continue;
    }
    if (!start) start = record.sent;
    if (record.sent - *start <= duration) continue;
    congestion_->on_persistent_congestion();
    persistent_floor_ = largest_lost + 1;
    return;
  }
}

Duration Recovery::pto() const { return std::min<Duration>(rtt_.pto(), kMaxProbeTimeout); }

std::optional<TimePoint> Recovery::probe_timeout() const {
  if (in_flight_ == 0) return std::nullopt;
  const int doublings = fault("pto_without_backoff") ? 0 : std::min(pto_count_, kMaxBackoff);
  const Duration backed_off = rtt_.pto() * (std::int64_t{1} << doublings);
  if (fault("pto_without_cap")) return last_sent_ + backed_off;
  return last_sent_ + std::min<Duration>(backed_off, kMaxProbeTimeout);
}

bool Recovery::on_probe_timeout(TimePoint now) {
  const auto deadline = probe_timeout();
  if (loss_timeout_ || !deadline || now < *deadline) return false;  // §6.2.1: the loss timer first
  if (++pto_count_ >= 2) mtu_.on_silence();
  last_sent_ = now;  // the next probe counts from here even if nothing could be sent
  return true;
}

void Recovery::on_path_changed(Duration initial_rtt, MakeCongestion make) {
  path_start_ = next_number_;
  for (std::size_t i = 0; i < packets_.size(); ++i) packets_[i].bytes = packets_[i].talk_bytes = 0;
  bytes_in_flight_ = talk_bytes_in_flight_ = 0;
  congestion_ = make({});
  caution_ = caution_at_first();
  if (!fault("mtu_kept_on_new_path")) mtu_ = PathMtu();
  pto_count_ = 0;
  if (fault("path_change_keeps_rtt")) return;
  rtt_ = Rtt(initial_rtt);
  first_sample_at_.reset();
}

void Recovery::prune(TimePoint now) {
  const Duration patience = kLateAckProbeTimeouts * pto();
  while (!packets_.empty()) {
    const Record& oldest = packets_.front();
    if (oldest.state == State::kInFlight) return;
    if (oldest.state == State::kLost && now - oldest.sent < patience) return;
    pop_front();
  }
}

bool Recovery::make_room() {
  while (!has_room() && packets_.front().state != State::kInFlight) pop_front();
  return has_room();
}

void Recovery::pop_front() {
  for (std::uint32_t i = 0; i < packets_.front().cargo; ++i) cargo_.pop_front();
  cargo_popped_ += packets_.front().cargo;
  packets_.pop_front();
  if (first_in_flight_ > 0) --first_in_flight_;
}

void Recovery::forget() {
  packets_.clear();
  cargo_.clear();
  cargo_popped_ = cargo_assigned_;
  first_in_flight_ = 0;
  loss_timeout_.reset();
}

}  // namespace hub::channel
