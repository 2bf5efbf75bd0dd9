// The newest posts, in memory: where a session that fell behind meets the present again without a
// gap. A ring: the oldest make room for the newest. What was deleted keeps its place, so that the
// ring has no gap that a session could fall into; what its author's being disabled hides, too, as
// it may be shown again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "protocol/channel/payload.hpp"
#include "store/records.hpp"

namespace hub::server {

/// Posts that are not to be shown any more: from `from` to `to`, of everybody or of one author.
struct TakenBack {
  MessageId from = 0;
  MessageId to = ~MessageId{0};
  AccountId author = 0;  // 0: everybody

  bool covers(AccountId of, MessageId post) const {
    return post >= from && post <= to && (author == 0 || author == of);
  }
};

class RecentPosts {
 public:
  static constexpr std::size_t kMostPosts = 4096;

  struct Entry {
    MessageId id = 0;
    AccountId author = 0;
    channel::Payload message;  // the forward, as sealed sessions are sent it
    bool is_deleted = false;
    bool is_hidden = false;

    bool is_shown() const { return !is_deleted && !is_hidden; }
  };

  /// In the order of the store's stream.
  void add(const store::Post& post, channel::Payload message) {
    if (entries_.size() >= kMostPosts) entries_.pop_front();
    entries_.push_back({post.id, post.author, std::move(message), false, false});
    newest_ = post.id;
  }
  /// The store said that there are posts up to this one; nothing newer came through here yet.
  void start_at(MessageId newest) { newest_ = newest; }

  void erase(const TakenBack& what) {
    for (Entry& entry : entries_) {
      if (!what.covers(entry.author, entry.id)) continue;
      entry.is_deleted = true;
      entry.message = channel::Payload();
    }
  }
  void hide(AccountId author, bool hidden) {
    for (Entry& entry : entries_) {
      if (entry.author == author) entry.is_hidden = hidden;
    }
  }
  /// Whether this post may be shown, as far as is known here: of older ones nothing is.
  bool may_show(MessageId id) const {
    const auto entry = id > 0 ? above(id - 1) : entries_.end();
    return entry == entries_.end() || entry->id != id || entry->is_shown();
  }

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
