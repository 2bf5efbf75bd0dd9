// The inside of SimDisk, shared by its two halves: sim_disk.cpp has the files and what crashes and
// failures do to them, sim_disk_vfs.cpp what SQLite calls.
#pragma once

#include <array>
#include <map>
#include <random>

#include <sqlite3.h>

#include "tests/support/sim_disk.hpp"

namespace hub::test {

struct SimHandle;

/// A file, and what the processes that have it open share.
struct SimFile {
  using Contents = SimDisk::Contents;
  struct Change {
    std::size_t offset = 0;  // or the new size, where it truncates
    Contents data;
    bool truncates = false;
  };

  Contents now;
  Contents durable;
  std::vector<Change> unsynced;
  bool has_durable_name = false;

  // Locks of the database file, SQLite's levels.
  int shared = 0;
  SimHandle* reserved = nullptr;
  SimHandle* pending = nullptr;
  SimHandle* exclusive = nullptr;

  // Shared memory.
  struct ShmSlot {
    int shared = 0;
    SimHandle* exclusive = nullptr;
  };
  std::array<ShmSlot, SQLITE_SHM_NLOCK> slots{};
  std::vector<std::unique_ptr<char[]>> regions;
  int mapped_by = 0;

  void write(std::size_t offset, const char* data, std::size_t size);
  void truncate(std::size_t size);
  void sync();
};

struct SimDiskState {
  explicit SimDiskState(std::uint64_t seed) : dice(seed) {}

  enum class Kind { kWrite, kSync, kTruncate };
  /// Counts the operation; the error that it ends in, if it is to fail.
  std::optional<int> before(Kind kind);
  void stop();
  /// The file is there under its name for good, and none that had the name before comes back.
  void sync_name(const std::shared_ptr<SimFile>& file);
  void cut_power();
  SimFile survivor(const SimFile& file, unsigned style);

  sqlite3_vfs vfs{};
  sqlite3_vfs* real = nullptr;
  std::mt19937_64 dice;
  std::function<WallTime()> clock;

  std::map<std::string, std::shared_ptr<SimFile>> files;
  std::map<std::string, std::shared_ptr<SimFile>> removed;  // and may be back after a power cut
  std::uint64_t generation = 0;                             // counts crashes
  bool stopped = false;
  bool ignores_syncs = false;

  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t fail_at = 0;
  SimDisk::Failure failure = SimDisk::Failure::kFull;
  bool armed = false;
  bool lasting = false;

  std::optional<std::uint64_t> stop_at;
  std::function<void()> on_stop;
};

/// Makes `state.vfs` the default one, until unregister_vfs().
void register_vfs(SimDiskState& state);
void unregister_vfs(SimDiskState& state);

}  // namespace hub::test
