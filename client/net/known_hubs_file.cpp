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

#include "client/net/files.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

namespace {

namespace fs = std::filesystem;

constexpr int kLockTries = 100;
constexpr std::chrono::milliseconds kBetweenTries{20};

void lock(const Fd& file, const fs::path& path) {
  if (fault("known_hubs_not_locked")) return;
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return;
    if (errno != EWOULDBLOCK && errno != EINTR) fail("lock", path, errno);
    std::this_thread::sleep_for(kBetweenTries);
  }
  throw FileTrouble{fmt::format("another program keeps {} locked", path.native())};
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

KnownHubsFile::KnownHubsFile(fs::path directory) : directory_(std::move(directory)) {}

tl::expected<KnownHubs, std::string> KnownHubsFile::load() const {
  try {
    return parse(path(), read_file(path(), KnownHubs::kMaxBytes));
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
    const auto before = read_file(real, KnownHubs::kMaxBytes);
    KnownHubs known = parse(real, before);
    if (auto changed = change(known); !changed) return changed;
    const std::string after = known.text();
    if (after != before.value_or("")) {
      Directory(real.parent_path()).replace(real.filename().native(), after);
    }
    return {};
  } catch (const FileTrouble& trouble) {
    return tl::unexpected(trouble.message);
  }
}

}  // namespace hub::client
