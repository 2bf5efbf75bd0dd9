// The newest post and the state of every account, in memory: where each chain of posts begins. The
// database holds the same lazily, so that a post writes one row and nothing else.
//
// One Heads belongs to a store. The writer changes it, after a commit and before anybody hears of
// it; readers copy what they need and only then begin to read, so that the rows they are led to are
// there. 8 bytes an account. Any thread.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "protocol/types.hpp"

namespace SQLite {
class Database;
}

namespace hub::store {

/// An account's ID where many are kept. Account IDs count from 1; a larger one than this was not
/// given out by us, and would cost its size in memory.
using SmallAccountId = std::uint32_t;
inline constexpr AccountId kMaxAccountId = AccountId{1} << 28;

enum class AccountState : std::uint8_t { kAbsent = 0, kActive = 1, kDisabled = 2 };

struct Head {
  MessageId last_post = 0;  // 0: none
  AccountState state = AccountState::kAbsent;

  bool operator==(const Head&) const = default;
};

using HeadChanges = std::unordered_map<AccountId, Head>;

class Heads {
 public:
  /// Reads what accounts.last_post says and then only the posts since that was written. Returns the
  /// accounts for which it is out of date. Throws SQLite::Exception, DamagedRow.
  std::vector<AccountId> load(SQLite::Database& db);

  /// For the writer: it alone changes them, so it takes no lock.
  Head get(AccountId account) const;

  /// One of the accounts' newest posts each, in any order; only of active accounts that have any.
  struct Start {
    AccountId author = 0;
    MessageId post = 0;
  };
  std::vector<Start> starts(std::span<const SmallAccountId> accounts) const;

  /// Every post up to this one is known here, or is gone.
  MessageId newest() const;

  void publish(const HeadChanges& changes);

 private:
  using Slot = std::uint64_t;  // the post's ID, shifted left by two bits, and the state
  void set(AccountId account, const Head& head);

  mutable std::shared_mutex mutex_;
  std::vector<Slot> slots_;  // by account ID; those are dense
  MessageId newest_ = 0;
};

}  // namespace hub::store
