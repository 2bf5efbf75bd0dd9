// The data directory: hub.db, hub.key, reset.key, hubd.sock, hubd.lock. Made with mode 0700; who
// writes to it holds the lock, so that there is one hubd, or one hubadmin working without it, at a
// time.
#pragma once

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace hub::store {

class DataDirectory {
 public:
  explicit DataDirectory(std::filesystem::path path) : path_(std::move(path)) {}

  /// Where hubd and hubadmin look unless told: $HUB_DATA, else $XDG_DATA_HOME/hub, else
  /// ~/.local/share/hub. Empty where the environment names none of them.
  static std::filesystem::path default_path();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return path_ / "hub.db"; }
  std::filesystem::path hub_key() const { return path_ / "hub.key"; }
  std::filesystem::path reset_key() const { return path_ / "reset.key"; }
  std::filesystem::path control_socket() const { return path_ / "hubd.sock"; }
  std::filesystem::path lock_file() const { return path_ / "hubd.lock"; }

  /// Makes the directory, mode 0700, where it is missing. Throws std::runtime_error with a
  /// sentence.
  void create() const;

 private:
  std::filesystem::path path_;
};

/// An advisory lock (flock) on the directory, held for this object's life; the kernel releases it
/// when the process ends, however it ends. The file names its holder: program and process ID.
class DirectoryLock {
 public:
  /// Nothing where another process holds it. Throws std::runtime_error where the file cannot be
  /// made.
  static std::optional<DirectoryLock> take(const DataDirectory& directory,
                                           const std::string& program);
  /// "hubd (process 4711)", as the lock file says; empty where nobody holds the lock.
  static std::string holder(const DataDirectory& directory);

  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&& other) noexcept;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace hub::store
