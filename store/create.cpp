// A new database. Built under another name and renamed into place, so that a crash in the midst of
// it leaves nothing that looks like a hub's.
#include <system_error>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "store/connection.hpp"
#include "store/files.hpp"
#include "store/history.hpp"
#include "store/sqlite_store.hpp"
#include "store/statement.hpp"

namespace hub::store {

namespace {

/// Closing would do this as well, but not say so where it fails, and the log is left behind.
void write_log_back(SQLite::Database& db) {
  if (fault("new_database_left_in_log")) return;
  const int result = sqlite3_wal_checkpoint_v2(db.getHandle(), "main", SQLITE_CHECKPOINT_TRUNCATE,
                                               nullptr, nullptr);
  if (result != SQLITE_OK) throw SQLite::Exception(db.getHandle(), result);
}

void fill(const std::filesystem::path& file, const KdfParams& kdf, Random& random,
          std::span<const Migration> migrations) {
  set_up_sqlite();
  SQLite::Database db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
  db.exec("PRAGMA journal_mode = WAL");  // is kept in the file
  apply_migrations(db, migrations);
  Key secret{};
  random.fill(secret);
  SQLite::Statement insert(db,
                           "INSERT INTO settings (id, history_id, secret, kdf_memory, kdf_passes)"
                           " VALUES (1, ?, ?, ?, ?)");
  Use(insert, new_history_id(random), secret, kdf.memory_bytes, kdf.passes).run();
  write_log_back(db);
}

}  // namespace

void create_database(const std::filesystem::path& file, const KdfParams& kdf, Random& random,
                     std::span<const Migration> migrations) {
  using Why = OpenError::Why;
  std::filesystem::path part = file;
  part += ".new";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    throw OpenError(Why::kCannotOpen, fmt::format("there is a database {} already", file.string()));
  }
  if (!kdf.is_valid()) {
    throw OpenError(Why::kCannotOpen, "the parameters for password stretching are out of bounds");
  }
  const auto remove_part = [&] {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(part.string() + suffix, ignored);
    }
  };
  remove_part();  // left by a crash
  try {
    create_private_file(part);
    fill(part, kdf, random, migrations);
    sync_path(part);
    rename_to_new(part, file);
  } catch (const SQLite::Exception& error) {
    const bool full = means_full(trouble_of(error));
    remove_part();
    throw OpenError(Why::kCannotOpen, fmt::format("cannot make {}: {}", file.string(),
                                                  full ? "the disk is full" : reason(error)));
  } catch (const std::exception& error) {
    remove_part();
    throw OpenError(Why::kCannotOpen,
                    fmt::format("cannot make {}: {}", file.string(), error.what()));
  }
}

}  // namespace hub::store
