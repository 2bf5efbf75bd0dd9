#include "store/checkpoints.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "store/connection.hpp"
#include "store/disk_reserve.hpp"
#include "store/files.hpp"

namespace hub::store {

namespace {

// For the readers under way to end, once a second at most. Posts wait meanwhile.
constexpr int kForcedMilliseconds = 50;
constexpr std::chrono::seconds kBetweenRuns{1};
constexpr std::chrono::seconds kMostPatience{32};

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint32_t kHeaderBytes = 32;       // of the log (https://sqlite.org/fileformat2.html)
constexpr std::uint64_t kFrameHeaderBytes = 24;  // before each page in it

std::filesystem::path log_of(const std::filesystem::path& file) {
  return std::filesystem::path(file) += "-wal";
}

/// What the log grows to until it is written back, and a quarter more, for what is posted
/// meanwhile.
std::uint64_t usual_size(const CheckpointPolicy& policy) {
  const std::uint64_t pages = std::uint64_t{policy.pages} * 5 / 4;
  return std::min(policy.bound, kHeaderBytes + pages * (kFrameHeaderBytes + kPageBytes));
}

/// Makes a log as long as that, or leaves it as it was. Noise, for a crash may have left the first
/// half of a frame at the end: zeros could be the other half, and bring back what was refused. Only
/// where the header belongs there are zeros: who may not write takes nothing else for an empty log.
void lengthen(sqlite3_file& log, std::uint64_t length) {
  const sqlite3_io_methods& methods = *log.pMethods;
  sqlite3_int64 size = 0;
  if (methods.xFileSize(&log, &size) != SQLITE_OK) return;
  const auto end = static_cast<sqlite3_int64>(length);
  const bool is_empty = size < kHeaderBytes || fault("log_overwritten");
  std::array<char, 65536> noise{};
  if (!fault("log_of_zeros")) sqlite3_randomness(noise.size(), noise.data());
  if (is_empty) std::fill_n(noise.begin(), kHeaderBytes, '\0');
  for (sqlite3_int64 at = is_empty ? 0 : size; at < end;) {
    const auto count = std::min<sqlite3_int64>(noise.size(), end - at);
    if (methods.xWrite(&log, noise.data(), static_cast<int>(count), at) != SQLITE_OK) {
      if (!fault("room_for_log_kept")) methods.xTruncate(&log, size);
      return;
    }
    at += count;
  }
}

}  // namespace

Checkpoints::Checkpoints(SQLite::Database& db, const std::filesystem::path& file,
                         const CheckpointPolicy& policy)
    : db_(db), log_(log_of(file)), policy_(policy), due_at_(policy.pages) {
  sqlite3_wal_hook(db_.getHandle(), &Checkpoints::on_commit, this);
  measure();
  held_up_ = is_over_bound();  // left by a crash
  if (policy.on_thread) thread_ = std::make_unique<WriteBackThread>(file);
}

Checkpoints::~Checkpoints() { sqlite3_wal_hook(db_.getHandle(), nullptr, nullptr); }

void Checkpoints::preallocate() {
  const std::uint64_t wanted = usual_size(policy_);
  if (!policy_.preallocate || log_bytes_ >= wanted || fault("log_grows")) return;
  // As much again stays free: a full disk is more trouble than a slow one.
  const std::uint64_t room = 2 * (wanted - log_bytes_);
  const auto free = free_bytes(directory_of(log_));
  if (free && *free < room && !fault("log_takes_last_room")) return;
  // Behind the end of the file there are no pages, and while this is open nobody adds any. What
  // fails here fails no request; the next commit's sync tells whether all of it arrived.
  sqlite3_busy_timeout(db_.getHandle(), 0);
  if (db_.tryExec("BEGIN IMMEDIATE") == SQLITE_OK) {
    sqlite3_file* log = nullptr;
    sqlite3_file_control(db_.getHandle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log != nullptr && log->pMethods != nullptr) lengthen(*log, wanted);
    db_.tryExec("ROLLBACK");
  }
  sqlite3_busy_timeout(db_.getHandle(), kBusyMilliseconds);
  measure();
}

int Checkpoints::on_commit(void* self, sqlite3*, const char*, int pages) {
  auto& checkpoints = *static_cast<Checkpoints*>(self);
  const auto now = static_cast<std::uint64_t>(pages);
  if (now < checkpoints.log_pages_) checkpoints.due_at_ = checkpoints.policy_.pages;  // begun anew
  checkpoints.log_pages_ = now;
  return SQLITE_OK;
}

WriteBack Checkpoints::run(WallTime now) {
  measure();
  if (thread_ && thread_->is_running() && !is_overdue()) return {};
  const bool is_due = log_pages_ >= due_at_;
  const bool clock_went_back = last_ && now < *last_;
  const bool waited = !last_ || now >= *last_ + kBetweenRuns || clock_went_back;
  if (clock_went_back) next_forced_.reset();
  if (!is_due && !(waited && (held_up_ || is_over_bound()))) return {};
  if (thread_ && !fault("bulk_between_batches") && !std::exchange(is_bulk_begun_, true)) {
    held_up_ = true;
    thread_->start();
    return {};
  }
  is_bulk_begun_ = false;
  last_ = now;
  due_at_ = log_pages_ + policy_.pages;
  WriteBack done = finish(now);
  measure();
  using Result = WriteBack::Result;
  held_up_ = done.result != Result::kWhole || is_over_bound();
  if (done.result == Result::kWhole) ++done_;
  if (done.result == Result::kBlocked) ++blocked_;
  return done;
}

/// What the thread has left, which is what was committed while it ran; without a thread all of it.
WriteBack Checkpoints::finish(WallTime now) {
  using Result = WriteBack::Result;
  if (thread_) {
    WriteBack bulk = thread_->wait();
    if (bulk.result == Result::kFailed && !fault("bulk_error_ignored")) return bulk;
  }
  WriteBack done = write_back(db_, SQLITE_CHECKPOINT_PASSIVE);
  if (is_over_bound() && !fault("checkpoint_never_forced") &&
      (done.result == Result::kWhole ||
       (done.result == Result::kBlocked && !(next_forced_ > now)))) {
    done = write_back_forced();
    patience_ =
        done.result == Result::kBlocked ? std::min(2 * patience_, kMostPatience) : kBetweenRuns;
    next_forced_ = now + patience_;
  }
  return done;
}

WriteBack Checkpoints::write_back_forced() {
  sqlite3_busy_timeout(db_.getHandle(), kForcedMilliseconds);
  WriteBack done = write_back(db_, SQLITE_CHECKPOINT_TRUNCATE);
  sqlite3_busy_timeout(db_.getHandle(), kBusyMilliseconds);
  if (done.result == WriteBack::Result::kWhole) {
    log_pages_ = 0;
    due_at_ = policy_.pages;
  }
  return done;
}

void Checkpoints::measure() {
  std::error_code error;
  const auto size = std::filesystem::file_size(log_, error);
  log_bytes_ = error ? 0 : size;
}

}  // namespace hub::store
