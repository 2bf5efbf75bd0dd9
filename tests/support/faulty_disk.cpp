#include "tests/support/faulty_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sqlite3.h>

namespace hub::test {

namespace {

using Contents = std::vector<char>;

struct Change {
  sqlite3_int64 offset = 0;  // or the new size, where `truncates`
  Contents data;
  bool truncates = false;

  void apply(Contents& contents) const {
    const auto at = static_cast<std::size_t>(offset);
    if (truncates) return contents.resize(at);
    if (contents.size() < at + data.size()) contents.resize(at + data.size());
    std::copy(data.begin(), data.end(), contents.begin() + offset);
  }
};

struct DiskFile {
  Contents durable;
  std::vector<Change> unsynced;
  std::uint64_t size = 0;         // as programs see it
  std::uint64_t shared_size = 0;  // of the shared memory beside it
};

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

Contents read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

struct FaultyDiskState {
  mutable std::recursive_mutex mutex;  // a watcher may look at the disk
  sqlite3_vfs* real = nullptr;
  sqlite3_vfs vfs{};
  std::map<std::string, DiskFile> files;
  std::function<void()> watcher;
  std::uint64_t operations = 0;
  std::uint64_t failures = 0;
  std::uint64_t fail_at = 0;
  FaultyDisk::Failure failure = FaultyDisk::Failure::kFull;
  bool armed = false;
  bool lasting = false;
  std::uint64_t room = kEndless;

  bool take_room(std::uint64_t bytes) {
    if (room == kEndless) return true;
    if (bytes > room) return false;
    room -= bytes;
    return true;
  }
  void give_room(std::uint64_t bytes) {
    if (room != kEndless) room += bytes;
  }
  /// False where the file would grow and cannot.
  bool resize(DiskFile& file, std::uint64_t size) {
    if (size > file.size && !take_room(size - file.size)) return false;
    if (size < file.size) give_room(file.size - size);
    file.size = size;
    return true;
  }

