// Reads committed state through a connection of its own. Inside the store room only; others have
// it as a Reader.
//
// One thread at a time. Every call is one transaction or a few, none of which outlives it, so that
// no reader keeps the write-ahead log from being emptied.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <SQLiteCpp/Database.h>

#include "store/followees_cache.hpp"
#include "store/heads.hpp"
#include "store/request_ledger.hpp"
#include "store/store.hpp"

namespace hub::store {

class SqliteReader final : public Reader {
 public:
  /// What the writer of the same database keeps up to date; it outlives the reader.
  struct Kept {
    const Heads& heads;
    const RequestLedger& ledger;
    const FollowVersions& follow_versions;
  };
  /// `kept` of nothing: there is no writer in this process; what needs it then loads its own.
  /// Throws OpenError.
  SqliteReader(const std::filesystem::path& file, const std::optional<Kept>& kept);
  ~SqliteReader() override;

  Read<HubInfo> info() override;
  Read<Counts> counts() override;
  Read<MessageId> last_post() override;
  Read<HistoryEnd> history_end(std::uint32_t n, std::size_t most_bytes) override;
  Read<std::optional<Account>> account(std::string_view id) override;
  Read<std::vector<Post>> retrieve(AccountId account, std::uint32_t n, MessageId before) override;
  Read<CatchUpPage> catch_up(AccountId account, MessageId after, std::uint32_t limit) override;
  Read<Backlog> backlog(AccountId account, MessageId after, std::uint32_t keep,
                        std::uint32_t most_counted) override;
  Read<std::vector<Followee>> followees(AccountId account) override;
  Read<std::vector<std::optional<KnownDevice>>> find_devices(
      std::span<const DeviceName> names) override;
  Read<std::vector<Device>> devices(AccountId account) override;
  Read<std::vector<Account>> accounts(std::string_view after_id, std::uint32_t limit) override;
  Read<std::vector<StoredSession>> sessions(const SessionKey& after, std::uint32_t limit) override;

 private:
  struct Statements;
  using DoneNumbers = std::unordered_map<DeviceNumber, std::uint64_t>;

  struct Followed {
    MessageId since = 0;
    std::string name;
  };
  std::unordered_map<AccountId, Followed> read_followed(AccountId account);
  std::optional<CatchUpPage> page_of_chains(AccountId account, MessageId after, MessageId newest,
                                            std::uint32_t limit);
  CatchUpPage page_of_scan(AccountId account, MessageId after, std::uint32_t limit);
  std::vector<Followee> read_followees(AccountId account);
  std::vector<Heads::Start> read_starts(std::span<const SmallAccountId> followees);
  std::vector<Heads::Start> starts_of_followees(AccountId account);
  std::vector<Post> newest_below(const std::vector<Heads::Start>& starts, std::uint32_t n,
                                 MessageId before);
  std::optional<KnownDevice> find_active(const DeviceName& name);
  DoneNumbers recent_done(const std::vector<DeviceNumber>& devices);
  static void add_recent(const DoneNumbers& recent, Device& device);
  const std::string& read_name(AccountId account);

  SQLite::Database db_;
  const std::optional<Kept> kept_;
  std::unique_ptr<Statements> sql_;
  FolloweesCache followees_;
  std::unordered_map<AccountId, std::string> names_;  // an account never has another one
};

}  // namespace hub::store
