// A disk that fails on command: a SQLite VFS around the real one, the default for every database
// opened during its life. It counts the operations that change files, can fail any of them, and
// knows what would be left if the power went now: what was synced, and of the rest anything.
//
// A sync is only noted, so tests on this disk are fast. One at a time in a process. The files of
// shared memory (-shm) are not the disk's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>

namespace hub::test {

class FaultyDisk {
 public:
  enum class Failure { kFull, kWriteError, kShortWrite, kSyncError };

  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;

  /// Writes, syncs and truncations so far.
  std::uint64_t operations() const;

  /// The first operation after `count` more that the failure fits fails, and so do all after it
  /// (`lasting`) or none do. kSyncError fits syncs, the others fit writes.
  void fail_after(std::uint64_t count, Failure failure, bool lasting);
  /// It works again.
  void repair();
  /// How many operations have failed.
  std::uint64_t failures() const;

  /// From now on there is room for so many bytes more, of the files and of the shared memory beside
  /// them: all else is somebody's who does not give it back.
  void leave_free(std::uint64_t bytes);
  /// There is room for everything, as at first.
  void make_room();
  std::uint64_t free_bytes() const;
  /// Takes or gives back room as another file would. False where there is not so much.
  bool take_room(std::uint64_t bytes);
  void give_room(std::uint64_t bytes);

  /// Called before every operation.
  void watch(std::function<void()> watcher);

  /// Writes every file of the disk into `directory` as a loss of power might leave it: what was
  /// synced, and of each later write, by chance, all, a part or nothing.
  void cut_power(const std::filesystem::path& directory, std::mt19937_64& random) const;

 private:
  std::unique_ptr<struct FaultyDiskState> state_;
};

}  // namespace hub::test
