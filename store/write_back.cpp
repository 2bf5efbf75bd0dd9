#include "store/write_back.hpp"

#include <cerrno>

#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "protocol/text.hpp"
#include "store/connection.hpp"

namespace hub::store {

namespace {

/// What SQLite leaves to the last checkpoint before the log begins anew: it does not sync the
/// database while a writer adds to the log. Where nothing was written, it costs next to nothing.
WriteBack synced(SQLite::Database& db, WriteBack done) {
  if (done.result == WriteBack::Result::kFailed || fault("bulk_not_synced")) return done;
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db.getHandle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file == nullptr || file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK) return done;
  return {WriteBack::Result::kFailed, "the database could not be synced"};
}

}  // namespace

WriteBack write_back(SQLite::Database& db, int mode) {
  using Result = WriteBack::Result;
  int in_log = 0;
  int written_back = 0;
  const int result =
      sqlite3_wal_checkpoint_v2(db.getHandle(), "main", mode, &in_log, &written_back);
  const int error = errno;
  if (result == SQLITE_OK) {
    return {written_back == in_log ? Result::kWhole : Result::kBlocked, {}};
  }
  switch (trouble_of(sqlite3_extended_errcode(db.getHandle()), error)) {
    case Trouble::kLocked:
      return {Result::kBlocked, {}};
    case Trouble::kNoRoom:
    case Trouble::kLeftInLog:  // of a transaction; here there was none
      return {Result::kNoRoom, {}};
    case Trouble::kFailing:
      break;
  }
  if (fault("checkpoint_error_ignored")) return {Result::kBlocked, {}};
  return {Result::kFailed, printable(sqlite3_errmsg(db.getHandle()))};
}

WriteBackThread::WriteBackThread(const std::filesystem::path& file)
    : db_(open_current(file, Access::kWrite)), thread_([this] { run(); }) {}

WriteBackThread::~WriteBackThread() {
  {
    const std::lock_guard lock(mutex_);
    state_ = State::kStopping;
    changed_.notify_all();
  }
  thread_.join();
}

void WriteBackThread::start() {
  const std::lock_guard lock(mutex_);
  state_ = State::kAsked;
  changed_.notify_all();
}

bool WriteBackThread::is_running() {
  const std::lock_guard lock(mutex_);
  return state_ == State::kAsked;
}

WriteBack WriteBackThread::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return state_ != State::kAsked; });
  return last_;
}

void WriteBackThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return state_ != State::kIdle; });
    if (state_ == State::kStopping) return;
    lock.unlock();
    WriteBack done = synced(db_, write_back(db_, SQLITE_CHECKPOINT_PASSIVE));
    lock.lock();
    last_ = std::move(done);
    if (state_ == State::kAsked) state_ = State::kIdle;
    changed_.notify_all();
  }
}

}  // namespace hub::store
