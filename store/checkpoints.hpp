// When the write-ahead log is written back into the database, so that it stays small. SQLite would
// do it inside a commit, while those who wait for the commit wait; here it is done between batches.
//
//   every `pages` pages: what no reader still needs is written back (PASSIVE), and the next commit
//   begins the log anew if nobody reads
//   over `bound` bytes: besides, new readers are led past the log, those under way are waited for a
//   moment, and the file is cut (TRUNCATE)
//
// Who holds it up is a reader that looks at an old state: a backup does for as long as it runs. The
// log then grows, is counted, and is written back when the reader has gone.
//
// With `on_thread`, as hubd has it, no commit waits for the bulk of it: a thread writes back what
// there is while the writer goes on, and between two batches only what was committed meanwhile is
// left to do, before the log can begin anew. A log that grows faster than that is waited for.
//
// A log that grows is slow: each sync then waits for the file system to write down the file's new
// size, and with it for what other programs have written there. Written over in place it is not, as
// it is from its second time round; with `preallocate`, as hubd has it, so is the first. A log that
// was cut grows again.
//
// One thread: the store's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include <SQLiteCpp/Database.h>

#include "protocol/types.hpp"
#include "store/sqlite_store.hpp"
#include "store/write_back.hpp"

struct sqlite3;

namespace hub::store {

class Checkpoints {
 public:
  /// Takes the place of SQLite's own automatic checkpoints on `db`, which outlives this object.
  Checkpoints(SQLite::Database& db, const std::filesystem::path& file,
              const CheckpointPolicy& policy);
  ~Checkpoints();
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  /// Gives the log's file its usual size, where there is plenty of room and nobody else writes. The
  /// next commit syncs it.
  void preallocate();

  /// Writes back what is due, or has the thread begin. What that came to; kWhole where nothing was.
  WriteBack run(WallTime now);

  /// The next run() does all of it, however little there is to write back.
  void hurry() {
    due_at_ = 0;
    is_bulk_begun_ = true;
  }
  /// It was due long ago: nobody calls run().
  bool is_overdue() const { return log_pages_ >= due_at_ + std::uint64_t{3} * policy_.pages; }
  /// Something is left to do that another commit is not needed for: run() again in a second.
  bool is_held_up() const { return held_up_; }

  std::uint64_t log_bytes() const { return log_bytes_; }
  bool is_over_bound() const { return log_bytes_ > policy_.bound; }
  std::uint64_t done() const { return done_; }        // the whole log was written back
  std::uint64_t blocked() const { return blocked_; }  // a reader was in the way

 private:
  static int on_commit(void* self, sqlite3* db, const char* name, int pages);
  WriteBack finish(WallTime now);
  WriteBack write_back_forced();
  void measure();

  SQLite::Database& db_;
  const std::filesystem::path log_;
  const CheckpointPolicy policy_;

  std::uint64_t log_pages_ = 0;  // written since the log began anew
  std::uint64_t log_bytes_ = 0;  // its file's size
  std::uint64_t due_at_;         // pages
  bool held_up_ = false;
  std::optional<WallTime> last_;         // run
  std::optional<WallTime> next_forced_;  // not before, where readers did not go away
  std::chrono::seconds patience_{1};     // between two such tries
  std::uint64_t done_ = 0;
  std::uint64_t blocked_ = 0;
  bool is_bulk_begun_ = false;               // by the thread; what is left is for the next run()
  std::unique_ptr<WriteBackThread> thread_;  // nothing: all is done by run()
};

}  // namespace hub::store
