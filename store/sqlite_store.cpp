#include "store/sqlite_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "store/checkpoints.hpp"
#include "store/connection.hpp"
#include "store/files.hpp"
#include "store/history.hpp"
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

Refused refusal_for(Trouble trouble, const SQLite::Exception& error) {
  switch (trouble) {
    case Trouble::kNoRoom:
    case Trouble::kLeftInLog:
      return disk_full();
    case Trouble::kLocked:
      return locked();
    case Trouble::kFailing:
      break;
  }
  return store_failed(reason(error));
}

std::size_t refused_for_room(std::span<const Output> outputs) {
  return static_cast<std::size_t>(std::ranges::count_if(outputs, [](const Output& output) {
    const auto* reply = std::get_if<Reply>(&output);
    const auto* refused = reply != nullptr ? std::get_if<Refused>(&reply->body) : nullptr;
    return refused != nullptr && refused->why == control::Refusal::kDiskFull;
  }));
}

std::vector<Output> refuse_all(std::span<const Request> batch, const Refused& refused) {
  std::vector<Output> out;
  out.reserve(batch.size());
  for (const Request& request : batch) out.emplace_back(Reply{request.tag, refused});
  return out;
}

/// Into the events, each of which follows its request's reply, from the requests.
void move_texts(std::span<Request> batch, std::span<Output> outputs) {
  auto request = batch.begin();
  for (Output& output : outputs) {
    if (std::holds_alternative<Reply>(output)) {
      ++request;
    } else if (auto* posted = std::get_if<PostCommitted>(&std::get<Event>(output))) {
      auto& append = std::get<AppendPost>(std::prev(request)->body);
      posted->post.author_name = std::move(append.author_name);
      posted->post.text = std::move(append.text);
    }
  }
}

void tune_for_writing(SQLite::Database& db, const CheckpointPolicy& checkpoints) {
  // What is deleted is overwritten with zeros, texts and verifiers alike. It costs deletions (and
  // nothing else) the writing of pages that SQLite would otherwise only drop.
  db.exec("PRAGMA secure_delete = ON");
  // What a savepoint may have to undo is kept in memory: no other disk than the database's, such as
  // that of /tmp, can then refuse a batch.
  db.exec("PRAGMA temp_store = MEMORY");
  // After one large transaction the log's file shrinks back.
  db.exec(fmt::format("PRAGMA journal_size_limit = {}", checkpoints.bound));
}

/// The mode is kept in the file, but VACUUM INTO makes one in another: there readers and the writer
/// hold each other up, and what a full disk leaves is not what `Trouble` says.
void require_write_ahead_log(SQLite::Database& db, const std::filesystem::path& file) {
  if (db.execAndGet("PRAGMA journal_mode").getString() == "wal") return;
  if (fault("other_journal_kept")) return;
  db.exec("PRAGMA journal_mode = WAL");  // to its end: the row comes before the commit
  if (db.execAndGet("PRAGMA journal_mode").getString() == "wal") return;
  throw OpenError(OpenError::Why::kCannotOpen,
                  fmt::format("cannot write to {}: its file system has no memory that programs "
                              "share, which SQLite's write-ahead log needs; use a local one",
                              file.string()));
}

SQLite::Database open_for_writing(const std::filesystem::path& file) {
  SQLite::Database db = open_current(file, Access::kWrite);
  require_write_ahead_log(db, file);
  begin_history_of_copy(db);
  return db;
}

}  // namespace

struct SqliteStore::Impl {
  Impl(const std::filesystem::path& path, const StoreOptions& options,
       std::unique_ptr<Reserve> reserve)
      : file(path),
        db(open_for_writing(file)),
        writer(db, {heads, ledger, follow_versions}, options),
        checkpoints(db, file, options.checkpoints),
        room(std::move(reserve), directory_of(path).string()) {
    tune_for_writing(db, options.checkpoints);
    if (!room.is_tight()) checkpoints.preallocate();
  }

  std::filesystem::path file;
  SQLite::Database db;
  Heads heads;
  RequestLedger ledger;
  FollowVersions follow_versions;
  Writer writer;
  Checkpoints checkpoints;
  DiskRoom room;
  std::optional<Refused> failed;  // set: nothing is written any more
  bool left_in_log = false;       // what failed last would be there after a crash

