// One writing-back of the write-ahead log into the database, and a thread that does the bulk of it
// while the writer commits. Inside the store room only; when it is done is store/checkpoints.hpp's.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include <SQLiteCpp/Database.h>

namespace hub::store {

struct WriteBack {
  enum class Result {
    kWhole,    // nothing is left in the log
    kBlocked,  // a reader or another program is in the way of some or all of it
    kNoRoom,   // the database could not grow; the log still has everything
    kFailed,   // the disk or the file; what is on it is not known
  };
  Result result = Result::kWhole;
  std::string said;  // kFailed: SQLite's words, harmless for a terminal
};

/// `mode`: of sqlite3_wal_checkpoint_v2().
WriteBack write_back(SQLite::Database& db, int mode);

/// With a connection of its own. SQLite lets a checkpoint and a writer go on side by side: what is
/// committed meanwhile stays in the log for the next one. All members are for one thread, the
/// store's.
class WriteBackThread {
 public:
  /// Throws OpenError.
  explicit WriteBackThread(const std::filesystem::path& file);
  /// Waits for what it is doing.
  ~WriteBackThread();
  WriteBackThread(const WriteBackThread&) = delete;
  WriteBackThread& operator=(const WriteBackThread&) = delete;

  /// Begins one, if none is running.
  void start();
  bool is_running();
  /// Waits for the end of the one that is running, if any. What the last one came to.
  WriteBack wait();

 private:
  enum class State { kIdle, kAsked, kStopping };
  void run();

  SQLite::Database db_;
  std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kIdle;
  WriteBack last_;
  std::thread thread_;  // started last
};

}  // namespace hub::store
