#include <stdexcept>
#include <system_error>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "store/connection.hpp"
#include "store/copy.hpp"
#include "store/files.hpp"
#include "store/history.hpp"
#include "store/maintenance.hpp"
#include "store/snapshot.hpp"
#include "store/sqlite_store.hpp"

namespace hub::store {

namespace {

void copy_pages(SQLite::Database& source, const std::filesystem::path& part) {
  SQLite::Database copy(part.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
  // The file is nobody's until it is renamed, and synced as a whole before that.
  copy.exec("PRAGMA journal_mode = OFF");
  copy.exec("PRAGMA synchronous = OFF");
  {
    SQLite::Backup backup(copy, source);
    if (backup.executeStep(-1) != SQLITE_DONE) {
      throw std::runtime_error("another program holds the database locked: try again");
    }
  }
  mark_as_copy(copy);
}

std::runtime_error failure(const std::filesystem::path& destination, const std::string& why) {
  return std::runtime_error(
      fmt::format("cannot write the backup {}: {}", destination.string(), why));
}

}  // namespace

void copy_database(SQLite::Database& source, const std::filesystem::path& destination) {
  std::error_code ignored;
  if (std::filesystem::exists(std::filesystem::symlink_status(destination, ignored))) {
    throw failure(destination, "there is a file of that name already");
  }
  std::filesystem::path part = destination;
  part += fmt::format(".{}.part", ::getpid());
  const auto failed = [&](const std::string& why) {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(part.string() + suffix, ignored);
    }
    return failure(destination, why);
  };
  try {
    create_private_file(part);
    copy_pages(source, part);
    sync_path(part);
    rename_to_new(part, destination);
  } catch (const SQLite::Exception& error) {
    const bool full = means_full(trouble_of(error));
    throw failed(full ? "there is no room for it on the disk" : reason(error));
  } catch (const std::system_error& error) {
    throw failed(error.code().message());
  } catch (const std::runtime_error& error) {
    throw failed(error.what());
  }
}

BackupReport backup(const std::filesystem::path& file, const std::filesystem::path& destination) {
  SQLite::Database db = open_connection(file, Access::kRead);
  BackupReport report;
  try {
    const Snapshot snapshot(db);
    report.last_post = static_cast<MessageId>(
        db.execAndGet(
              "SELECT max(highest_id, ifnull((SELECT max(id) FROM posts), 0)) FROM settings")
            .getInt64());
    copy_database(db, destination);
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  }
  report.bytes = std::filesystem::file_size(destination);
  return report;
}

}  // namespace hub::store
