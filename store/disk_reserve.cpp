#include "store/disk_reserve.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "protocol/fault.hpp"
#include "protocol/text.hpp"
#include "store/files.hpp"

namespace hub::store {

namespace {

constexpr std::chrono::seconds kBetweenTries{1};

// SQLite's shared memory takes 32 KiB at once, a key file one block.
constexpr std::uint64_t kStartRoom = std::uint64_t{256} * 1024;

constexpr std::uint64_t kBlock = 512;  // of st_blocks, whatever the file system's own are

off_t as_offset(std::uint64_t bytes) { return static_cast<off_t>(bytes); }

/// The bytes of disk that the file has; nothing where it is no file.
std::optional<std::uint64_t> allocated_bytes(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_blocks) * kBlock;
}

bool keeps(int fd, std::uint64_t size) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_size == as_offset(size) &&
         allocated_bytes(fd).value_or(0) >= size;
}

std::string shown(std::uint64_t bytes) {
  constexpr std::uint64_t kMiB = std::uint64_t{1024} * 1024;
  return bytes % kMiB == 0 ? fmt::format("{} MiB", bytes / kMiB)
                           : fmt::format("{} KiB", bytes / 1024);
}

/// Once a second; at once too where the clock was set back.
bool is_over(const std::optional<WallTime>& last, WallTime now) {
  return !last || now >= *last + kBetweenTries || now < *last;
}

}  // namespace

std::filesystem::path reserve_file(const std::filesystem::path& database) {
  return directory_of(database) / "reserve";
}

std::optional<std::uint64_t> free_bytes(const std::filesystem::path& directory) noexcept {
  struct statvfs status {};
  if (::statvfs(directory.c_str(), &status) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

void make_room_to_start(const std::filesystem::path& database) noexcept {
  if (fault("start_needs_room")) return;
  if (free_bytes(directory_of(database)).value_or(kStartRoom) >= kStartRoom) return;
  ReserveFile(reserve_file(database), std::nullopt).give_up();
}

// --- The file ---

ReserveFile::ReserveFile(std::filesystem::path file, std::optional<std::uint64_t> size)
    : file_(std::move(file)), size_(size.value_or(0)) {
  if (size && *size == 0) ::unlink(file_.c_str());
  const Fd fd(::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0) return;
  held_ = size ? keeps(fd.get(), size_) : allocated_bytes(fd.get()).value_or(0) > 0;
}

bool ReserveFile::take() {
  if (held_ || size_ == 0) return held_;
  const Fd fd(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (fd.get() < 0) return false;
  const auto has = allocated_bytes(fd.get());
  if (!has) return false;
  const std::uint64_t wanted = fault("reserve_without_margin") ? size_ : 2 * size_;
  const std::uint64_t lacking = wanted - std::min(wanted, *has);
  if (free_bytes(directory_of(file_)).value_or(lacking) < lacking) return false;
  held_ = allocate(fd.get(), wanted);
  if (!held_) give_up();
  return held_;
}

/// What statvfs says is not all: a quota shows only when the room is taken.
bool ReserveFile::allocate(int fd, std::uint64_t wanted) const {
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(fd, 0, as_offset(wanted));
  return error == 0 && ::ftruncate(fd, as_offset(size_)) == 0;
}

void ReserveFile::give_up() noexcept {
  held_ = false;
  // Truncated, not removed: making it again then needs no room in the directory. Some file systems
  // need room even for truncating.
  const Fd fd(::open(file_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (fd.get() < 0 || ::ftruncate(fd.get(), 0) != 0) {
    ::unlink(file_.c_str());
    return;
  }
  ::fsync(fd.get());  // a journal gives freed blocks out only after this
}

// --- The disk ---

DiskRoom::DiskRoom(std::unique_ptr<Reserve> reserve, const std::string& place)
    : reserve_(std::move(reserve)), place_(printable(place)) {
  if (reserve_->size() == 0 || reserve_->take()) return;
  tight_ = true;
  said_ = fmt::format(
      "the reserve of {} for a full disk cannot be made in {}: posts and follows are refused until "
      "{} are free there; make room, or set a smaller disk-reserve",
      shown(reserve_->size()), place_, shown(2 * reserve_->size()));
}

bool DiskRoom::on_full(WallTime now) {
  const bool had_reserve = reserve_->is_held();
  if (had_reserve && !fault("reserve_not_released")) reserve_->give_up();
  last_try_ = now;
  if (tight_) return had_reserve;
  tight_ = true;
  since_ = now;
  refused_before_ = refused_;
  const std::uint64_t size = reserve_->size();
  said_ = fmt::format("the disk is full: posts and follows are refused until {} in {}",
                      size != 0 ? shown(2 * size) + " are free" : "there is room", place_);
  if (size != 0) {
    said_ += fmt::format(
        "; all else goes on in the room of {} that was kept for this, which is "
        "not endless: make room soon",
        shown(size));
  }
  return had_reserve;
}

void DiskRoom::on_growth_written(WallTime now) {
  if (tight_ && reserve_->size() == 0) become_plenty(now);
}

void DiskRoom::try_again(WallTime now) {
  if (!tight_ || reserve_->size() == 0) return;
  if (!since_) since_ = now;
  if (!is_over(last_try_, now) || fault("tight_never_ends")) return;
  last_try_ = now;
  if (reserve_->take()) become_plenty(now);
}

void DiskRoom::become_plenty(WallTime now) {
  tight_ = false;
  const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now - since_.value_or(now));
  said_ = fmt::format(
      "there is room on the disk again: posts and follows are taken; it was full for {} s, and {} "
      "were refused",
      lasted.count(), refused_ - refused_before_);
  since_.reset();
}

}  // namespace hub::store