  enum class Kind { kWrite, kSync, kTruncate };
  /// Counts the operation; the error it ends in, if it is to fail.
  std::optional<int> before(Kind kind) {
    if (watcher) watcher();
    ++operations;
    if (!armed || operations <= fail_at) return std::nullopt;
    const bool hits_syncs = failure == FaultyDisk::Failure::kSyncError;
    if (hits_syncs != (kind == Kind::kSync) || kind == Kind::kTruncate) return std::nullopt;
    ++failures;
    errno = failure == FaultyDisk::Failure::kFull ? ENOSPC : EIO;
    if (!lasting) armed = false;
    if (hits_syncs) return SQLITE_IOERR_FSYNC;
    return failure == FaultyDisk::Failure::kFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
};

namespace {

using Kind = FaultyDiskState::Kind;

/// SQLite allocates this and the real VFS's file behind it in one piece.
struct WrappedFile {
  sqlite3_file base;
  FaultyDiskState* disk;
  const char* name;  // SQLite's own; outlives the file. Null: a temporary file
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

WrappedFile* wrapped(sqlite3_file* file) { return reinterpret_cast<WrappedFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return wrapped(file)->real(); }
const sqlite3_io_methods* methods(sqlite3_file* file) { return real(file)->pMethods; }

DiskFile* tracked(sqlite3_file* file) {
  WrappedFile* f = wrapped(file);
  return f->name != nullptr ? &f->disk->files[f->name] : nullptr;
}

int on_close(sqlite3_file* f) { return methods(f)->xClose(real(f)); }
int on_read(sqlite3_file* f, void* out, int size, sqlite3_int64 offset) {
  return methods(f)->xRead(real(f), out, size, offset);
}

int on_write(sqlite3_file* f, const void* data, int size, sqlite3_int64 offset) {
  FaultyDiskState& disk = *wrapped(f)->disk;
  const std::lock_guard lock(disk.mutex);
  const auto error = disk.before(Kind::kWrite);
  if (error && disk.failure == FaultyDisk::Failure::kShortWrite) size /= 2;
  if (error && disk.failure != FaultyDisk::Failure::kShortWrite) return *error;
  DiskFile* file = tracked(f);
  const auto end = static_cast<std::uint64_t>(offset + size);
  if (file != nullptr && !disk.resize(*file, std::max(file->size, end))) {
    ++disk.failures;
    return SQLITE_FULL;
  }
  const int result = methods(f)->xWrite(real(f), data, size, offset);
  if (file != nullptr && result == SQLITE_OK) {
    const char* bytes = static_cast<const char*>(data);
    file->unsynced.push_back({offset, Contents(bytes, bytes + size), false});
  }
  return error ? *error : result;
}

int on_truncate(sqlite3_file* f, sqlite3_int64 size) {
  FaultyDiskState& disk = *wrapped(f)->disk;
  const std::lock_guard lock(disk.mutex);
  if (const auto error = disk.before(Kind::kTruncate)) return *error;
  if (DiskFile* file = tracked(f)) {
    file->unsynced.push_back({size, {}, true});
    disk.resize(*file, static_cast<std::uint64_t>(size));
  }
  return methods(f)->xTruncate(real(f), size);
}

int on_sync(sqlite3_file* f, int flags) {
  FaultyDiskState& disk = *wrapped(f)->disk;
  const std::lock_guard lock(disk.mutex);
  if (const auto error = disk.before(Kind::kSync)) return *error;
  if (DiskFile* file = tracked(f)) {
    for (const Change& change : file->unsynced) change.apply(file->durable);
    file->unsynced.clear();
  }
  // The machine below loses no power during a test, and a real sync is what tests would wait for.
  static_cast<void>(flags);
  return SQLITE_OK;
}

int on_size(sqlite3_file* f, sqlite3_int64* out) { return methods(f)->xFileSize(real(f), out); }
int on_lock(sqlite3_file* f, int level) { return methods(f)->xLock(real(f), level); }
int on_unlock(sqlite3_file* f, int level) { return methods(f)->xUnlock(real(f), level); }
int on_reserved(sqlite3_file* f, int* out) { return methods(f)->xCheckReservedLock(real(f), out); }
int on_control(sqlite3_file* f, int op, void* argument) {
  return methods(f)->xFileControl(real(f), op, argument);
}
int on_sector_size(sqlite3_file* f) { return methods(f)->xSectorSize(real(f)); }
int on_characteristics(sqlite3_file* f) { return methods(f)->xDeviceCharacteristics(real(f)); }
int on_shm_map(sqlite3_file* f, int region, int size, int extend, void volatile** out) {
  FaultyDiskState& disk = *wrapped(f)->disk;
  const std::lock_guard lock(disk.mutex);
  DiskFile* file = tracked(f);
  const auto end = static_cast<std::uint64_t>(region + 1) * static_cast<std::uint64_t>(size);
  if (extend != 0 && file != nullptr && end > file->shared_size) {
    if (!disk.take_room(end - file->shared_size)) {
      ++disk.failures;
      errno = ENOSPC;  // SQLite asks for it
      return SQLITE_IOERR_SHMSIZE;
    }
    file->shared_size = end;
  }
  return methods(f)->xShmMap(real(f), region, size, extend, out);
}
int on_shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  return methods(f)->xShmLock(real(f), offset, n, flags);
}
void on_shm_barrier(sqlite3_file* f) { methods(f)->xShmBarrier(real(f)); }
int on_shm_unmap(sqlite3_file* f, int remove) {
  FaultyDiskState& disk = *wrapped(f)->disk;
  const std::lock_guard lock(disk.mutex);
  if (DiskFile* file = tracked(f); file != nullptr && remove != 0) {
    disk.give_room(std::exchange(file->shared_size, 0));
  }
  return methods(f)->xShmUnmap(real(f), remove);
}

constexpr sqlite3_io_methods kMethods = {2,
                                         on_close,
                                         on_read,
                                         on_write,
                                         on_truncate,
                                         on_sync,
                                         on_size,
                                         on_lock,
                                         on_unlock,
                                         on_reserved,
                                         on_control,
                                         on_sector_size,
                                         on_characteristics,
                                         on_shm_map,
                                         on_shm_lock,
                                         on_shm_barrier,
                                         on_shm_unmap,
                                         nullptr,
                                         nullptr};

FaultyDiskState& disk_of(sqlite3_vfs* vfs) { return *static_cast<FaultyDiskState*>(vfs->pAppData); }

int on_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  FaultyDiskState& disk = disk_of(vfs);
  auto* opened = new (file) WrappedFile{{nullptr}, &disk, name};
  const int result = disk.real->xOpen(disk.real, name, opened->real(), flags, out_flags);
  if (opened->real()->pMethods != nullptr) opened->base.pMethods = &kMethods;
  const std::lock_guard lock(disk.mutex);
  if (result == SQLITE_OK && name != nullptr && !disk.files.contains(name)) {
    DiskFile& opened_file = disk.files[name];
    opened_file.durable = read_file(name);
    opened_file.size = opened_file.durable.size();
  }
  return result;
}

int on_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  FaultyDiskState& disk = disk_of(vfs);
  const std::lock_guard lock(disk.mutex);
  if (const auto found = disk.files.find(name); found != disk.files.end()) {
    disk.give_room(found->second.size);
    disk.files.erase(found);
  }
  return disk.real->xDelete(disk.real, name, sync);
}

}  // namespace

FaultyDisk::FaultyDisk() : state_(std::make_unique<FaultyDiskState>()) {
  FaultyDiskState& s = *state_;
  s.real = sqlite3_vfs_find(nullptr);
  s.vfs = *s.real;
  s.vfs.zName = "faulty-disk";
  s.vfs.szOsFile = s.real->szOsFile + static_cast<int>(sizeof(WrappedFile));
  s.vfs.pNext = nullptr;
  s.vfs.pAppData = &s;
  s.vfs.xOpen = on_open;
  s.vfs.xDelete = on_delete;
  // The rest is the real one's, which looks at the structure it was written for.
  static sqlite3_vfs* real_vfs = nullptr;
  real_vfs = s.real;
  s.vfs.xAccess = [](sqlite3_vfs*, const char* name, int flags, int* out) {
    return real_vfs->xAccess(real_vfs, name, flags, out);
  };
  s.vfs.xFullPathname = [](sqlite3_vfs*, const char* name, int size, char* out) {
    return real_vfs->xFullPathname(real_vfs, name, size, out);
  };
  sqlite3_vfs_register(&s.vfs, 1);
}

FaultyDisk::~FaultyDisk() {
  sqlite3_vfs_unregister(&state_->vfs);
  sqlite3_vfs_register(state_->real, 1);
}

std::uint64_t FaultyDisk::operations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->operations;
}

