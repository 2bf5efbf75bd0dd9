#include "store/data_directory.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/files.hpp"

namespace hub::store {

namespace {

std::runtime_error failure(const char* what, const std::filesystem::path& path, int error) {
  return std::runtime_error(
      fmt::format("cannot {} {}: {}", what, path.string(), std::generic_category().message(error)));
}

// holder() takes the lock for an instant to see whether it is free; a start at that very instant
// must not take the asker for a holder.
constexpr int kTries = 20;
constexpr std::chrono::milliseconds kBetweenTries{5};

bool lock(int fd) {
  for (int i = 0; i < kTries; ++i) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    std::this_thread::sleep_for(kBetweenTries);
  }
  errno = EWOULDBLOCK;
  return false;
}

}  // namespace

void DataDirectory::create() const {
  std::error_code error;
  if (std::filesystem::is_directory(path_, error)) return;
  if (path_.has_parent_path()) {
    std::filesystem::create_directories(path_.parent_path(), error);
    if (error) throw failure("make the directory", path_.parent_path(), error.value());
  }
  if (::mkdir(path_.c_str(), 0700) != 0) throw failure("make the directory", path_, errno);
}

std::optional<DirectoryLock> DirectoryLock::take(const DataDirectory& directory,
                                                 const std::string& program) {
  const std::filesystem::path file = directory.lock_file();
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) throw failure("make the lock file", file, errno);
  DirectoryLock held(fd);
  if (!lock(fd)) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    throw failure("lock", file, errno);
  }
  // Written over what is there, not after emptying it: that needs no room on a full disk. The lock
  // holds without a name, too.
  const std::string text = fmt::format("{} (process {})\n", program, ::getpid());
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  if (written < 0 && !means_no_room(errno)) throw failure("write the lock file", file, errno);
  if (::ftruncate(fd, std::max<ssize_t>(written, 0)) != 0) {
    throw failure("write the lock file", file, errno);
  }
  return held;
}

std::string DirectoryLock::holder(const DataDirectory& directory) {
  const int fd = ::open(directory.lock_file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return {};
  const DirectoryLock closes_it(fd);
  if (::flock(fd, LOCK_SH | LOCK_NB) == 0) return {};
  std::array<char, 256> buffer{};
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  std::string text(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  text.resize(std::min(text.find('\n'), text.size()));
  return text.empty() ? "another program" : text;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DirectoryLock& DirectoryLock::operator=(DirectoryLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace hub::store
