// What is done to a database as a whole, each in a connection of its own: upgrade, check, backup,
// and the listings that only an administrator asks for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/migrations.hpp"
#include "store/store.hpp"

namespace hub::store {

struct MigrationReport {
  int from = 0;
  int to = 0;
  std::filesystem::path backup;  // the copy made before; empty where there was nothing to do
};

/// Brings `file` to the last of `migrations`, one transaction each, after copying it beside itself
/// (hub.db.v1.bak and so on; an older copy of that name is kept, numbered). Throws OpenError.
MigrationReport migrate(const std::filesystem::path& file,
                        std::span<const Migration> migrations = embedded_migrations());

/// Everything that is wrong with the file, a sentence each: SQLite's integrity_check, foreign keys,
/// posts without an account, broken chains of posts, requests done twice, devices and sessions of
/// the wrong account. Empty is good. Reads only.
std::vector<std::string> check(const std::filesystem::path& file);

struct BackupReport {
  std::uint64_t bytes = 0;
  MessageId last_post = 0;
};

/// SQLite's online backup under one read transaction, so that writers neither wait nor make it
/// start again. Written beside `destination`, synced, then renamed into place, mode 0600. Whoever
/// opens the copy for writing begins another history, without sessions. Throws OpenError or
/// std::runtime_error (destination exists, no room).
BackupReport backup(const std::filesystem::path& file, const std::filesystem::path& destination);

/// Reads a database without the writer, whether or not a hubd has it open. Throws OpenError.
class AdminReader {
 public:
  explicit AdminReader(const std::filesystem::path& file);
  ~AdminReader();

  Reader& reader();

  /// Newest first, IDs below `before` (0: from the newest); of one author where named. Deleted
  /// posts are not listed.
  Read<std::vector<Post>> posts(std::optional<AccountId> author, MessageId before,
                                std::uint32_t limit);
  /// Ordered by follower, then followee, after that pair; of one follower and to one followee where
  /// named (their accounts).
  struct FollowQuery {
    std::optional<AccountId> follower;
    std::optional<AccountId> followee;
    AccountId after_follower = 0;
    AccountId after_followee = 0;
    std::uint32_t limit = 500;
  };
  struct FollowPageRow {
    AccountId follower_id = 0;
    AccountId followee_id = 0;
    FollowRow row;
  };
  Read<std::vector<FollowPageRow>> follows(const FollowQuery& query);

  /// Ordered by number, after that one; of one account where named. `done` is what their rows say.
  struct DevicePageRow {
    std::string account;
    Device device;
    bool online = false;  // it has a session
  };
  Read<std::vector<DevicePageRow>> devices(std::optional<AccountId> account, DeviceNumber after,
                                           std::uint32_t limit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::store
