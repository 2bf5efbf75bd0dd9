#include "server/core/follow_index.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

AccountId account_of(AccountId account) { return account; }
AccountId account_of(const store::Followee& followee) { return followee.account; }

/// Where `account` stands in the list.
template <typename Entry>
Entry* find_in(SmallList<Entry>& list, AccountId account) {
  return std::find_if(list.begin(), list.end(),
                      [&](const Entry& entry) { return account_of(entry) == account; });
}

/// Removes one occurrence, not keeping the order.
template <typename Entry>
bool take_out(SmallList<Entry>& from, AccountId account) {
  Entry* const found = find_in(from, account);
  if (found == from.end()) return false;
  from.take_out(found);
  return true;
}

}  // namespace

void FollowIndex::add_account(AccountId account, const std::vector<store::Followee>& followees) {
  remove_account(account);
  auto& list = followees_[account];
  for (const store::Followee& followee : followees) {
    list.push_back(followee);
    followers_[followee.account].push_back(account);
  }
  follows_ += followees.size();
}

void FollowIndex::remove_account(AccountId account) {
  auto* const list = followees_.find(account);
  if (list == nullptr) return;
  for (const store::Followee& followee : *list) unlink(account, followee.account);
  follows_ -= list->size();
  followees_.erase(account);
}

void FollowIndex::add_follow(AccountId follower, AccountId followee, MessageId since) {
  auto* const list = followees_.find(follower);
  if (list == nullptr || find_in(*list, followee) != list->end()) return;
  list->push_back({followee, since});
  followers_[followee].push_back(follower);
  ++follows_;
}

void FollowIndex::remove_follow(AccountId follower, AccountId followee) {
  if (fault("unfollow_keeps_index")) return;
  auto* const list = followees_.find(follower);
  if (list == nullptr || !take_out(*list, followee)) return;
  unlink(follower, followee);
  --follows_;
}

std::span<const store::Followee> FollowIndex::followees(AccountId account) const {
  const auto* const list = followees_.find(account);
  return list != nullptr ? list->items() : std::span<const store::Followee>();
}

std::span<const AccountId> FollowIndex::online_followers(AccountId author) const {
  const auto* const list = followers_.find(author);
  return list != nullptr ? list->items() : std::span<const AccountId>();
}

void FollowIndex::unlink(AccountId follower, AccountId followee) {
  auto* const list = followers_.find(followee);
  if (list == nullptr) return;
  take_out(*list, follower);
  if (list->empty()) followers_.erase(followee);
}

}  // namespace hub::server
