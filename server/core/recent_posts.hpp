// The newest posts, in memory: where a session that fell behind meets the present again without a
// gap, and where retrieves find what they mostly ask for. The oldest make room for the newest. What
// was deleted keeps its place, so that there is no gap that a session could fall into; what its
// author's being disabled hides, too, as it may be shown again.
//
// As in the store, each post knows its author's previous one: the newest of many authors are a heap
// over the newest of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "protocol/channel/payload.hpp"
#include "server/core/flat_map.hpp"
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
  /// Of all together, what is kept with each included: posts as long as may be leave room for more
  /// than are kept for who fell behind.
  static constexpr std::size_t kMostBytes = std::size_t{8} << 20;
  static constexpr std::size_t kCost = 80;  // of one, beside its bytes
  /// Who is further behind than this many goes on reading from the store: looking through them is
  /// one turn's work.
  static constexpr std::size_t kLiveWithin = 4096;
  /// What one question of newest_of() may cost; beyond, the store is asked, which does not make
  /// everybody wait.
  static constexpr std::size_t kMostAuthors = 2048;
  static constexpr std::size_t kMostPassedOver = 1024;

  struct Entry {
    MessageId id = 0;
    AccountId author = 0;
    std::uint64_t previous = 0;  // the author's, as a position; 0: none, or no more
    channel::Payload message;    // the forward, as sealed sessions are sent it
    bool is_deleted = false;
    bool is_hidden = false;

    bool is_shown() const { return !is_deleted && !is_hidden; }
  };
  using Iterator = std::deque<Entry>::const_iterator;

  explicit RecentPosts(std::size_t most_posts) : most_posts_(most_posts) {}

  /// Before the first add(): the highest ID that was given out, and whether what is added from here
  /// on is all of history.
  void start_at(MessageId newest, bool is_all);
  /// In the order of the store's stream.
  void add(const store::Post& post, channel::Payload message);
  void add(const store::HistoryPost& post, channel::Payload message);

  void erase(const TakenBack& what);
  void hide(AccountId author, bool hidden);
  /// Whether this post may be shown, as far as is known here: of older ones nothing is.
  bool may_show(MessageId id) const;

  /// True where every post above `id` that the stream has brought is here, and not too many.
  bool reaches(MessageId id) const;
  MessageId newest() const { return newest_; }
  Iterator begin() const { return entries_.begin(); }
  Iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  /// The first of those above `id`.
  Iterator above(MessageId id) const;

  /// What Reader::retrieve() would give: the newest `n` of these authors, newest first, IDs below
  /// `before` (0: all). Nothing where older ones would be needed than are here, or where it would
  /// take too long. Valid until the next change.
  std::optional<std::vector<const Entry*>> newest_of(std::span<const store::Followee> authors,
                                                     std::size_t n, MessageId before) const;

 private:
  // Positions count from 1, also those that are gone.
  const Entry& at(std::uint64_t position) const { return entries_[position - first_]; }
  void push(Entry entry);
  void drop_oldest();

  const std::size_t most_posts_;
  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;                        // the position of the oldest one
  FlatMap<AccountId, std::uint64_t> newest_post_;  // position, of each author who has one here
  std::size_t bytes_ = 0;
  MessageId newest_ = 0;
  bool is_all_ = false;  // of history
};

}  // namespace hub::server
