// Carries out requests inside one open transaction. What a batch changes in memory (newest posts,
// account states, the next ID) is staged beside the transaction and becomes visible after its
// commit; a rollback forgets it.
//
//   begin -> run, run, … -> commit | rollback
//
// Owned by SqliteStore; the store thread only. SQLite's errors pass through as exceptions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "store/heads.hpp"
#include "store/requests.hpp"
#include "store/sqlite_store.hpp"

namespace hub::store {

class Writer {
 public:
  /// Loads `heads` from the database.
  Writer(SQLite::Database& db, Heads& heads, const StoreOptions& options);
  ~Writer();

  void begin(WallTime now);
  /// Appends the request's reply and events. A refusal leaves nothing behind.
  void run(const Request& request, std::vector<Output>& out);
  void commit();
  void rollback() noexcept;

  /// Writes what accounts.last_post lacks, so that the next start need not read those posts.
  void write_heads();

 private:
  using ReplyBody = decltype(Reply::body);
  struct Statements;
  struct Target {
    AccountId id = 0;
    std::string name;
    Head head;
  };

  ReplyBody perform(const AppendPost& request);
  ReplyBody perform(const Follow& request);
  ReplyBody perform(const Unfollow& request);
  ReplyBody perform(const OpenSession& request);
  ReplyBody perform(const CloseSession& request);
  ReplyBody perform(const control::AddUser& request);
  ReplyBody perform(const control::SetPassword& request);
  ReplyBody perform(const control::DisableUser& request);
  ReplyBody perform(const control::EnableUser& request);
  ReplyBody perform(const control::DeleteUser& request);
  ReplyBody perform(const control::DeletePost& request);
  ReplyBody perform(const control::EndSession& request);

  /// Runs `body` in a savepoint; what it wrote is undone where it refuses or throws.
  template <typename Body>
  ReplyBody atomically(Body&& body);
  template <typename Body>
  ReplyBody on_account(const char* command, const std::string& name, Body&& body);

  std::optional<Target> find(std::string_view id);
  std::optional<control::Refused> refuse_unless_active(AccountId account) const;
  Head head_of(AccountId account) const;
  MessageId newest_id() const { return next_id_ - 1; }
  void stage(AccountId account, const Head& head) { staged_.emplace_back(account, head); }

  void log(const char* command, const std::string& target);
  void set_disabled(const Target& target, bool disabled);
  bool end_sessions(AccountId account);
  MessageId purge_posts(AccountId author, MessageId newest, std::uint32_t& budget);
  void purge_follows(AccountId account, std::uint32_t& budget);

  SQLite::Database& db_;
  Heads& heads_;
  const StoreOptions options_;
  std::unique_ptr<Statements> sql_;

  MessageId committed_next_id_ = 1;
  MessageId heads_position_ = 0;
  std::unordered_set<AccountId> dirty_;  // accounts.last_post is out of date

  // The open transaction's.
  WallTime now_{};
  MessageId next_id_ = 1;
  HeadChanges changes_;

  // The request's under way.
  std::vector<std::pair<AccountId, Head>> staged_;
  std::vector<Event> events_;
};

}  // namespace hub::store
