// A list that mostly holds one item or none: the first one stands inside it. Sixteen bytes for
// items of eight; what it grew to is given back once it is empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

template <typename Item>
class SmallList {
  static_assert(std::is_trivially_copyable_v<Item> && std::is_trivially_destructible_v<Item>);

 public:
  SmallList() = default;
  ~SmallList() { release(); }
  SmallList(const SmallList&) = delete;
  SmallList& operator=(const SmallList&) = delete;
  SmallList(SmallList&& other) noexcept : SmallList() { swap(other); }
  SmallList& operator=(SmallList&& other) noexcept {
    SmallList taken(std::move(other));
    swap(taken);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Item* begin() { return is_inside() ? &place_.one : place_.many; }
  Item* end() { return begin() + size_; }
  const Item* begin() const { return is_inside() ? &place_.one : place_.many; }
  const Item* end() const { return begin() + size_; }
  /// Valid until the next change.
  std::span<const Item> items() const { return {begin(), size_}; }
  /// The items are inside this object.
  bool is_inside() const { return capacity_ == 1; }

  void push_back(const Item& item) {
    if (size_ == capacity_) grow();
    begin()[size_++] = item;
  }
  /// Keeps the order.
  void erase(Item* first, Item* last) {
    Item* const past = std::move(last, end(), first);
    size_ = static_cast<std::uint32_t>(past - begin());
    if (size_ == 0 && !fault("small_list_stays_large")) release();
  }
  void erase(Item* item) { erase(item, item + 1); }
  /// Where the order does not matter.
  void take_out(Item* item) {
    *item = end()[-1];
    erase(end() - 1);
  }

 private:
  void grow() {
    const std::uint32_t wanted = capacity_ * 2;
    Item* const larger = new Item[wanted];
    std::copy(begin(), end(), larger);
    if (!is_inside()) delete[] place_.many;
    place_.many = larger;
    capacity_ = wanted;
  }
  void release() {
    if (!is_inside()) delete[] place_.many;
    place_ = Place();
    capacity_ = 1;
    size_ = 0;
  }
  void swap(SmallList& other) noexcept {
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(place_, other.place_);
  }

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 1;  // 1: inside
  union Place {
    Place() : one{} {}
    Item one;
    Item* many;
  } place_;
};

}  // namespace hub::server
