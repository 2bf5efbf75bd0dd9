#include "store/followees_cache.hpp"

#include <utility>

#include "protocol/fault.hpp"

namespace hub::store {

const FolloweesCache::List* FolloweesCache::find(AccountId follower, std::uint64_t version) {
  const auto right = [&](const Entry& entry) {
    return entry.version == version || fault("follow_list_never_outdated");
  };
  const auto found = young_.entries.find(follower);
  if (found != young_.entries.end()) return right(found->second) ? &found->second.list : nullptr;
  std::optional<Entry> entry = take(old_, follower);
  if (!entry || !right(*entry)) return nullptr;
  return &keep(follower, *std::move(entry));
}

const FolloweesCache::List& FolloweesCache::put(AccountId follower, std::uint64_t version,
                                                List list) {
  take(young_, follower);
  return keep(follower, {version, std::move(list)});
}

std::optional<FolloweesCache::Entry> FolloweesCache::take(Generation& from, AccountId follower) {
  auto node = from.entries.extract(follower);
  if (node.empty()) return std::nullopt;
  from.size -= cost(node.mapped());
  return std::move(node.mapped());
}

const FolloweesCache::List& FolloweesCache::keep(AccountId follower, Entry entry) {
  const std::size_t its_cost = cost(entry);
  if (young_.size + its_cost > most_ / 2 && !fault("follow_lists_kept_for_ever")) {
    old_ = std::exchange(young_, {});
  }
  young_.size += its_cost;
  return young_.entries.insert_or_assign(follower, std::move(entry)).first->second.list;
}

}  // namespace hub::store
