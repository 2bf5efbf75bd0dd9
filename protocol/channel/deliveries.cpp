#include "protocol/channel/deliveries.hpp"

#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::channel {

void Deliveries::add(const Delivered& message) {
  const std::size_t size = bytes_.size() + message.bytes.size();
  // What comes after the first is mostly as long: two steps for the messages of a datagram.
  if (size > bytes_.capacity()) bytes_.reserve(std::max(size, 4 * bytes_.capacity()));
  entries_.push_back({message.lane, message.last, static_cast<std::uint32_t>(message.bytes.size()),
                      bytes_.size(), message.stream});
  bytes_.insert(bytes_.end(), message.bytes.begin(), message.bytes.end());
}

Deliveries Deliveries::take(std::size_t most) {
  if (first_ == 0 && most >= size()) return std::exchange(*this, {});
  Deliveries taken;
  const std::size_t count = std::min(most, size());
  for (std::size_t i = 0; i < count; ++i) taken.add((*this)[i]);
  first_ += count;
  if (fault("message_left_behind_lost") && !empty()) ++first_;
  forget_taken();
  return taken;
}

/// Once they are half of all: so each is moved once at most, on average.
void Deliveries::forget_taken() {
  if (2 * first_ < entries_.size() || fault("taken_messages_kept")) return;
  const std::size_t gone = empty() ? bytes_.size() : entries_[first_].offset;
  entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (Entry& entry : entries_) entry.offset -= gone;
  first_ = 0;
}

}  // namespace hub::channel
