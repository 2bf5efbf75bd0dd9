// Opening a hub's database file: the checks that every opener makes, the settings every connection
// has, and what SQLite's errors mean to us. Inside the store room only.
#pragma once

#include <filesystem>
#include <string>

#include <SQLiteCpp/Database.h>

namespace SQLite {
class Exception;
}

namespace hub::store {

/// PRAGMA application_id of every hub's database: "HUB1".
inline constexpr int kApplicationId = 0x48554231;

enum class Access { kRead, kWrite };

/// How long a statement waits for whoever else holds a lock: recovery after a crash, an
/// administrator's own sqlite3. Another hub is kept out by the directory's lock.
inline constexpr int kBusyMilliseconds = 2000;

/// What holds for all of a process's connections; before the first of them.
void set_up_sqlite();

/// Opens a file that must be there and be a hub's, of whatever schema. Throws OpenError.
SQLite::Database open_connection(const std::filesystem::path& file, Access access);

/// PRAGMA user_version: the last migration applied.
int schema_version(SQLite::Database& db);

/// Throws OpenError unless the schema is the one that this program was built for.
void require_current_schema(SQLite::Database& db, const std::filesystem::path& file);

/// The first and the last of these.
SQLite::Database open_current(const std::filesystem::path& file, Access access);

/// What an error of writing means for what comes after it.
enum class Trouble {
  kNoRoom,  // a full disk or quota: nothing was written
  // The same, but met by a COMMIT when its transaction was in the log already, whole and synced: by
  // now it is nowhere, and after a crash it is there, until something is committed in its place.
  kLeftInLog,
  kLocked,   // by another program, for now
  kFailing,  // the disk or the file; who knows what is on it
};
constexpr bool means_full(Trouble trouble) {
  return trouble == Trouble::kNoRoom || trouble == Trouble::kLeftInLog;
}
/// Of an extended error code that a call ended in, and errno just after it: SQLite keeps that
/// itself for some calls only, and COMMIT is none of them.
Trouble trouble_of(int extended_code, int error);
/// Called where the exception is caught, before anything else.
Trouble trouble_of(const SQLite::Exception& error);

/// "disk I/O error", "database disk image is malformed", …; one line, harmless for a terminal even
/// where SQLite quotes a damaged file.
std::string reason(const SQLite::Exception& error);

/// Throws the OpenError that this error means while `file` is being opened.
[[noreturn]] void throw_open_error(const std::filesystem::path& file,
                                   const SQLite::Exception& error);

}  // namespace hub::store
