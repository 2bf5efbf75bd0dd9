// Small files that last: read, written whole or in place, and synced. What fails throws
// FileTrouble, which the classes of the files catch. Inside client/net only.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace hub::client {

/// Where spoke keeps what lasts; empty where the environment names no home.
std::filesystem::path state_directory();

struct FileTrouble {
  std::string message;  // a sentence
};
[[noreturn]] void fail(std::string_view what, const std::filesystem::path& path, int error);

/// A file descriptor; closed at the end.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept;
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Its parents as the umask has it, itself mode 0700. Its name lasts.
void make_directory(const std::filesystem::path& directory);
/// Nothing where there is no file; of a longer one the first `max_bytes` and some more.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t max_bytes);
void write_all(const Fd& file, std::string_view text, const std::filesystem::path& path);

/// An open directory. It stays the same one where another program gives it another name meanwhile;
/// only messages name it as it was.
class Directory {
 public:
  Directory() = default;  // none
  explicit Directory(std::filesystem::path path);

  std::filesystem::path path(const std::string& name) const { return path_ / name; }
  /// Gives it this name, which lasts; nothing happens where it has it. One that another directory
  /// has is refused.
  void rename(const std::filesystem::path& path);
  /// Nothing where others may not write to it.
  void refuse_shared() const;
  /// With mode 0600 where it is made; no symbolic link is followed.
  Fd open(const std::string& name, int flags) const;
  /// As read_file(); and one that is longer, or that others can read, is refused.
  std::optional<std::string> read(const std::string& name, std::size_t max_bytes) const;
  /// Beside it, synced, then renamed into place; mode 0600. Who calls it holds the file's lock.
  void replace(const std::string& name, std::string_view text) const;
  /// Another name for the file, if there is one; false where that name is taken.
  bool link(const std::string& name, const std::string& other) const;
  void sync() const;

 private:
  std::filesystem::path path_;
  Fd fd_;
};

}  // namespace hub::client
