#include "store/heads.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_set>

#include "protocol/fault.hpp"
#include "store/statement.hpp"

namespace hub::store {

namespace {

constexpr unsigned kStateBits = 2;
constexpr std::uint64_t kStateMask = (1u << kStateBits) - 1;

}  // namespace

std::vector<AccountId> Heads::load(SQLite::Database& db) {
  const std::unique_lock lock(mutex_);
  slots_.clear();
  newest_ = 0;

  SQLite::Statement accounts(db, "SELECT id, last_post, disabled FROM accounts");
  for (Use row(accounts); row.step();) {
    if (row.number(0) < 1 || row.number(0) > kMaxAccountId) {
      throw DamagedRow("an account's number is out of range");
    }
    set(row.number(0), {static_cast<MessageId>(row.number(1)),
                        row.number(2) != 0 ? AccountState::kDisabled : AccountState::kActive});
  }

  std::unordered_set<AccountId> outdated;
  if (fault("heads_not_recovered")) return {};
  SQLite::Statement recent(db,
                           "SELECT id, author FROM posts"
                           " WHERE id > (SELECT heads_position FROM settings) ORDER BY id");
  for (Use row(recent); row.step();) {
    const AccountId author = row.number(1);
    Head head = get(author);
    if (head.state == AccountState::kAbsent) continue;  // an orphan: `check` reports it
    head.last_post = static_cast<MessageId>(row.number(0));
    set(author, head);
    outdated.insert(author);
  }
  return {outdated.begin(), outdated.end()};
}

std::vector<Heads::Start> Heads::starts(std::span<const SmallAccountId> accounts) const {
  std::vector<Start> out;
  out.reserve(accounts.size());
  const std::shared_lock lock(mutex_);
  for (const SmallAccountId account : accounts) {
    const Head head = get(account);
    const bool shown = head.state == AccountState::kActive ||
                       (head.state == AccountState::kDisabled && fault("disabled_author_shown"));
    if (shown && head.last_post != 0) out.push_back({account, head.last_post});
  }
  return out;
}

MessageId Heads::newest() const {
  const std::shared_lock lock(mutex_);
  return newest_;
}

void Heads::publish(const HeadChanges& changes) {
  const std::unique_lock lock(mutex_);
  for (const auto& [account, head] : changes) set(account, head);
}

Head Heads::get(AccountId account) const {
  if (account < 0 || static_cast<std::size_t>(account) >= slots_.size()) return {};
  const Slot slot = slots_[static_cast<std::size_t>(account)];
  return {slot >> kStateBits, static_cast<AccountState>(slot & kStateMask)};
}

void Heads::set(AccountId account, const Head& head) {
  const auto index = static_cast<std::size_t>(account);
  if (index >= slots_.size()) slots_.resize(index + 1);
  newest_ = std::max(newest_, head.last_post);
  slots_[index] = head.last_post << kStateBits | static_cast<Slot>(head.state);
}

}  // namespace hub::store
