#include "server/core/follow_index.hpp"

#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

AccountId account_of(AccountId account) { return account; }
AccountId account_of(const store::Followee& followee) { return followee.account; }

/// Where `account` stands in the list.
template <typename Entry>
auto find_in(std::vector<Entry>& list, AccountId account) {
  return std::find_if(list.begin(), list.end(),
                      [&](const Entry& entry) { return account_of(entry) == account; });
}

/// Removes one occurrence, not keeping the order.
template <typename Entry>
bool take_out(std::vector<Entry>& from, AccountId account) {
  const auto found = find_in(from, account);
  if (found == from.end()) return false;
  *found = from.back();
  from.pop_back();
  return true;
}

}  // namespace

void FollowIndex::add_account(AccountId account, const std::vector<store::Followee>& followees) {
  remove_account(account);
  for (const store::Followee& followee : followees) {
    followers_[followee.account].push_back(account);
  }
  follows_ += followees.size();
  followees_[account] = followees;
}

void FollowIndex::remove_account(AccountId account) {
  const auto found = followees_.find(account);
  if (found == followees_.end()) return;
  for (const store::Followee& followee : found->second) unlink(account, followee.account);
  follows_ -= found->second.size();
  followees_.erase(found);
}

void FollowIndex::add_follow(AccountId follower, AccountId followee, MessageId since) {
  const auto found = followees_.find(follower);
  if (found == followees_.end()) return;
  auto& list = found->second;
  if (find_in(list, followee) != list.end()) return;
  list.push_back({followee, since});
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

const std::vector<store::Followee>& FollowIndex::followees(AccountId account) const {
  static const std::vector<store::Followee> kNobody;
  const auto found = followees_.find(account);
  return found != followees_.end() ? found->second : kNobody;
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
