#include "store/sqlite_store.hpp"

#include <cerrno>
#include <optional>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "store/connection.hpp"
#include "store/refusals.hpp"
#include "store/sqlite_reader.hpp"
#include "store/sqlite_writer.hpp"
#include "store/statement.hpp"

namespace hub::store {

namespace {

/// Whom an error concerns: the request that met it, or the whole batch.
enum class Blame { kRequest, kBatch };

Blame blame(const SQLite::Exception& error) {
  switch (error.getErrorCode() & 0xFF) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
      return Blame::kRequest;
    default:
      return Blame::kBatch;
  }
}

Refused refusal_for(const SQLite::Exception& error, SQLite::Database& db) {
  switch (error.getErrorCode() & 0xFF) {
    case SQLITE_FULL:
      return disk_full();
    case SQLITE_BUSY:
      return locked();
    case SQLITE_IOERR:
      // A quota fails like a full disk, at the write and before any frame that commits.
      if (error.getExtendedErrorCode() == SQLITE_IOERR_WRITE &&
          sqlite3_system_errno(db.getHandle()) == EDQUOT) {
        return disk_full();
      }
      break;
    default:
      break;
  }
  return store_failed(reason(error));
}

std::vector<Output> refuse_all(std::span<const Request> batch, const Refused& refused) {
  std::vector<Output> out;
  out.reserve(batch.size());
  for (const Request& request : batch) out.emplace_back(Reply{request.tag, refused});
  return out;
}

void tune_for_writing(SQLite::Database& db) {
  // What is deleted is overwritten with zeros, texts and verifiers alike. It costs deletions (and
  // nothing else) the writing of pages that SQLite would otherwise only drop.
  db.exec("PRAGMA secure_delete = ON");
  // A checkpoint every 1,000 pages (4 MiB) of log, by the commit that fills it; after one large
  // transaction the log's file shrinks back to 64 MiB.
  db.exec("PRAGMA wal_autocheckpoint = 1000");
  db.exec("PRAGMA journal_size_limit = 67108864");
}

}  // namespace

struct SqliteStore::Impl {
  Impl(const std::filesystem::path& path, const StoreOptions& options)
      : file(path), db(open_current(path, Access::kWrite)), writer(db, heads, ledger, options) {
    tune_for_writing(db);
  }

  std::filesystem::path file;
  SQLite::Database db;
  Heads heads;
  RequestLedger ledger;
  Writer writer;
  std::optional<Refused> failed;  // set: nothing is written any more

  void run(const Request& request, std::vector<Output>& out);
  std::vector<Output> fail(std::span<const Request> batch, const Refused& refused);
};

void SqliteStore::Impl::run(const Request& request, std::vector<Output>& out) {
  try {
    writer.run(request, out);
  } catch (const SQLite::Exception& error) {
    if (blame(error) == Blame::kBatch) throw;
    out.emplace_back(Reply{
        request.tag, Refused{control::Refusal::kInvalid,
                             fmt::format("the database does not take this: {}", reason(error))}});
  }
}

std::vector<Output> SqliteStore::Impl::fail(std::span<const Request> batch,
                                            const Refused& refused) {
  writer.rollback();
  if (refused.why == control::Refusal::kStoreFailed) failed = refused;
  return refuse_all(batch, refused);
}

std::unique_ptr<SqliteStore> SqliteStore::open(const std::filesystem::path& file,
                                               const StoreOptions& options) {
  try {
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::make_unique<Impl>(file, options)));
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  } catch (const DamagedRow& error) {
    throw OpenError(
        OpenError::Why::kNotADatabase,
        fmt::format("{} is damaged ({}): restore a backup", file.string(), error.what()));
  }
}

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SqliteStore::~SqliteStore() {
  if (impl_->failed) return;
  try {
    impl_->writer.begin({});
    impl_->writer.write_heads();
    impl_->writer.commit();
  } catch (const SQLite::Exception&) {
    impl_->writer.rollback();  // the next start reads a few posts more
  }
}

std::vector<Output> SqliteStore::apply(std::span<const Request> batch, WallTime now) {
  if (batch.empty()) return {};
  if (impl_->failed) return refuse_all(batch, *impl_->failed);
  std::vector<Output> out;
  out.reserve(2 * batch.size());
  try {
    impl_->writer.begin(now);
    for (const Request& request : batch) impl_->run(request, out);
    impl_->writer.commit();
    return out;
  } catch (const SQLite::Exception& error) {
    auto refused = impl_->fail(batch, refusal_for(error, impl_->db));
    return fault("failed_batch_reports_success") ? out : refused;
  } catch (const std::exception& error) {
    // Not the disk: a damaged row, no memory. What memory holds may no longer be what was
    // committed.
    return impl_->fail(batch, store_failed(error.what()));
  }
}

std::unique_ptr<Reader> SqliteStore::open_reader() {
  return std::make_unique<SqliteReader>(impl_->file, &impl_->heads, &impl_->ledger);
}

}  // namespace hub::store
