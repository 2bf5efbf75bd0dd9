#include "client/net/files.hpp"

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/fault.hpp"

namespace hub::client {

namespace fs = std::filesystem;

fs::path state_directory() {
  const auto set = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  // A relative XDG_STATE_HOME is to be ignored (XDG Base Directory Specification, "Basics").
  if (const auto home = set("XDG_STATE_HOME"); home.is_absolute()) return home / "spoke";
  if (const auto home = set("HOME"); !home.empty()) return home / ".local/state/spoke";
  return {};
}

void fail(std::string_view what, const fs::path& path, int error) {
  throw FileTrouble{
      fmt::format("cannot {} {}: {}", what, path.native(), std::generic_category().message(error))};
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}
Fd::Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void make_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  fs::create_directories(directory.parent_path(), error);
  if (error) fail("make the directory", directory.parent_path(), error.value());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    fail("make the directory", directory, errno);
  }
  Directory(directory.parent_path()).sync();
}

namespace {

constexpr mode_t kOthersWrite = 022;
constexpr mode_t kOthersReadOrWrite = 066;

/// Refuses a file that others may do one of `forbidden` with.
std::string read_all(const Fd& file, std::size_t max_bytes, const fs::path& path,
                     mode_t forbidden) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("read", path, errno);
  if (!S_ISREG(status.st_mode)) throw FileTrouble{path.native() + " is no file"};
  if ((status.st_mode & forbidden) != 0 && !fault("known_hubs_writable_by_others")) {
    const bool writable = (status.st_mode & kOthersWrite) != 0;
    throw FileTrouble{fmt::format("others may {1} {0}; run: chmod 600 {0}", path.native(),
                                  writable ? "write to" : "read")};
  }
  std::string text;
  std::string piece(16'384, '\0');
  while (text.size() <= max_bytes) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) break;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

std::optional<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) fail("read", path, errno);
  return read_all(file, max_bytes, path, kOthersWrite);
}

void write_all(const Fd& file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(file.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

Directory::Directory(fs::path path)
    : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_.get() < 0) fail("open", path_, errno);
}

void Directory::rename(const fs::path& path) {
  struct stat here {};
  struct stat there {};
  if (::fstat(fd_.get(), &here) != 0) fail("read", path_, errno);
  if (::stat(path.c_str(), &there) != 0) {
    if (::rename(path_.c_str(), path.c_str()) != 0) fail("rename", path_, errno);
    Directory(path.parent_path()).sync();
  } else if (here.st_dev != there.st_dev || here.st_ino != there.st_ino) {
    throw FileTrouble{
        fmt::format("{} is to become {}, which is there already: move one of them away",
                    path_.native(), path.native())};
  }
  path_ = path;
}

void Directory::refuse_shared() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) fail("read", path_, errno);
  if ((status.st_mode & kOthersWrite) == 0) return;
  throw FileTrouble{fmt::format("others may write to {0}; run: chmod 700 {0}", path_.native())};
}

Fd Directory::open(const std::string& name, int flags) const {
  Fd file(::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) fail("open", path(name), errno);
  return file;
}

std::optional<std::string> Directory::read(const std::string& name, std::size_t max_bytes) const {
  const Fd file(::openat(fd_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) fail("read", path(name), errno);
  std::string text = read_all(file, max_bytes, path(name), kOthersReadOrWrite);
  if (text.size() <= max_bytes) return text;
  throw FileTrouble{fmt::format("{} is longer than {} bytes", path(name).native(), max_bytes)};
}

void Directory::replace(const std::string& name, std::string_view text) const {
  const std::string part = name + ".new";
  ::unlinkat(fd_.get(), part.c_str(), 0);  // left by a crash; the lock is held
  const Fd file = open(part, O_CREAT | O_EXCL | O_WRONLY);
  try {
    write_all(file, text, path(part));
    if (::fsync(file.get()) != 0) fail("write", path(part), errno);
    if (::renameat(fd_.get(), part.c_str(), fd_.get(), name.c_str()) != 0) {
      fail("write", path(name), errno);
    }
  } catch (const FileTrouble&) {
    ::unlinkat(fd_.get(), part.c_str(), 0);
    throw;
  }
  sync();
}

bool Directory::link(const std::string& name, const std::string& other) const {
  if (::linkat(fd_.get(), name.c_str(), fd_.get(), other.c_str(), 0) == 0) return true;
  if (errno != EEXIST && errno != ENOENT) fail("keep", path(other), errno);
  return errno == ENOENT;
}

// Some file systems cannot: the name is there anyway.
void Directory::sync() const { ::fsync(fd_.get()); }

}  // namespace hub::client