  void run(const Request& request, std::vector<Output>& out);
  tl::expected<std::vector<Output>, Refused> attempt(std::span<Request> batch, WallTime now,
                                                     Growth growth);
  std::vector<Output> apply(std::span<Request> batch, WallTime now);
  Refused made_sure(const Refused& refused);
  void write_back(WallTime now);
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

/// The batch as one transaction. An error: nothing of it was written.
tl::expected<std::vector<Output>, Refused> SqliteStore::Impl::attempt(std::span<Request> batch,
                                                                      WallTime now, Growth growth) {
  std::vector<Output> out;
  out.reserve(2 * batch.size());
  try {
    writer.begin(now, growth);
    for (const Request& request : batch) run(request, out);
    writer.commit();
    move_texts(batch, out);
    return out;
  } catch (const SQLite::Exception& error) {
    const Trouble trouble = trouble_of(error);
    const Refused refused = refusal_for(trouble, error);
    writer.rollback();
    left_in_log = trouble == Trouble::kLeftInLog && !fault("refused_stays_in_log");
    if (fault("failed_batch_reports_success")) return out;
    return tl::unexpected(refused);
  } catch (const std::exception& error) {
    // Not the disk: a damaged row, no memory. What memory holds may no longer be what was
    // committed.
    writer.rollback();
    return tl::unexpected(store_failed(error.what()));
  }
}

/// Who is told that the disk is full may rely on it that nothing was done, after a crash too. A
/// commit that succeeds shows it: what recovery finds then is that one, on top of what it saw.
/// Where there is no room even for it, nobody knows.
Refused SqliteStore::Impl::made_sure(const Refused& refused) {
  if (!std::exchange(left_in_log, false)) return refused;
  try {
    writer.write_over();
    return refused;
  } catch (const SQLite::Exception& error) {
    Refused unsure = store_failed(reason(error));
    writer.rollback();
    return unsure;
  }
}

std::vector<Output> SqliteStore::Impl::apply(std::span<Request> batch, WallTime now) {
  const Growth growth = room.takes_growth() ? Growth::kTaken : Growth::kRefused;
  auto out = attempt(batch, now, growth);
  if (!out && out.error().why == control::Refusal::kDiskFull) {
    const bool has_room_now = room.on_full(now);
    out = tl::unexpected(made_sure(out.error()));
    // What goes on while the disk is full is not refused for having met what does not.
    if (out.error().why == control::Refusal::kDiskFull &&
        (growth == Growth::kTaken || has_room_now) && !fault("full_disk_refuses_all")) {
      out = attempt(batch, now, Growth::kRefused);
    }
  } else if (out && growth == Growth::kTaken && std::ranges::any_of(batch, is_growth)) {
    room.on_growth_written(now);
  }
  if (!out) {
    const Refused refused = made_sure(out.error());
    if (refused.why == control::Refusal::kStoreFailed) failed = refused;
    out = refuse_all(batch, refused);
  }
  if (room.is_tight()) room.count_refused(refused_for_room(*out));
  return *std::move(out);
}

void SqliteStore::Impl::write_back(WallTime now) {
  WriteBack done = checkpoints.run(now);
  if (done.result == WriteBack::Result::kNoRoom && room.reserve_bytes() > 0) {
    room.on_full(now);
    checkpoints.hurry();
    done = checkpoints.run(now);
  }
  if (done.result == WriteBack::Result::kFailed) failed = store_failed(done.said);
}

std::unique_ptr<SqliteStore> SqliteStore::open(const std::filesystem::path& file,
                                               const StoreOptions& options,
                                               std::unique_ptr<Reserve> reserve) {
  try {
    make_room_to_start(file);
    if (reserve == nullptr) {
      reserve = std::make_unique<ReserveFile>(reserve_file(file), options.disk_reserve);
    }
    return std::unique_ptr<SqliteStore>(
        new SqliteStore(std::make_unique<Impl>(file, options, std::move(reserve))));
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

std::vector<Output> SqliteStore::apply(std::span<Request> batch, WallTime now) {
  if (batch.empty()) return {};
  if (!impl_->failed && impl_->checkpoints.is_overdue()) impl_->write_back(now);
  if (impl_->failed) return refuse_all(batch, *impl_->failed);
  impl_->room.try_again(now);
  return impl_->apply(batch, now);
}

void SqliteStore::maintain(WallTime now) {
  if (impl_->failed) return;
  impl_->room.try_again(now);
  impl_->write_back(now);
}

Health SqliteStore::health() const {
  const Impl& s = *impl_;
  Health out;
  out.said = s.room.said();
  if (s.room.is_tight()) out.writing = Health::Writing::kTight;
  if (s.failed) {
    out.writing = Health::Writing::kFailed;
    out.said =
        s.failed->message +
        "; reading goes on. See what is wrong with the disk, and what 'hubadmin check' finds";
  }
  out.refused = s.room.refused();
  out.reserve_bytes = s.room.reserve_bytes();
  out.log_bytes = s.checkpoints.log_bytes();
  out.log_is_long = s.checkpoints.is_over_bound();
  out.checkpoints = s.checkpoints.done();
  out.checkpoints_blocked = s.checkpoints.blocked();
  out.is_restless = !s.failed && (s.room.is_tight() || s.checkpoints.is_held_up());
  return out;
}

std::unique_ptr<Reader> SqliteStore::open_reader() {
  return std::make_unique<SqliteReader>(
      impl_->file, SqliteReader::Kept{impl_->heads, impl_->ledger, impl_->follow_versions});
}

}  // namespace hub::store
