#include "store/connection.hpp"

#include <cerrno>
#include <system_error>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/text.hpp"
#include "store/failpoint_writes.hpp"
#include "store/files.hpp"
#include "store/migrations.hpp"
#include "store/sqlite_store.hpp"

namespace hub::store {

namespace {

using Why = OpenError::Why;

void require_file(const std::filesystem::path& file, Access access) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("there is no database {}: make one with 'hubadmin --data {} init'",
                                file.string(), directory_of(file).string()));
  }
  if (error) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("cannot open {}: {}", file.string(), error.message()));
  }
  if (status.type() != std::filesystem::file_type::regular) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("{} is not a file: a hub's database is one file", file.string()));
  }
  const bool write = access == Access::kWrite;
  if (::eaccess(file.c_str(), write ? R_OK | W_OK : R_OK) != 0) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("cannot {} {}: {}", write ? "write to" : "read", file.string(),
                                std::generic_category().message(errno)));
  }
}

int pragma(SQLite::Database& db, const char* query) { return db.execAndGet(query).getInt(); }

void require_ours(SQLite::Database& db, const std::filesystem::path& file) {
  if (pragma(db, "PRAGMA application_id") == kApplicationId) return;
  const bool empty = pragma(db, "SELECT count(*) FROM sqlite_master") == 0;
  throw OpenError(
      Why::kNotADatabase,
      empty ? fmt::format("{} is empty: remove it and run 'hubadmin --data {} init'", file.string(),
                          directory_of(file).string())
            : fmt::format("{} is the database of another program, not of a hub", file.string()));
}

}  // namespace

void set_up_sqlite() {
  // Counts of SQLite's memory, which nobody reads, cost a lock at each allocation of every thread.
  [[maybe_unused]] static const int counts_nothing = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  put_failpoint_behind_writes();
}

SQLite::Database open_connection(const std::filesystem::path& file, Access access) {
  set_up_sqlite();
  require_file(file, access);
  try {
    const bool write = access == Access::kWrite;
    SQLite::Database db(
        file.string(),
        (write ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY) | SQLite::OPEN_NOMUTEX,
        kBusyMilliseconds);
    require_ours(db, file);
    // SQLite opens what it may not write to for reading only, and says so at the first write.
    if (write && sqlite3_db_readonly(db.getHandle(), "main") != 0) {
      throw OpenError(Why::kCannotOpen, fmt::format("cannot write to {}: it, or its file system, "
                                                    "is read-only",
                                                    file.string()));
    }
    db.exec("PRAGMA foreign_keys = ON");
    db.exec(fault("commit_not_synced") ? "PRAGMA synchronous = NORMAL"
                                       : "PRAGMA synchronous = FULL");
    return db;
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  }
}

int schema_version(SQLite::Database& db) { return pragma(db, "PRAGMA user_version"); }

void require_current_schema(SQLite::Database& db, const std::filesystem::path& file) {
  const int have = schema_version(db);
  const int want = embedded_migrations().back().version;
  if (have > want) {
    throw OpenError(Why::kNewerSchema,
                    fmt::format("{} has schema {}, this program knows schemas up to {}: use the "
                                "newer release that wrote it",
                                file.string(), have, want));
  }
  if (have < want) {
    throw OpenError(Why::kOlderSchema,
                    fmt::format("{} has schema {}, this program needs {}: run 'hubadmin --data {} "
                                "migrate'",
                                file.string(), have, want, directory_of(file).string()));
  }
}

SQLite::Database open_current(const std::filesystem::path& file, Access access) {
  SQLite::Database db = open_connection(file, access);
  try {
    require_current_schema(db, file);
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  }
  return db;
}

Trouble trouble_of(int extended_code, int error) {
  switch (extended_code & 0xFF) {
    case SQLITE_FULL:
      return Trouble::kNoRoom;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Trouble::kLocked;
    case SQLITE_IOERR: {
      // What SQLite does not call full, and what is: a quota, a limit on the size of files. A write
      // that fails so wrote no whole frame of the log, so none that commits.
      if (!means_no_room(error) || fault("only_full_is_full")) return Trouble::kFailing;
      if (extended_code == SQLITE_IOERR_WRITE) return Trouble::kNoRoom;
      // The log's index in shared memory grows, every 4,096 frames, after the frames were written
      // and synced (walIndexAppend in sqlite3WalFrames, https://sqlite.org/src/file/src/wal.c).
      return extended_code == SQLITE_IOERR_SHMSIZE ? Trouble::kLeftInLog : Trouble::kFailing;
    }
    default:
      return Trouble::kFailing;
  }
}

Trouble trouble_of(const SQLite::Exception& error) {
  const int system = errno;
  const int extended = error.getExtendedErrorCode();
  return trouble_of(extended > 0 ? extended : error.getErrorCode(), system);
}

std::string reason(const SQLite::Exception& error) { return printable(error.what()); }

void throw_open_error(const std::filesystem::path& file, const SQLite::Exception& error) {
  const std::string name = file.string();
  const Trouble trouble = trouble_of(error);
  if (trouble == Trouble::kLocked && !fault("lock_at_opening_unexplained")) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("cannot open {}: another program, such as sqlite3, holds it "
                                "locked; end that and try again",
                                name));
  }
  if (means_full(trouble)) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("cannot open {}: the disk is full, and SQLite needs a little room "
                                "beside it",
                                name));
  }
  switch (error.getErrorCode() & 0xFF) {
    case SQLITE_NOTADB:
      throw OpenError(Why::kNotADatabase, fmt::format("{} is not a database", name));
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // a table or column is missing
      throw OpenError(Why::kNotADatabase,
                      fmt::format("{} is damaged ({}): restore a backup", name, reason(error)));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      throw OpenError(Why::kCannotOpen,
                      fmt::format("cannot open {}: SQLite cannot make its files beside it: see "
                                  "whether the directory can be written to and has room",
                                  name));
    default:
      throw OpenError(Why::kCannotOpen, fmt::format("cannot open {}: {}", name, reason(error)));
  }
}

}  // namespace hub::store
