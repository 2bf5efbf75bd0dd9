// Room that is kept for a full disk, so that what must not wait can still be written then: logouts,
// logins, deletions, an administrator's work. While the disk is full only what makes the database
// grow is refused (is_growth()), and the rest is written in the room that the reserve left.
//
// One thread: the store's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "protocol/types.hpp"

namespace hub::store {

class Reserve {
 public:
  virtual ~Reserve() = default;

  /// How many bytes are to be kept; 0: none, and take() keeps nothing.
  virtual std::uint64_t size() const = 0;
  virtual bool is_held() const = 0;
  /// Keeps the room. Where it is not kept already that much must be free once more beside it, and
  /// else this is false and nothing is kept: or a disk with just that much free would be full, have
  /// room and be full again by turns.
  virtual bool take() = 0;
  /// The room is anybody's.
  virtual void give_up() noexcept = 0;
};

/// The reserve as a file of that size, whose blocks are allocated and never written to.
class ReserveFile final : public Reserve {
 public:
  /// `size` of nothing: what is there is left and may be given up, but none is made. 0: what is
  /// there is removed.
  ReserveFile(std::filesystem::path file, std::optional<std::uint64_t> size);

  std::uint64_t size() const override { return size_; }
  bool is_held() const override { return held_; }
  bool take() override;
  void give_up() noexcept override;

 private:
  bool allocate(int fd, std::uint64_t wanted) const;

  std::filesystem::path file_;
  std::uint64_t size_ = 0;
  bool held_ = false;
};

/// Where the reserve of this database is kept: beside it.
std::filesystem::path reserve_file(const std::filesystem::path& database);

/// A start writes a little itself: reset.key, what SQLite has beside the database. Where there is
/// hardly any room on the disk the reserve is given up for it.
void make_room_to_start(const std::filesystem::path& database) noexcept;

/// What people may have free on that disk; nothing where nobody knows.
std::optional<std::uint64_t> free_bytes(const std::filesystem::path& directory) noexcept;

/// Whether the disk is full, as far as we know.
//
//   plenty --on_full--> tight: the reserve is given up
//   tight --try_again, where the reserve could be made again--> plenty
//   tight, without a reserve --growth was written--> plenty
//
// It begins tight where the reserve cannot be made: whatever made the disk full may still be there.
class DiskRoom {
 public:
  /// `place`: the directory that needs room, for people to read.
  DiskRoom(std::unique_ptr<Reserve> reserve, const std::string& place);

  bool is_tight() const { return tight_; }
  /// Without a reserve there is no telling but by trying.
  bool takes_growth() const { return !tight_ || reserve_->size() == 0; }
  /// A write found no room. True: there is some now.
  bool on_full(WallTime now);
  void on_growth_written(WallTime now);
  /// Sees whether there is room again: once a second, however often it is called.
  void try_again(WallTime now);
  void count_refused(std::uint64_t requests) { refused_ += requests; }

  std::uint64_t reserve_bytes() const { return reserve_->is_held() ? reserve_->size() : 0; }
  /// Requests refused since the start.
  std::uint64_t refused() const { return refused_; }
  /// What happened last and what to do about it, for the log; empty where nothing has.
  const std::string& said() const { return said_; }

 private:
  void become_plenty(WallTime now);

  std::unique_ptr<Reserve> reserve_;
  std::string place_;
  bool tight_ = false;
  std::optional<WallTime> since_;  // tight; nothing before the first call that says what time it is
  std::optional<WallTime> last_try_;  // to make the reserve again
  std::uint64_t refused_ = 0;
  std::uint64_t refused_before_ = 0;  // it became tight
  std::string said_;
};

}  // namespace hub::store
