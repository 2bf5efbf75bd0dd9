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
}

std::optional<std::string> read_file(const fs::path& path, std::size_t max_bytes) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) fail("read", path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("read", path, errno);
  if (!S_ISREG(status.st_mode)) throw FileTrouble{path.native() + " is no file"};
  if ((status.st_mode & 022) != 0 && !fault("known_hubs_writable_by_others")) {
    throw FileTrouble{fmt::format("others may write to {0}; run: chmod 600 {0}", path.native())};
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

void write_all(const Fd& file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(file.get(), text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

void sync_directory(const fs::path& directory) {
  const Fd file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.get() >= 0) ::fsync(file.get());  // some file systems cannot: the name is there anyway
}

void replace_file(const fs::path& path, std::string_view text) {
  const fs::path part = path.native() + ".new";
  ::unlink(part.c_str());  // left by a crash; the lock is held
  const Fd file(::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (file.get() < 0) fail("write", part, errno);
  try {
    write_all(file, text, part);
    if (::fsync(file.get()) != 0) fail("write", part, errno);
    if (::rename(part.c_str(), path.c_str()) != 0) fail("write", path, errno);
  } catch (const FileTrouble&) {
    ::unlink(part.c_str());
    throw;
  }
  sync_directory(path.parent_path());
}

}  // namespace hub::client
