#include "protocol/channel/send_stream.hpp"

#include <algorithm>
#include <utility>

#include "protocol/channel/lane.hpp"
#include "protocol/fault.hpp"

namespace hub::channel {

void SendStream::push(Payload message, bool is_last) {
  Message taken;
  taken.payload = std::move(message);
  taken.is_last = is_last;
  messages_.push_back(std::move(taken));
}

std::uint64_t SendStream::next_lost() {
  first_lost_ = std::max(first_lost_, base_);
  while (!held(first_lost_).is_lost) ++first_lost_;
  return first_lost_;
}

void SendStream::on_sent(std::uint64_t seq) {
  Message& message = held(seq);
  ++message.copies;
  if (message.is_lost) {
    message.is_lost = false;
    --lost_;
  }
  if (seq == next_new_) ++next_new_;
}

std::size_t SendStream::on_acked(std::uint64_t seq) {
  if (!is_held(seq) || held(seq).is_acked) return 0;
  Message& message = held(seq);
  const std::size_t cost = cost_of(message.payload.size());
  if (message.is_lost) --lost_;
  message = Message{};
  message.is_acked = true;
  while (!messages_.empty() && messages_.front().is_acked) {
    messages_.pop_front();
    ++base_;
  }
  if (messages_.empty()) messages_.clear();
  return cost;
}

void SendStream::on_lost(std::uint64_t seq) {
  if (!is_held(seq) || held(seq).is_acked || fault("lost_message_not_resent")) return;
  Message& message = held(seq);
  if (message.copies > 0) --message.copies;
  if (message.copies > 0 || message.is_lost) return;
  message.is_lost = true;
  first_lost_ = lost_ == 0 ? seq : std::min(first_lost_, seq);
  ++lost_;
}

}  // namespace hub::channel
