// Whom accounts follow, kept by a reader for those who ask again. A retrieve of an account that
// follows a thousand others would spend three quarters of its time on reading that list.
//
// That a list is still right is told by a version, which the writer raises after the commit of a
// change and before anybody hears of it. A reader asks for the version first and reads the list
// after that: a list that was read too early has a version that is no longer the current one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "store/heads.hpp"

namespace hub::store {

/// One a store. The writer raises; any thread asks.
class FollowVersions {
 public:
  std::uint64_t of(AccountId follower) const {
    return slots_[slot(follower)].load(std::memory_order_acquire);
  }
  void raise(AccountId follower) { slots_[slot(follower)].fetch_add(1, std::memory_order_release); }

 private:
  // Accounts share them, so that they take no memory that grows: a change outdates a few lists
  // more.
  static constexpr std::size_t kSlots = 4096;
  static std::size_t slot(AccountId follower) {
    return static_cast<std::size_t>(follower) % kSlots;
  }

  std::array<std::atomic<std::uint64_t>, kSlots> slots_{};
};

/// One a reader, of its thread. Bounded: who has not asked for long is forgotten first.
class FolloweesCache {
 public:
  using List = std::vector<SmallAccountId>;

  /// `most`: followees of all accounts together; each list counts as kListCost more.
  explicit FolloweesCache(std::size_t most) : most_(most) {}

  /// The list with just this version; it stays until the next call.
  const List* find(AccountId follower, std::uint64_t version);
  const List& put(AccountId follower, std::uint64_t version, List list);

  /// Of both generations, as `most` counts.
  std::size_t size() const { return young_.size + old_.size; }
  static constexpr std::size_t kListCost = 24;  // 96 bytes: an entry of a table, and a vector

 private:
  struct Entry {
    std::uint64_t version = 0;
    List list;
  };
  // Two generations: who is asked for comes into the young one; when that is half of all there may
  // be, it becomes the old one, and what the old one still had is forgotten.
  struct Generation {
    std::unordered_map<AccountId, Entry> entries;
    std::size_t size = 0;
  };
  static std::size_t cost(const Entry& entry) { return entry.list.size() + kListCost; }
  static std::optional<Entry> take(Generation& from, AccountId follower);
  const List& keep(AccountId follower, Entry entry);

  const std::size_t most_;
  Generation young_;
  Generation old_;
};

}  // namespace hub::store
