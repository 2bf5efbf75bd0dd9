// A store in memory, with the meaning of SqliteStore and none of its machinery: what is simplest to
// see to be right. It passes the same contract suite. One thread, its readers included.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/sqlite_store.hpp"
#include "store/store.hpp"

namespace hub::test {

class MemoryStore final : public store::Store {
 public:
  explicit MemoryStore(const store::StoreOptions& options = {});
  MemoryStore(const store::StoreOptions& options, const store::HubInfo& info);

  std::vector<store::Output> apply(std::span<store::Request> batch, WallTime now) override;
  std::unique_ptr<store::Reader> open_reader() override;

  /// The next batch is refused with kDiskFull (its posts and follows), kBusy or kStoreFailed (as a
  /// whole). As in SqliteStore, kStoreFailed lasts: until reopen().
  void fail_next_commit(control::Refusal why) { next_failure_ = why; }
  /// What a restart does: the records stay, a failure is over.
  void reopen() { failed_ = next_failure_ = std::nullopt; }
  /// Every read fails from now on, or works again.
  void fail_reads(bool fail) { reads_fail_ = fail; }

 private:
  class MemoryReader;
  using ReplyBody = decltype(store::Reply::body);

  // As SQLite orders them: the token as a signed number.
  using SessionPlace = std::tuple<AccountId, Framing, std::int64_t>;
  static SessionPlace place_of(AccountId account, Framing framing, std::uint64_t token) {
    return {account, framing, static_cast<std::int64_t>(token)};
  }

  struct StoredPost {
    AccountId author = 0;
    std::optional<std::string> text;  // nothing: deleted
    WallTime at{};
  };
  struct StoredDevice {
    store::Device record;
    std::map<std::uint64_t, store::Repeated::Outcome> outcomes;  // of what was done, for ever
  };

  ReplyBody perform(const store::AppendPost& request);
  ReplyBody perform(const store::Follow& request);
  ReplyBody perform(const store::Unfollow& request);
  ReplyBody perform(const store::OpenSession& request);
  ReplyBody perform(const store::CloseSession& request);
  ReplyBody perform(const store::SaveProgress& request);
  ReplyBody perform(const control::AddUser& request);
  ReplyBody perform(const control::SetPassword& request);
  ReplyBody perform(const control::DisableUser& request);
  ReplyBody perform(const control::EnableUser& request);
  ReplyBody perform(const control::DeleteUser& request);
  ReplyBody perform(const control::DeletePost& request);
  ReplyBody perform(const control::EndSession& request);
  ReplyBody perform(const control::ForgetDevice& request);

  store::Account* find(std::string_view id);
  const store::Account* get(AccountId id) const;
  std::optional<control::Refused> refuse_unless_active(AccountId id) const;
  std::vector<store::Followee> followees_of(AccountId follower) const;
  bool is_due(AccountId follower, MessageId id, const StoredPost& post) const;
  bool end_sessions(AccountId account);

  ReplyBody follow(AccountId follower, const std::string& name);
  ReplyBody unfollow(AccountId follower, const std::string& name);
  template <typename Body>
  ReplyBody once(const store::Numbered& once, AccountId account, Body&& body);
  StoredDevice* find_device(AccountId account, const DeviceId& id);
  StoredDevice* admit_device(AccountId account, const store::DeviceLogin& login);
  void erase_resume_keys(AccountId account);
  void remove_device(store::DeviceNumber number);
  void remove_devices(AccountId account);
  std::vector<store::Device> devices_of(AccountId account) const;
  void see_device(store::DeviceNumber number, MessageId mark);
  template <typename Predicate>
  void remove_follows(std::uint32_t& budget, Predicate&& chosen);

  const store::StoreOptions options_;
  const store::HubInfo info_;
  std::map<std::string, store::Account> accounts_;  // by key
  std::set<std::string> retired_;
  std::map<MessageId, StoredPost> posts_;
  std::map<std::pair<AccountId, AccountId>, MessageId> follows_;  // since
  std::map<SessionPlace, store::StoredSession> sessions_;
  std::map<store::DeviceNumber, StoredDevice> devices_;
  AccountId next_account_ = 1;
  store::DeviceNumber next_device_ = 1;
  MessageId next_post_ = 1;

  WallTime now_{};
  std::vector<store::Event> events_;  // of the request under way
  std::optional<control::Refusal> next_failure_;
  bool no_room_ = false;  // for posts and follows, of the batch under way
  std::optional<control::Refusal> failed_;
  bool reads_fail_ = false;
};

}  // namespace hub::test
