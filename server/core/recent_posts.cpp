#include "server/core/recent_posts.hpp"

#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

void RecentPosts::start_at(MessageId newest, bool is_all) {
  newest_ = newest;
  is_all_ = is_all;
}

void RecentPosts::add(const store::Post& post, channel::Payload message) {
  push({post.id, post.author, 0, std::move(message)});
}

void RecentPosts::add(const store::HistoryPost& post, channel::Payload message) {
  push({post.post.id, post.post.author, 0, std::move(message), post.is_deleted, post.is_hidden});
}

void RecentPosts::push(Entry entry) {
  const std::uint64_t position = first_ + entries_.size();
  const std::uint64_t previous = std::exchange(newest_post_[entry.author], position);
  if (!fault("recent_chain_broken")) entry.previous = previous;
  bytes_ += kCost + entry.message.size();
  newest_ = std::max(newest_, entry.id);
  entries_.push_back(std::move(entry));
  while (entries_.size() > most_posts_ || bytes_ > kMostBytes) drop_oldest();
}

void RecentPosts::drop_oldest() {
  const Entry& oldest = entries_.front();
  bytes_ -= kCost + oldest.message.size();
  const std::uint64_t* newest = newest_post_.find(oldest.author);
  if (newest != nullptr && *newest == first_) newest_post_.erase(oldest.author);
  entries_.pop_front();
  ++first_;
  is_all_ = fault("recent_posts_are_all");
}

void RecentPosts::erase(const TakenBack& what) {
  const auto first = above(what.from == 0 ? 0 : what.from - 1) - entries_.begin();
  for (auto entry = entries_.begin() + first; entry != entries_.end() && entry->id <= what.to;
       ++entry) {
    if (!what.covers(entry->author, entry->id)) continue;
    entry->is_deleted = true;
    bytes_ -= entry->message.size();
    entry->message = channel::Payload();
  }
}

void RecentPosts::hide(AccountId author, bool hidden) {
  for (Entry& entry : entries_) {
    if (entry.author == author) entry.is_hidden = hidden;
  }
}

bool RecentPosts::may_show(MessageId id) const {
  const auto entry = id > 0 ? above(id - 1) : entries_.end();
  return entry == entries_.end() || entry->id != id || entry->is_shown();
}

bool RecentPosts::reaches(MessageId id) const {
  if (id >= newest_) return true;
  if (entries_.empty()) return false;
  return entries_[entries_.size() - std::min(entries_.size(), kLiveWithin)].id <= id + 1;
}

RecentPosts::Iterator RecentPosts::above(MessageId id) const {
  return std::upper_bound(entries_.begin(), entries_.end(), id,
                          [](MessageId bound, const Entry& entry) { return bound < entry.id; });
}

std::optional<std::vector<const RecentPosts::Entry*>> RecentPosts::newest_of(
    std::span<const store::Followee> authors, std::size_t n, MessageId before) const {
  if (authors.size() > kMostAuthors) return std::nullopt;
  const bool none_is_below = before != 0 && (entries_.empty() || entries_.front().id >= before);
  if (n > 0 && !is_all_ && none_is_below) return std::nullopt;
  std::vector<std::uint64_t> heap;
  heap.reserve(authors.size());
  for (const store::Followee& author : authors) {
    if (const auto* position = newest_post_.find(author.account)) heap.push_back(*position);
  }
  std::make_heap(heap.begin(), heap.end());
  std::vector<const Entry*> out;
  std::size_t passed_over = 0;
  while (out.size() < n && !heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Entry& entry = at(heap.back());
    heap.pop_back();
    if (entry.previous >= first_) {
      heap.push_back(entry.previous);
      std::push_heap(heap.begin(), heap.end());
    }
    const bool is_below = before == 0 || entry.id < before || fault("recent_above_is_retrieved");
    if (is_below && (entry.is_shown() || fault("recent_taken_back_is_retrieved"))) {
      out.push_back(&entry);
    } else if (++passed_over > kMostPassedOver) {
      return std::nullopt;
    }
  }
  if (out.size() < n && !is_all_) return std::nullopt;
  return out;
}

}  // namespace hub::server
