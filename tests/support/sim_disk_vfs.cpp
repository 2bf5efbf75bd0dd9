// What SQLite calls: https://sqlite.org/vfs.html, https://sqlite.org/c3ref/io_methods.html.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

#include "tests/support/sim_disk_state.hpp"

namespace hub::test {

/// An open file. SQLite gives it its memory.
struct SimHandle {
  sqlite3_file base{};
  SimDiskState* disk = nullptr;
  std::shared_ptr<SimFile> file;
  std::uint64_t generation = 0;
  int lock = SQLITE_LOCK_NONE;
  bool is_mapped = false;
  unsigned shm_shared = 0;  // a bit a slot
  unsigned shm_exclusive = 0;

  bool is_dead() const { return disk->stopped || generation != disk->generation; }
};

namespace {

using Kind = SimDiskState::Kind;

SimHandle* handle(sqlite3_file* file) { return reinterpret_cast<SimHandle*>(file); }
SimDiskState& disk_of(sqlite3_vfs* vfs) { return *static_cast<SimDiskState*>(vfs->pAppData); }

std::optional<int> before(SimHandle& h, Kind kind) {
  if (h.generation != h.disk->generation) return SQLITE_IOERR;
  return h.disk->before(kind);
}

// --- Reading and writing ---

int on_read(sqlite3_file* f, void* out, int size, sqlite3_int64 offset) {
  SimHandle& h = *handle(f);
  if (h.is_dead()) return SQLITE_IOERR_READ;
  const SimFile::Contents& contents = h.file->now;
  const auto wanted = static_cast<std::size_t>(size);
  const auto at = std::min(static_cast<std::size_t>(offset), contents.size());
  const std::size_t got = std::min(wanted, contents.size() - at);
  if (got > 0) std::memcpy(out, contents.data() + at, got);
  if (got == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(out) + got, 0, wanted - got);
  return SQLITE_IOERR_SHORT_READ;
}

int on_write(sqlite3_file* f, const void* data, int size, sqlite3_int64 offset) {
  SimHandle& h = *handle(f);
  const auto error = before(h, Kind::kWrite);
  if (error && (h.is_dead() || h.disk->failure != SimDisk::Failure::kShortWrite)) return *error;
  const auto written = static_cast<std::size_t>(error ? size / 2 : size);
  h.file->write(static_cast<std::size_t>(offset), static_cast<const char*>(data), written);
  return error ? *error : SQLITE_OK;
}

int on_truncate(sqlite3_file* f, sqlite3_int64 size) {
  SimHandle& h = *handle(f);
  if (const auto error = before(h, Kind::kTruncate)) return *error;
  h.file->truncate(static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int on_sync(sqlite3_file* f, int) {
  SimHandle& h = *handle(f);
  if (const auto error = before(h, Kind::kSync)) return *error;
  if (h.disk->ignores_syncs) return SQLITE_OK;
  h.file->sync();
  if (!h.file->has_durable_name) h.disk->sync_name(h.file);
  return SQLITE_OK;
}

int on_size(sqlite3_file* f, sqlite3_int64* out) {
  SimHandle& h = *handle(f);
  if (h.is_dead()) return SQLITE_IOERR_FSTAT;
  *out = static_cast<sqlite3_int64>(h.file->now.size());
  return SQLITE_OK;
}

// --- Locks ---

bool is_others(const SimHandle* holder, const SimHandle& self) {
  return holder != nullptr && holder != &self;
}

int on_lock(sqlite3_file* f, int level) {
  SimHandle& h = *handle(f);
  if (h.is_dead()) return SQLITE_IOERR_LOCK;
  if (h.lock >= level) return SQLITE_OK;
  SimFile& file = *h.file;
  if (level == SQLITE_LOCK_SHARED) {
    if (is_others(file.pending, h) || is_others(file.exclusive, h)) return SQLITE_BUSY;
    ++file.shared;
  } else if (level == SQLITE_LOCK_RESERVED) {
    if (is_others(file.reserved, h)) return SQLITE_BUSY;
    file.reserved = &h;
  } else {
    if (is_others(file.reserved, h) || is_others(file.pending, h)) return SQLITE_BUSY;
    file.pending = &h;
    h.lock = SQLITE_LOCK_PENDING;
    if (file.shared > 1) return SQLITE_BUSY;
    file.exclusive = &h;
  }
  h.lock = level;
  return SQLITE_OK;
}

int on_unlock(sqlite3_file* f, int level) {
  SimHandle& h = *handle(f);
  SimFile& file = *h.file;
  if (h.lock <= level) return SQLITE_OK;
  for (SimHandle** holder : {&file.reserved, &file.pending, &file.exclusive}) {
    if (*holder == &h) *holder = nullptr;
  }
  if (level == SQLITE_LOCK_NONE) --file.shared;
  h.lock = level;
  return SQLITE_OK;
}

int on_check_reserved(sqlite3_file* f, int* out) {
  *out = handle(f)->file->reserved != nullptr ? 1 : 0;
  return SQLITE_OK;
}

// --- Shared memory ---

int on_shm_map(sqlite3_file* f, int region, int size, int extend, void volatile** out) {
  SimHandle& h = *handle(f);
  *out = nullptr;
  if (h.is_dead()) return SQLITE_IOERR_SHMMAP;
  SimFile& file = *h.file;
  if (!h.is_mapped) ++file.mapped_by;
  h.is_mapped = true;
  const auto index = static_cast<std::size_t>(region);
  while (extend != 0 && file.regions.size() <= index) {
    file.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  if (index < file.regions.size()) *out = file.regions[index].get();
  return SQLITE_OK;
}

void release_slots(SimHandle& h, unsigned mask) {
  for (unsigned i = 0; i < SQLITE_SHM_NLOCK; ++i) {
    const unsigned bit = 1u << i;
    SimFile::ShmSlot& slot = h.file->slots[i];
    if ((mask & bit & h.shm_shared) != 0) --slot.shared;
    if ((mask & bit & h.shm_exclusive) != 0) slot.exclusive = nullptr;
  }
  h.shm_shared &= ~mask;
  h.shm_exclusive &= ~mask;
}

int on_shm_lock(sqlite3_file* f, int first, int count, int flags) {
  SimHandle& h = *handle(f);
  if (h.is_dead()) return SQLITE_IOERR_SHMLOCK;
  const unsigned mask = ((1u << count) - 1) << first;
  if ((flags & SQLITE_SHM_UNLOCK) != 0) {
    release_slots(h, mask);
    return SQLITE_OK;
  }
  const bool shared = (flags & SQLITE_SHM_SHARED) != 0;
  const auto begin = h.file->slots.begin() + first;
  for (auto slot = begin; slot != begin + count; ++slot) {
    const unsigned bit = 1u << (slot - h.file->slots.begin());
    const int own = (h.shm_shared & bit) != 0 ? 1 : 0;
    if (is_others(slot->exclusive, h) || (!shared && slot->shared > own)) return SQLITE_BUSY;
  }
  for (auto slot = begin; slot != begin + count; ++slot) {
    const unsigned bit = 1u << (slot - h.file->slots.begin());
    if (!shared) slot->exclusive = &h;
    if (shared && (h.shm_shared & bit) == 0) ++slot->shared;
  }
  (shared ? h.shm_shared : h.shm_exclusive) |= mask;
  return SQLITE_OK;
}

void on_shm_barrier(sqlite3_file*) {}

int on_shm_unmap(sqlite3_file* f, int) {
  SimHandle& h = *handle(f);
  release_slots(h, ~0u);
  if (h.is_mapped && --h.file->mapped_by == 0) h.file->regions.clear();
  h.is_mapped = false;
  return SQLITE_OK;
}

// --- Files by name ---

int on_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int on_sector_size(sqlite3_file*) { return 4096; }
int on_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int on_close(sqlite3_file* f) {
  SimHandle* h = handle(f);
  on_shm_unmap(f, 0);
  on_unlock(f, SQLITE_LOCK_NONE);
  h->~SimHandle();
  return SQLITE_OK;
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
                                         on_check_reserved,
                                         on_control,
                                         on_sector_size,
                                         on_characteristics,
                                         on_shm_map,
                                         on_shm_lock,
                                         on_shm_barrier,
                                         on_shm_unmap,
                                         nullptr,
                                         nullptr};

int on_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  SimDiskState& disk = disk_of(vfs);
  file->pMethods = nullptr;
  if (disk.stopped) return SQLITE_CANTOPEN;
  std::shared_ptr<SimFile> found;
  if (name == nullptr) {
    found = std::make_shared<SimFile>();  // a temporary file
  } else if (const auto known = disk.files.find(name); known != disk.files.end()) {
    found = known->second;
  } else {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    found = disk.files[name] = std::make_shared<SimFile>();
  }
  auto* opened = new (file) SimHandle;
  opened->disk = &disk;
  opened->file = std::move(found);
  opened->generation = disk.generation;
  opened->base.pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int on_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  SimDiskState& disk = disk_of(vfs);
  if (disk.stopped) return SQLITE_IOERR_DELETE;
  const auto found = disk.files.find(name);
  if (found == disk.files.end()) return SQLITE_IOERR_DELETE_NOENT;
  if (sync == 0 && found->second->has_durable_name) disk.removed[name] = found->second;
  disk.files.erase(found);
  return SQLITE_OK;
}

int on_access(sqlite3_vfs* vfs, const char* name, int, int* out) {
  *out = disk_of(vfs).files.contains(name) ? 1 : 0;
  return SQLITE_OK;
}

int on_full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int on_randomness(sqlite3_vfs* vfs, int size, char* out) {
  std::generate(out, out + size, [&] { return static_cast<char>(disk_of(vfs).dice()); });
  return size;
}

int on_sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int on_time(sqlite3_vfs* vfs, sqlite3_int64* out) {
  constexpr sqlite3_int64 kUnixEpoch = 210'866'760'000'000;  // in ms since noon, 4714 BC
  const SimDiskState& disk = disk_of(vfs);
  const auto now = disk.clock ? disk.clock().time_since_epoch() : WallTime::duration{};
  *out = kUnixEpoch + std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return SQLITE_OK;
}

}  // namespace

void register_vfs(SimDiskState& state) {
  state.real = sqlite3_vfs_find(nullptr);
  sqlite3_vfs& vfs = state.vfs;
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(sizeof(SimHandle));
  vfs.mxPathname = 1024;
  vfs.zName = "sim-disk";
  vfs.pAppData = &state;
  vfs.xOpen = on_open;
  vfs.xDelete = on_delete;
  vfs.xAccess = on_access;
  vfs.xFullPathname = on_full_path;
  vfs.xRandomness = on_randomness;
  vfs.xSleep = on_sleep;
  vfs.xCurrentTime = [](sqlite3_vfs* self, double* out) {
    sqlite3_int64 ms = 0;
    const int result = on_time(self, &ms);
    *out = static_cast<double>(ms) / 86'400'000.0;
    return result;
  };
  vfs.xGetLastError = [](sqlite3_vfs*, int, char*) { return 0; };
  vfs.xCurrentTimeInt64 = on_time;
  sqlite3_vfs_register(&vfs, 1);
  sqlite3_randomness(0, nullptr);  // begins anew, from this disk's seed
}

void unregister_vfs(SimDiskState& state) {
  sqlite3_vfs_unregister(&state.vfs);
  sqlite3_vfs_register(state.real, 1);
}

}  // namespace hub::test
