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

class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& file)
      : file_(file),
        fd_(::open(file.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    if (fd_ < 0) fail(errno, file);
  }
  ~OpenFile() { ::close(fd_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  void give_to(uid_t user, gid_t group) {
    if (::geteuid() == 0 && ::fchown(fd_, user, group) != 0) fail(errno, file_);
  }
  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t wrote = ::write(fd_, content.data(), content.size());
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) fail(errno, file_);
      content.remove_prefix(static_cast<std::size_t>(wrote));
    }
  }
  void sync() {
    if (::fsync(fd_) != 0) fail(errno, file_);
  }

 private:
  const std::filesystem::path& file_;
  int fd_;
};

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

bool means_no_room(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

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

void replace_private_file(const std::filesystem::path& file, std::string_view content) {
  const std::filesystem::path directory = directory_of(file);
  struct stat owner {};
  if (::stat(file.c_str(), &owner) != 0 && ::stat(directory.c_str(), &owner) != 0) {
    fail(errno, directory);
  }
  std::filesystem::path part = file;
  part += ".new";
  std::error_code ignored;
  std::filesystem::remove(part, ignored);  // left by a crash
  try {
    OpenFile out(part);
    out.give_to(owner.st_uid, owner.st_gid);
    out.write(content);
    out.sync();
    std::filesystem::rename(part, file);
  } catch (const std::exception&) {
    std::filesystem::remove(part, ignored);
    throw;
  }
  sync_path(directory);
}

}  // namespace hub::store
