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
  if (most >= size()) return std::exchange(*this, {});
  Deliveries taken;
  for (std::size_t i = 0; i < most; ++i) taken.add((*this)[i]);
  Deliveries left;
  const std::size_t first_left = most + (fault("message_left_behind_lost") ? 1 : 0);
  for (std::size_t i = first_left; i < size(); ++i) left.add((*this)[i]);
  *this = std::move(left);
  return taken;
}

}  // namespace hub::channel
