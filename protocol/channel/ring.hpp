// A queue that grows and is indexed from its front. Unlike std::deque it allocates nothing while
// it holds little: its first slots are part of it, for a channel is made and dropped around every
// idle phase, and mostly has a message or two in flight.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

namespace hub::channel {

template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  T& operator[](std::size_t i) { return slots()[(head_ + i) & (capacity() - 1)]; }
  const T& operator[](std::size_t i) const { return slots()[(head_ + i) & (capacity() - 1)]; }
  T& front() { return slots()[head_]; }
  const T& front() const { return slots()[head_]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    if (size_ == capacity()) grow();
    (*this)[size_++] = std::move(value);
  }
  void pop_front() {
    slots()[head_] = T{};
    head_ = (head_ + 1) & (capacity() - 1);
    --size_;
  }
  /// Gives the memory back as well.
  void clear() {
    while (!empty()) pop_front();
    more_ = {};
    head_ = 0;
  }

 private:
  static constexpr std::size_t kFirstSlots = 2;
  static constexpr std::size_t kGrowth = 4;  // a power of two: a burst of messages grows it thrice

  std::size_t capacity() const { return more_.empty() ? kFirstSlots : more_.size(); }
  T* slots() { return more_.empty() ? first_.data() : more_.data(); }
  const T* slots() const { return more_.empty() ? first_.data() : more_.data(); }

  void grow() {
    std::vector<T> larger(kGrowth * capacity());
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    more_ = std::move(larger);
    head_ = 0;
  }

  std::array<T, kFirstSlots> first_{};
  std::vector<T> more_;  // in place of them once they are too few: a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace hub::channel
