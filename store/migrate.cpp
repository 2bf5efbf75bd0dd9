#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "store/connection.hpp"
#include "store/copy.hpp"
#include "store/maintenance.hpp"
#include "store/snapshot.hpp"
#include "store/sqlite_store.hpp"

namespace hub::store {

namespace {

using Why = OpenError::Why;

/// hub.db.v1.bak, or hub.db.v1.bak.2 where there is one of an earlier try, and so on.
std::filesystem::path backup_name(const std::filesystem::path& file, int version) {
  const std::string first = fmt::format("{}.v{}.bak", file.string(), version);
  std::filesystem::path name = first;
  for (int number = 2; std::filesystem::exists(name); ++number) {
    name = fmt::format("{}.{}", first, number);
  }
  return name;
}

OpenError left_at(const std::filesystem::path& file, int version, const char* why,
                  const MigrationReport& report) {
  return OpenError(Why::kCannotOpen,
                   fmt::format("{} stays at schema {}: {} (a copy of before is {})", file.string(),
                               version, why, report.backup.string()));
}

}  // namespace

MigrationReport migrate(const std::filesystem::path& file, std::span<const Migration> migrations) {
  SQLite::Database db = open_connection(file, Access::kWrite);
  MigrationReport report;
  try {
    report.from = schema_version(db);
    report.to = migrations.back().version;
    if (report.from > report.to) {
      throw OpenError(Why::kNewerSchema,
                      fmt::format("{} has schema {}, this program knows schemas up to {}: use the "
                                  "newer release that wrote it",
                                  file.string(), report.from, report.to));
    }
    if (report.from == report.to) return report;
    report.backup = backup_name(file, report.from);
    const Snapshot snapshot(db);
    copy_database(db, report.backup);
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  } catch (const OpenError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw OpenError(Why::kCannotOpen,
                    fmt::format("{} is not upgraded: {}", file.string(), error.what()));
  }
  try {
    apply_migrations(db, migrations);
  } catch (const SQLite::Exception& error) {
    const bool no_room = means_full(trouble_of(error));
    const int stays_at = schema_version(db);
    if (!no_room || stays_at != report.from) throw left_at(file, stays_at, error.what(), report);
    // The copy is what is there already, and the disk is full.
    std::error_code ignored;
    std::filesystem::remove(report.backup, ignored);
    throw OpenError(Why::kCannotOpen,
                    fmt::format("{} stays at schema {}, as it was: the disk is full; make room "
                                "for two more of it, then try again",
                                file.string(), stays_at));
  } catch (const std::runtime_error& error) {
    throw left_at(file, schema_version(db), error.what(), report);
  }
  return report;
}

}  // namespace hub::store
