#include "store/files.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hub::store {

namespace {

[[noreturn]] void fail(int error, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(), path.string());
}

}  // namespace

void create_private_file(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) fail(errno, file);
  ::close(fd);
}

void sync_path(const std::filesystem::path& file_or_directory) {
  const int fd = ::open(file_or_directory.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(errno, file_or_directory);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (result != 0) fail(error, file_or_directory);
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

void rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    // Some file systems (NFS, vfat) know no RENAME_NOREPLACE.
    if (errno != EINVAL && errno != ENOSYS) fail(errno, to);
    if (std::filesystem::exists(to)) fail(EEXIST, to);
    std::filesystem::rename(from, to);
  }
  sync_path(directory_of(to));
}

}  // namespace hub::store
