// Carries out requests inside one open transaction. What a batch changes in memory (newest posts,
// account states, what numbered requests did, the next ID) is staged beside the transaction and
// becomes visible after its commit; a rollback forgets it.
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

#include "store/followees_cache.hpp"
#include "store/heads.hpp"
#include "store/request_ledger.hpp"
#include "store/requests.hpp"
#include "store/sqlite_store.hpp"

namespace hub::store {

/// Whether a batch may make the database grow: is_growth() in store/requests.hpp.
enum class Growth { kTaken, kRefused };

class Writer {
 public:
  /// What readers are told beside the database; the first two are loaded from it.
  struct Kept {
    Heads& heads;
    RequestLedger& ledger;
    FollowVersions& follow_versions;
  };
  Writer(SQLite::Database& db, const Kept& kept, const StoreOptions& options);
  ~Writer();

  void begin(WallTime now, Growth growth = Growth::kTaken);
  /// Appends the request's reply and events, that of a post without its texts. A refusal leaves
  /// nothing behind.
  void run(const Request& request, std::vector<Output>& out);
  void commit();
  void rollback() noexcept;
  /// Commits a transaction that changes nothing and is written all the same: in the log it takes
  /// the place of whatever a failed commit left there.
  void write_over();

  /// Writes what the rows of accounts and devices lack, so that the next start need not read posts.
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
  ReplyBody perform(const SaveProgress& request);
  ReplyBody perform(const control::AddUser& request);
  ReplyBody perform(const control::SetPassword& request);
  ReplyBody perform(const control::DisableUser& request);
  ReplyBody perform(const control::EnableUser& request);
  ReplyBody perform(const control::DeleteUser& request);
  ReplyBody perform(const control::DeletePost& request);
  ReplyBody perform(const control::EndSession& request);
  ReplyBody perform(const control::ForgetDevice& request);

  ReplyBody follow(AccountId follower, const std::string& name);
  ReplyBody unfollow(AccountId follower, const std::string& name);

  enum class Keep { kUnlessRefused, kAlways };
  /// Runs `body` in a savepoint; what it wrote is undone where it throws or, unless told to be
  /// kept, refuses.
  template <typename Body>
  ReplyBody atomically(Body&& body, Keep keep = Keep::kUnlessRefused);
  template <typename Body>
  ReplyBody on_account(const char* command, const std::string& name, Body&& body);

  std::optional<Target> find(std::string_view id);
  std::optional<control::Refused> refuse_unless_active(AccountId account) const;
  Head head_of(AccountId account) const;

  /// What a request by this number is answered without being done; nothing where it is to be done.
  std::optional<ReplyBody> known_answer(const Numbered& once, AccountId account);
  RequestLedger::Entry device_entry(DeviceNumber device);
  /// That the number was done, in memory alone: the request's own row says it.
  void record_post(const Numbered& once);
  /// What the number did, in its device's row.
  void record_result(const Numbered& once, bool was_ok);
  /// Runs `body`, which follows or unfollows for `account`, unless its number was done.
  template <typename Body>
  ReplyBody numbered(const Numbered& once, AccountId account, Body&& body);

  bool is_verified(AccountId account, const DeviceLogin& login);
  std::optional<Device> find_device(AccountId account, const DeviceId& id);
  std::optional<Device> admit_device(AccountId account, const DeviceLogin& login);
  void evict_devices(AccountId account, DeviceNumber newcomer);
  void erase_resume_keys(AccountId account);
  void remove_device(DeviceNumber device);
  void remove_devices(AccountId account);
  void see_device(DeviceNumber device, MessageId mark);
  void store_session(const StoredSession& session);
  MessageId newest_id() const { return next_id_ - 1; }
  void stage(AccountId account, const Head& head) { staged_.emplace_back(account, head); }

  void log(const char* command, const std::string& target);
  void set_disabled(const Target& target, bool disabled);
  bool end_sessions(AccountId account);
  MessageId purge_posts(AccountId author, MessageId newest, std::uint32_t& budget);
  void purge_follows(AccountId account, std::uint32_t& budget);

  SQLite::Database& db_;
  Heads& heads_;
  RequestLedger& ledger_;
  FollowVersions& follow_versions_;
  const StoreOptions options_;
  std::unique_ptr<Statements> sql_;

  MessageId committed_next_id_ = 1;
  MessageId heads_position_ = 0;
  std::unordered_set<AccountId> dirty_;  // accounts.last_post is out of date

  // The open transaction's.
  WallTime now_{};
  Growth growth_ = Growth::kTaken;
  MessageId next_id_ = 1;
  HeadChanges changes_;
  std::vector<AccountId> changed_followers_;  // who follows others than before

  // The request's under way.
  std::vector<std::pair<AccountId, Head>> staged_;
  std::vector<std::pair<DeviceNumber, RequestLedger::Entry>> staged_devices_;
  std::vector<Event> events_;
};

}  // namespace hub::store