void FaultyDisk::fail_after(std::uint64_t count, Failure failure, bool lasting) {
  const std::lock_guard lock(state_->mutex);
  state_->armed = true;
  state_->fail_at = state_->operations + count;
  state_->failure = failure;
  state_->lasting = lasting;
}

void FaultyDisk::repair() {
  const std::lock_guard lock(state_->mutex);
  state_->armed = false;
}

std::uint64_t FaultyDisk::failures() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failures;
}

void FaultyDisk::leave_free(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->room = bytes;
}

void FaultyDisk::make_room() { leave_free(kEndless); }

std::uint64_t FaultyDisk::free_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->room;
}

bool FaultyDisk::take_room(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  return state_->take_room(bytes);
}

void FaultyDisk::give_room(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->give_room(bytes);
}

void FaultyDisk::watch(std::function<void()> watcher) {
  const std::lock_guard lock(state_->mutex);
  state_->watcher = std::move(watcher);
}

void FaultyDisk::cut_power(const std::filesystem::path& directory, std::mt19937_64& random) const {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [name, file] : state_->files) {
    Contents contents = file.durable;
    for (const Change& change : file.unsynced) {
      const auto luck = random() % 3;
      if (luck == 0) continue;
      Change part = change;
      if (luck == 1) part.data.resize(part.data.size() / 512 / 2 * 512);  // whole sectors
      part.apply(contents);
    }
    std::ofstream out(directory / std::filesystem::path(name).filename(), std::ios::binary);
    out.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  }
}

}  // namespace hub::test
