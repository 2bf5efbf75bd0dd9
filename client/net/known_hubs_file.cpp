#include "client/net/known_hubs_file.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/fault.hpp"

namespace hub::client {

namespace {

namespace fs = std::filesystem;

constexpr int kLockTries = 100;
constexpr std::chrono::milliseconds kBetweenTries{20};

/// Thrown and caught in this file.
struct FileTrouble {
  std::string message;
};

[[noreturn]] void fail(std::string_view what, const fs::path& path, int error) {
  throw FileTrouble{
      fmt::format("cannot {} {}: {}", what, path.native(), std::generic_category().message(error))};
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void make_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return;
  fs::create_directories(directory.parent_path(), error);
  if (error) fail("make the directory", directory.parent_path(), error.value());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    fail("make the directory", directory, errno);
  }
}

void lock(const Fd& file, const fs::path& path) {
  if (fault("known_hubs_not_locked")) return;
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK && errno != EINTR) fail("lock", path, errno);
    std::this_thread::sleep_for(kBetweenTries);
  }
  throw FileTrouble{fmt::format("another program keeps {} locked", path.native())};
}

/// Nothing where there is no file.
std::optional<std::string> read_file(const fs::path& path) {
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
  while (text.size() <= KnownHubs::kMaxBytes) {
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

KnownHubs parse(const fs::path& path, const std::optional<std::string>& text) {
  auto known = KnownHubs::parse(text.value_or(""));
  if (known) return std::move(*known);
  throw FileTrouble{fmt::format("{} is longer than {} bytes", path.native(), KnownHubs::kMaxBytes)};
}

/// Where the file really is, so that a symbolic link to it is kept.
fs::path real_path(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return path;
  fs::path real = fs::weakly_canonical(path, error);
  return error ? path : real;
}

}  // namespace

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

KnownHubsFile::KnownHubsFile(fs::path directory) : directory_(std::move(directory)) {}

tl::expected<KnownHubs, std::string> KnownHubsFile::load() const {
  try {
    return parse(path(), read_file(path()));
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

tl::expected<void, std::string> KnownHubsFile::update(const Change& change) const {
  try {
    make_directory(directory_);
    const fs::path lock_path = path().native() + ".lock";
    const Fd lock_file(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock_file.get() < 0) fail("make the lock file", lock_path, errno);
    lock(lock_file, lock_path);
    const fs::path real = real_path(path());
    const auto before = read_file(real);
    KnownHubs known = parse(real, before);
    if (auto changed = change(known); !changed) return changed;
    const std::string after = known.text();
    if (after != before.value_or("")) replace_file(real, after);
    return {};
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

}  // namespace hub::client
