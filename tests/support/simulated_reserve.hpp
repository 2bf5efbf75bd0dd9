// A reserve on a FaultyDisk: room of that disk instead of a file.
#pragma once

#include "store/disk_reserve.hpp"
#include "tests/support/faulty_disk.hpp"

namespace hub::test {

class SimulatedReserve final : public store::Reserve {
 public:
  /// `held`: from a time before.
  SimulatedReserve(FaultyDisk& disk, std::uint64_t size, bool held = false)
      : disk_(disk), size_(size), held_(held) {}

  std::uint64_t size() const override { return size_; }
  bool is_held() const override { return held_; }
  bool take() override {
    if (held_ || disk_.free_bytes() < 2 * size_) return held_;
    return held_ = disk_.take_room(size_);
  }
  void give_up() noexcept override {
    if (held_) disk_.give_room(size_);
    held_ = false;
  }

 private:
  FaultyDisk& disk_;
  const std::uint64_t size_;
  bool held_;
};

}  // namespace hub::test
