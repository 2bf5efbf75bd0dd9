// The frame around the requests: transactions, IDs, heads. The requests themselves are in
// writer_feed.cpp (posts and follows), writer_sessions.cpp (logins and devices) and
// writer_admin.cpp.
#include "store/sqlite_writer.hpp"

#include <algorithm>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <sqlite3.h>

#include "protocol/client_id.hpp"
#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"
#include "store/refusals.hpp"
#include "store/rows.hpp"
#include "store/writer_statements.hpp"

namespace hub::store {

Writer::Writer(SQLite::Database& db, const Kept& kept, const StoreOptions& options)
    : db_(db),
      heads_(kept.heads),
      ledger_(kept.ledger),
      follow_versions_(kept.follow_versions),
      options_(options),
      sql_(std::make_unique<Statements>(db)) {
  ledger_.load(db);
  const auto outdated = heads_.load(db);
  dirty_.insert(outdated.begin(), outdated.end());
  SQLite::Statement query(db,
                          "SELECT heads_position, highest_id, (SELECT max(id) FROM posts)"
                          " FROM settings");
  Use row(query);
  if (!row.step()) throw DamagedRow("the settings are missing");
  heads_position_ = static_cast<MessageId>(row.number(0));
  const std::int64_t highest = fault("message_id_reused") ? 0 : row.number(1);
  committed_next_id_ = static_cast<MessageId>(std::max(highest, row.number(2))) + 1;
  next_id_ = committed_next_id_;
}

Writer::~Writer() = default;

void Writer::begin(WallTime now, Growth growth) {
  now_ = now;
  growth_ = growth;
  Use(sql_->begin).run();
}

void Writer::run(const Request& request, std::vector<Output>& out) {
  events_.clear();
  staged_.clear();
  staged_devices_.clear();
  ReplyBody reply = std::visit([this](const auto& body) { return perform(body); }, request.body);
  const bool refused = std::holds_alternative<Refused>(reply);
  out.emplace_back(Reply{request.tag, std::move(reply)});
  // Of a refused request too: that it was refused may be its number's result.
  for (const auto& [device, entry] : staged_devices_) ledger_.stage(device, entry);
  if (refused) return;
  for (const auto& [account, head] : staged_) changes_[account] = head;
  for (Event& event : events_) out.emplace_back(std::move(event));
}

void Writer::commit() {
  const bool heads_are_due = newest_id() >= heads_position_ + options_.heads_interval;
  if (heads_are_due) write_heads();
  failpoint("batch_written");
  if (fault("commit_skipped")) {
    db_.exec("ROLLBACK");
  } else {
    Use(sql_->commit).run();
  }
  failpoint("batch_committed");

  for (const AccountId follower : changed_followers_) follow_versions_.raise(follower);
  changed_followers_.clear();
  heads_.publish(changes_);
  ledger_.publish(heads_are_due);
  committed_next_id_ = next_id_;
  if (heads_are_due) {
    heads_position_ = newest_id();
    dirty_.clear();
  } else {
    for (const auto& change : changes_) dirty_.insert(change.first);
  }
  changes_.clear();
}

void Writer::rollback() noexcept {
  next_id_ = committed_next_id_;
  changes_.clear();
  changed_followers_.clear();
  if (!fault("ledger_not_rolled_back")) ledger_.forget_staged();
  // After some errors SQLite has rolled back already.
  if (sqlite3_get_autocommit(db_.getHandle()) == 0) {
    sqlite3_exec(db_.getHandle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Writer::write_over() {
  Use(sql_->begin).run();
  // A value that does not change would not be written.
  Use(sql_->set_heads_position, heads_position_ + 1).run();
  Use(sql_->set_heads_position, heads_position_).run();
  Use(sql_->commit).run();
}

void Writer::write_heads() {
  const auto write = [this](AccountId account) {
    Use(sql_->set_last_post, head_of(account).last_post, account).run();
  };
  for (const AccountId account : dirty_) write(account);
  for (const auto& change : changes_) {
    if (!dirty_.contains(change.first)) write(change.first);
  }
  for (const auto& [device, entry] : ledger_.behind()) {
    if (fault("device_rows_not_written")) break;
    const RequestResults& results = entry.results;
    Use(sql_->set_results, results.done, results.ok, results.failed, device).run();
  }
  Use(sql_->set_heads_position, newest_id()).run();
}

std::optional<Writer::Target> Writer::find(std::string_view id) {
  const auto parsed = ClientId::parse(id);
  if (!parsed) return std::nullopt;
  Use row(sql_->find_account, key_of(*parsed));
  if (!row.step()) return std::nullopt;
  return Target{row.number(0), row.text(1), head_of(row.number(0))};
}

std::optional<Refused> Writer::refuse_unless_active(AccountId account) const {
  switch (head_of(account).state) {
    case AccountState::kActive:
      return std::nullopt;
    case AccountState::kDisabled:
      return account_disabled();
    case AccountState::kAbsent:
      break;
  }
  return no_account("");
}

Head Writer::head_of(AccountId account) const {
  const auto changed = changes_.find(account);
  return changed != changes_.end() ? changed->second : heads_.get(account);
}

}  // namespace hub::store
