#include "server/core/graves.hpp"

#include <utility>

namespace hub::server {

void Graves::add(sealed::ConnectionId id, Grave grave) {
  // Those whose time is over go here: without new ones they are bounded, and in nobody's way.
  const TimePoint now = grave.until - kKept;
  while (!oldest_first_.empty() &&
         (graves_.size() >= kMost || graves_.at(oldest_first_.front()).until <= now)) {
    graves_.erase(oldest_first_.front());
    oldest_first_.pop_front();
  }
  if (graves_.emplace(id, std::move(grave)).second) oldest_first_.push_back(id);
}

const Graves::Grave* Graves::find(sealed::ConnectionId id, TimePoint now) const {
  const auto found = graves_.find(id);
  if (found == graves_.end() || now >= found->second.until) return nullptr;
  return &found->second;
}

}  // namespace hub::server
