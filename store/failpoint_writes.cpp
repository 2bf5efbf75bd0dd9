#include "store/failpoint_writes.hpp"

#ifdef HUB_FAILPOINTS

#include <mutex>

#include <sqlite3.h>
#include <unistd.h>

#include "protocol/failpoint.hpp"

namespace hub::store {

namespace {

// SQLite's own table of system calls, meant for tests, says which of these its build uses.
ssize_t write_then_fail(int fd, const void* data, size_t size) {
  const ssize_t written = ::write(fd, data, size);
  failpoint("database_write");
  return written;
}

ssize_t pwrite_then_fail(int fd, const void* data, size_t size, off_t offset) {
  const ssize_t written = ::pwrite(fd, data, size, offset);
  failpoint("database_write");
  return written;
}

void replace(const char* call, sqlite3_syscall_ptr by) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
  if (vfs->xGetSystemCall(vfs, call) != nullptr) vfs->xSetSystemCall(vfs, call, by);
}

}  // namespace

void put_failpoint_behind_writes() {
  static std::once_flag once;
  std::call_once(once, [] {
    static_assert(sizeof(off_t) == 8, "pwrite and pwrite64 are one");
    replace("write", reinterpret_cast<sqlite3_syscall_ptr>(&write_then_fail));
    replace("pwrite", reinterpret_cast<sqlite3_syscall_ptr>(&pwrite_then_fail));
    replace("pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(&pwrite_then_fail));
  });
}

}  // namespace hub::store

#endif
