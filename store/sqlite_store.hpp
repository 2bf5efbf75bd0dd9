// The store that lasts: one SQLite file in WAL mode with synchronous=FULL.
//
// Who calls what: open, apply and the destructor on one thread (the store thread); open_reader on
// any thread. Layout and why: docs/ARCHITECTURE.md, "The database".
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "protocol/random.hpp"
#include "store/disk_reserve.hpp"
#include "store/migrations.hpp"
#include "store/store.hpp"

namespace hub::store {

/// The database cannot be used as it is; what() is one sentence saying why and what to do.
/// Thrown at opening only.
class OpenError : public std::runtime_error {
 public:
  enum class Why { kOlderSchema, kNewerSchema, kNotADatabase, kCannotOpen };
  OpenError(Why why, const std::string& message) : std::runtime_error(message), why_(why) {}
  Why why() const { return why_; }

 private:
  Why why_;
};

/// When the write-ahead log is written back: store/checkpoints.hpp.
struct CheckpointPolicy {
  std::uint32_t pages = 1000;                             // 4 MiB
  std::uint64_t bound = std::uint64_t{64} * 1024 * 1024;  // bytes
  bool on_thread = false;
  bool preallocate = false;  // the log's file, for `pages` and what is posted while they are due
};

struct StoreOptions {
  std::uint32_t max_follows = 10'000;     // an account
  std::uint32_t max_devices = 32;         // an account
  std::uint32_t heads_interval = 10'000;  // posts between two writings of accounts.last_post
  std::uint32_t delete_step = 2'000;      // rows that one DeleteUser removes at most
  CheckpointPolicy checkpoints;
  /// Bytes of room that are kept for a full disk (0: none). Nothing: what is kept is left as it is,
  /// and may be used.
  std::optional<std::uint64_t> disk_reserve;
};

/// Creates the file (mode 0600) with the current schema, a new history ID and a new secret; it is
/// there whole or not at all. Throws OpenError where there is one already or it cannot be made.
/// Who calls it holds the directory's lock.
void create_database(const std::filesystem::path& file, const KdfParams& kdf, Random& random,
                     std::span<const Migration> migrations = embedded_migrations());

class SqliteStore final : public Store {
 public:
  /// Throws OpenError: the file is missing, not a hub's database, or of another schema. `reserve`
  /// takes the place of the file that options.disk_reserve describes.
  static std::unique_ptr<SqliteStore> open(const std::filesystem::path& file,
                                           const StoreOptions& options = {},
                                           std::unique_ptr<Reserve> reserve = nullptr);
  ~SqliteStore() override;

  std::vector<Output> apply(std::span<Request> batch, WallTime now) override;
  void maintain(WallTime now) override;
  Health health() const override;
  std::unique_ptr<Reader> open_reader() override;

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::store
