// Messages that have become readable, in their order, and their bytes: all in one piece of memory,
// for a busy peer's datagram holds many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/channel/lane.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

struct Delivered {
  Lane lane = Lane::kTalk;
  StreamId stream = 0;
  bool last = false;  // of its bulk stream
  Bytes bytes;        // as long as what it was taken from
};

class Deliveries {
 public:
  bool empty() const { return size() == 0; }
  std::size_t size() const { return entries_.size() - first_; }
  Delivered operator[](std::size_t i) const {
    const Entry& entry = entries_[first_ + i];
    return {entry.lane, entry.stream, entry.last, Bytes(bytes_).subspan(entry.offset, entry.size)};
  }

  class Iterator {
   public:
    Iterator(const Deliveries& of, std::size_t at) : of_(of), at_(at) {}
    Delivered operator*() const { return of_[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Deliveries& of_;
    std::size_t at_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

  /// Copies the message's bytes.
  void add(const Delivered& message);
  /// The first ones, at most so many; the others stay. Costs what is taken, however many stay.
  Deliveries take(std::size_t most);

 private:
  struct Entry {
    Lane lane = Lane::kTalk;
    bool last = false;
    std::uint32_t size = 0;
    std::size_t offset = 0;
    StreamId stream = 0;
  };

  void forget_taken();

  std::vector<Entry> entries_;
  std::vector<std::uint8_t> bytes_;
  std::size_t first_ = 0;  // of the entries: those before it have been taken
};

}  // namespace hub::channel
