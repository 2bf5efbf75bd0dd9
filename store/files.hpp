// The few file operations that durability and privacy need and <filesystem> lacks.
// What can fail throws std::system_error.
#pragma once

#include <filesystem>
#include <string_view>

namespace hub::store {

/// A file descriptor, closed at the end; -1 is none.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Whether errno says that a full disk, a quota or a limit is why nothing was written.
bool means_no_room(int error);

/// Makes an empty file, mode 0600. Fails where anything of that name exists.
void create_private_file(const std::filesystem::path& file);

/// fsync: what was written to the file, or the names in the directory, are on disk afterwards.
void sync_path(const std::filesystem::path& file_or_directory);

/// The directory that holds `file`, "." for a bare name.
std::filesystem::path directory_of(const std::filesystem::path& file);

/// Renames and syncs the directory; fails with EEXIST where `to` exists already.
void rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes or replaces `file` as a whole, mode 0600: written beside it under the name FILE.new,
/// synced, renamed. It keeps its owner; a new one gets the directory's, where this process (root)
/// may give files away, so that a hub's own user can still read what root made.
void replace_private_file(const std::filesystem::path& file, std::string_view content);

}  // namespace hub::store
