// Whom a post goes to: for each author, the accounts that follow it and are online now. Fed by the
// store's stream alone, so posting costs what the online followers cost, however many there are in
// all.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/types.hpp"
#include "server/core/flat_map.hpp"
#include "server/core/small_list.hpp"
#include "store/records.hpp"

namespace hub::server {

class FollowIndex {
 public:
  /// The account came online; these it follows. An account that is there already is replaced.
  void add_account(AccountId account, const std::vector<store::Followee>& followees);
  void remove_account(AccountId account);

  /// Follow changes of accounts that are not online do nothing.
  void add_follow(AccountId follower, AccountId followee, MessageId since = 0);
  void remove_follow(AccountId follower, AccountId followee);

  /// In no particular order; valid until the next change.
  std::span<const AccountId> online_followers(AccountId author) const;

  /// Whom an account that is online follows; valid until the next change.
  std::span<const store::Followee> followees(AccountId account) const;

  std::size_t follows() const { return follows_; }  // of those online

 private:
  void unlink(AccountId follower, AccountId followee);

  FlatMap<AccountId, SmallList<store::Followee>> followees_;  // of each account online
  FlatMap<AccountId, SmallList<AccountId>> followers_;        // online, of each author
  std::size_t follows_ = 0;
};

}  // namespace hub::server
