#include "server/core/follow_index.hpp"

#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

/// Removes one occurrence, not keeping the order.
bool take_out(std::vector<AccountId>& from, AccountId what) {
  const auto found = std::find(from.begin(), from.end(), what);
  if (found == from.end()) return false;
  *found = from.back();
  from.pop_back();
  return true;
}

}  // namespace

void FollowIndex::add_account(AccountId account, std::vector<AccountId> followees) {
  remove_account(account);
  for (const AccountId followee : followees) followers_[followee].push_back(account);
  follows_ += followees.size();
  followees_[account] = std::move(followees);
}

void FollowIndex::remove_account(AccountId account) {
  const auto found = followees_.find(account);
  if (found == followees_.end()) return;
  for (const AccountId followee : found->second) unlink(account, followee);
  follows_ -= found->second.size();
  followees_.erase(found);
}

void FollowIndex::add_follow(AccountId follower, AccountId followee) {
  const auto found = followees_.find(follower);
  if (found == followees_.end()) return;
  auto& list = found->second;
  if (std::find(list.begin(), list.end(), followee) != list.end()) return;
  list.push_back(followee);
  followers_[followee].push_back(follower);
  ++follows_;
}

void FollowIndex::remove_follow(AccountId follower, AccountId followee) {
  if (fault("unfollow_keeps_index")) return;
  const auto found = followees_.find(follower);
  if (found == followees_.end() || !take_out(found->second, followee)) return;
  unlink(follower, followee);
  --follows_;
}

const std::vector<AccountId>& FollowIndex::online_followers(AccountId author) const {
  static const std::vector<AccountId> kNobody;
  const auto found = followers_.find(author);
  return found != followers_.end() ? found->second : kNobody;
}

void FollowIndex::unlink(AccountId follower, AccountId followee) {
  const auto found = followers_.find(followee);
  if (found == followers_.end()) return;
  take_out(found->second, follower);
  if (found->second.empty()) followers_.erase(found);
}

}  // namespace hub::server
