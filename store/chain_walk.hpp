// The newest posts of several authors, newest first: a heap of their chains' newest IDs, in which
// every step is the one fetch by row ID that the post's text needs anyway.
//
// Costs O(authors + posts met); what is met and passed over is said at each use. Inside the store
// room only; runs in its caller's transaction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/heads.hpp"
#include "store/records.hpp"
#include "store/statement.hpp"

namespace hub::store {

/// Prepared by the caller: author, previous, at, text of the post with this ID.
inline constexpr const char* kChainStep =
    "SELECT author, previous, at, text FROM posts WHERE id = ?";

enum class Walk { kOn, kLeaveChain, kStop };

/// Calls `visit(MessageId, const Use& row)`, which says how to go on, for each post, deleted ones
/// (whose text is null) included. Throws SQLite::Exception, and DamagedRow where a chain is not
/// one.
template <typename Visit>
void walk_chains(SQLite::Statement& step, std::vector<Heads::Start> starts, Visit&& visit) {
  const auto older = [](const Heads::Start& a, const Heads::Start& b) { return a.post < b.post; };
  std::make_heap(starts.begin(), starts.end(), older);
  while (!starts.empty()) {
    std::pop_heap(starts.begin(), starts.end(), older);
    const Heads::Start at = starts.back();
    starts.pop_back();

    Use row(step, at.post);
    // Gone: the author is being deleted, newest posts first.
    if (!row.step()) continue;
    const auto previous = static_cast<MessageId>(row.number(1));
    if (row.number(0) != at.author || previous >= at.post) {
      throw DamagedRow("post " + std::to_string(at.post) + " breaks its author's chain");
    }
    const Walk walk = visit(at.post, row);
    if (walk == Walk::kStop) return;
    if (walk == Walk::kOn && previous != 0) {
      starts.push_back({at.author, previous});
      std::push_heap(starts.begin(), starts.end(), older);
    }
  }
}

/// At most `n` posts with IDs below `before` (0: all); author_name is left empty. Passes over what
/// is deleted, and what is not below `before`: nothing where that is more than `most_above`.
std::optional<std::vector<Post>> newest_posts(SQLite::Statement& step,
                                              std::vector<Heads::Start> starts, std::uint32_t n,
                                              MessageId before, std::uint32_t most_above);

/// The same as newest_posts(), by going through everybody's posts from `before` (not 0) downwards,
/// `most_rows` at most: where they are passed, it may bring fewer. Prepared by the caller: id,
/// author, at, text of posts with IDs below, the newest first, so many.
inline constexpr const char* kPostsBelow =
    "SELECT id, author, at, text FROM posts WHERE id < ? ORDER BY id DESC LIMIT ?";
std::vector<Post> scan_posts(SQLite::Statement& posts_below,
                             const std::vector<Heads::Start>& starts, std::uint32_t n,
                             MessageId before, std::uint32_t most_rows);

/// What is due of a chain: its posts above this one.
using DueAbove = std::unordered_map<AccountId, MessageId>;

/// The oldest `n` due posts up to `newest`, oldest first; author_name is left empty. Passes over
/// what is newer, deleted, or not among the oldest: nothing where that and they are more than
/// `most_met`. `is_all`: there are no others.
struct OldestPosts {
  std::vector<Post> posts;
  bool is_all = true;
};
std::optional<OldestPosts> oldest_posts(SQLite::Statement& step, std::vector<Heads::Start> starts,
                                        const DueAbove& due_above, MessageId newest,
                                        std::uint32_t n, std::uint32_t most_met);

/// Reader::backlog(). `due_above` says of each author above which of its posts they are due; each
/// chain is left there. Passes over deleted posts, so many at most: beyond, what is left counts as
/// left out.
inline constexpr std::uint32_t kMostPassedOver = 100'000;
Backlog count_backlog(SQLite::Statement& step, std::vector<Heads::Start> starts,
                      const DueAbove& due_above, MessageId after, std::uint32_t keep,
                      std::uint32_t most_counted);

}  // namespace hub::store
