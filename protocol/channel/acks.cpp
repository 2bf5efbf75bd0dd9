#include "protocol/channel/acks.hpp"

#include <algorithm>
#include <limits>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::channel {

void ReceivedNumbers::insert(std::uint64_t number) {
  // The first range that ends at number - 1 or above; nearly always the newest or none.
  auto at = ranges_.end();
  while (at != ranges_.begin() && std::prev(at)->last + 1 >= number) --at;
  if (at == ranges_.end() || number + 1 < at->first) {
    ranges_.insert(at, Range{number, number});
    if (ranges_.size() > kMaxAckRanges) ranges_.erase(ranges_.begin());
    return;
  }
  at->first = std::min(at->first, number);
  at->last = std::max(at->last, number);
  const auto above = std::next(at);
  if (above != ranges_.end() && at->last + 1 == above->first) {
    at->last = above->last;
    ranges_.erase(above);
  }
}

void ReceivedNumbers::forget_up_to(std::uint64_t number) {
  const auto keep = std::find_if(ranges_.begin(), ranges_.end(),
                                 [number](const Range& range) { return range.last > number; });
  ranges_.erase(ranges_.begin(), keep);
  if (!ranges_.empty()) ranges_.front().first = std::max(ranges_.front().first, number + 1);
}

Acks::Acks(std::uint64_t next_number, std::uint32_t run, std::uint8_t orderly)
    : next_number_(next_number), orderly_(orderly) {
  if (run > 0) received_ = ReceivedNumbers(Range{next_number - run, next_number - 1});
}

void Acks::on_packet(std::uint64_t number, bool is_ack_eliciting, std::size_t bytes,
                     TimePoint now) {
  received_.insert(number);
  const bool in_order = number == next_number_;
  if (number >= next_number_) {
    next_number_ = number + 1;
    largest_at_ = now;
  }
  const bool was_orderly = orderly_ == kOrderlyRun || fault("small_ones_share_an_ack_anywhere");
  orderly_ = in_order ? static_cast<std::uint8_t>(std::min(orderly_ + 1, int{kOrderlyRun})) : 0;
  if (!is_ack_eliciting && !fault("everything_acknowledged")) return;
  if (unacked_++ == 0) deadline_ = now + kMaxAckDelay;
  unacked_bytes_ += bytes;
  if (!in_order && !fault("gap_not_acknowledged_at_once")) is_urgent_ = true;
  const bool is_enough =
      unacked_bytes_ >= kAckBytes || !was_orderly || fault("ack_for_two_small_ones");
  if (unacked_ >= 2 && is_enough && !fault("second_packet_not_acknowledged_at_once")) {
    is_urgent_ = true;
  }
  if (fault("ack_never_delayed")) is_urgent_ = true;
}

std::optional<TimePoint> Acks::next_timeout() const {
  if (!is_pending() || is_urgent_) return std::nullopt;
  return deadline_;
}

std::optional<std::uint64_t> Acks::write(std::size_t max_bytes, TimePoint now,
                                         std::vector<std::uint8_t>& out) const {
  if (received_.empty() || !encode_ack(received_.ranges(), now - largest_at_, max_bytes, out)) {
    return std::nullopt;
  }
  return received_.ranges().back().last;
}

void Acks::on_ack_sent() {
  unacked_ = 0;
  unacked_bytes_ = 0;
  is_urgent_ = false;
}

std::uint32_t Acks::run() const {
  if (received_.empty() || received_.ranges().back().last + 1 != next_number_) return 0;
  const Range& newest = received_.ranges().back();
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      newest.last - newest.first + 1, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace hub::channel
