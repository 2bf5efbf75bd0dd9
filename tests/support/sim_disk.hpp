// A disk in memory, and what a crash leaves of it: a SQLite VFS, the default one for every database
// opened during its life. No real file is touched; everything by chance comes from one seed.
//
// A file holds what programs see (all that was written) and what is durable (what was synced). A
// killed process takes neither with it. When the power goes, each write, truncation, creation and
// removal since the last sync of its file may have reached the disk or not, a write also in part
// (whole sectors of 512 bytes), and in any order. A name is durable once its file, or its removal,
// was synced. A sync that fails leaves what it was for unsynced; the next one may succeed. (Linux
// may forget such writes instead; nothing here tests for that.)
//
// Locks and the shared memory of WAL mode belong to the processes: they are gone after any crash.
// Whoever still holds a file from before it gets I/O errors, and can be cleaned up in peace.
//
// One at a time in a process, for one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/types.hpp"

namespace hub::test {

class SimDisk {
 public:
  using Contents = std::vector<char>;
  enum class Failure { kFull, kWriteError, kShortWrite, kSyncError };
  enum class Crash { kKill, kPowerCut };

  explicit SimDisk(std::uint64_t seed);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  /// A file, whole and durable; nothing holds it open.
  void put(const std::string& name, Contents contents);
  /// As programs see it now; nothing where there is none.
  std::optional<Contents> contents(const std::string& name) const;
  void remove(const std::string& name);
  /// All that was done so far is durable, names too.
  void settle();

  /// Writes, syncs and truncations so far.
  std::uint64_t operations() const;

  /// The first operation after `count` more that the failure fits fails, and so do all after it
  /// (`lasting`) or none do. kSyncError fits syncs, the others fit writes; half of a short write
  /// arrives.
  void fail_after(std::uint64_t count, Failure failure, bool lasting);
  void repair();
  std::uint64_t failures() const;

  /// After `count` more operations the machine stops: `stopped` is called in the middle of the
  /// next one, which, like everything later, does nothing and fails.
  void stop_after(std::uint64_t count, std::function<void()> stopped);
  void stop();
  bool is_stopped() const;
  /// What a process that starts now finds after this end of the one before.
  void restart(Crash crash);

  /// A disk that lies: a sync does nothing and says it did.
  void ignore_syncs(bool ignored);
  /// What SQL's 'now' means; without one it is always 1970.
  void set_clock(std::function<WallTime()> clock);

 private:
  std::unique_ptr<struct SimDiskState> state_;
};

}  // namespace hub::test
