// The newest posts, in memory: where a session that fell behind meets the present again without a
// gap. A ring: the oldest make room for the newest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "protocol/channel/payload.hpp"
#include "store/records.hpp"

namespace hub::server {

class RecentPosts {
 public:
  static constexpr std::size_t kMostPosts = 4096;

  struct Entry {
    MessageId id = 0;
    AccountId author = 0;
    channel::Payload message;  // the forward, as sealed sessions are sent it
  };

  /// In the order of the store's stream.
  void add(const store::Post& post, channel::Payload message) {
    if (entries_.size() >= kMostPosts) entries_.pop_front();
    entries_.push_back({post.id, post.author, std::move(message)});
    newest_ = post.id;
  }
  /// The store said that there are posts up to this one; nothing newer came through here yet.
  void start_at(MessageId newest) { newest_ = newest; }

  /// True where every post above `id` that the stream has brought is still here.
  bool reaches(MessageId id) const {
    return id >= newest_ || (!entries_.empty() && entries_.front().id <= id + 1);
  }
  MessageId newest() const { return newest_; }
  const std::deque<Entry>& entries() const { return entries_; }
  /// The first of those above `id`.
  std::deque<Entry>::const_iterator above(MessageId id) const {
    return std::upper_bound(entries_.begin(), entries_.end(), id,
                            [](MessageId bound, const Entry& entry) { return bound < entry.id; });
  }

 private:
  std::deque<Entry> entries_;
  MessageId newest_ = 0;
};

}  // namespace hub::server
