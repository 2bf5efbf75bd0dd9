#include "server/core/session.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::server {

std::string_view name_of(SessionState state) {
  return state == SessionState::kMessageForward ? "message_forward" : "online";
}

bool UnacknowledgedForwards::add(MessageId id, std::size_t cap) {
  const bool full = ids_.size() >= cap;
  if (full && !ids_.empty() && !fault("unacknowledged_grow")) ids_.erase(ids_.begin());
  ids_.push_back(id);
  return !full;
}

bool UnacknowledgedForwards::acknowledge(std::uint32_t id) {
  MessageId* found = ids_.begin();
  if (id != 0 || fault("zero_ack_ignored")) {
    found = std::find_if(ids_.begin(), ids_.end(),
                         [&](MessageId each) { return static_cast<std::uint32_t>(each) == id; });
  }
  if (found == ids_.end()) return false;
  ids_.erase(found);
  return true;
}

std::size_t UnacknowledgedForwards::acknowledge_up_to(MessageId id) {
  // Almost always all of them, or the first few.
  MessageId* const left =
      std::remove_if(ids_.begin(), ids_.end(), [&](MessageId each) { return each <= id; });
  const auto gone = static_cast<std::size_t>(ids_.end() - left);
  if (gone > 0) ids_.erase(left, ids_.end());
  return gone;
}

}  // namespace hub::server
