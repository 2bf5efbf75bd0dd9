// Objects side by side in chunks, each in a numbered slot that it keeps: no header of malloc's for
// each, a number finds them without a table, and what lives long does not lie scattered among what
// a login needs for a moment. The lowest free slot is taken first, and a chunk that has become
// empty is given back.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "protocol/fault.hpp"

namespace hub::server {

template <typename Item>
class Slots {
 public:
  using Number = std::uint32_t;
  static constexpr Number kChunk = 64;

  Slots() = default;
  ~Slots() {
    for (Number number = 0; number < end(); ++number) {
      if (at(number) != nullptr) remove(number);
    }
  }
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// A new item, and its number.
  template <typename... Args>
  std::pair<Item&, Number> add(Args&&... args) {
    while (open_ < chunks_.size() && chunks_[open_] != nullptr && chunks_[open_]->is_full()) {
      ++open_;
    }
    if (open_ == chunks_.size()) chunks_.emplace_back();
    if (chunks_[open_] == nullptr) chunks_[open_] = std::make_unique<Chunk>();
    Chunk& chunk = *chunks_[open_];
    const auto index = static_cast<Number>(std::countr_one(chunk.used));
    Item* const item = new (chunk.place(index)) Item(std::forward<Args>(args)...);
    chunk.used |= std::uint64_t{1} << index;
    ++size_;
    return {*item, static_cast<Number>(open_) * kChunk + index};
  }

  /// `number` is of an item that is there.
  void remove(Number number) {
    const std::size_t at_chunk = number / kChunk;
    Chunk& chunk = *chunks_[at_chunk];
    chunk.item(number % kChunk)->~Item();
    chunk.used &= ~(std::uint64_t{1} << (number % kChunk));
    --size_;
    if (chunk.used == 0 && !fault("slots_keep_empty_chunks")) chunks_[at_chunk].reset();
    while (!chunks_.empty() && chunks_.back() == nullptr) chunks_.pop_back();
    open_ = std::min(open_, at_chunk);
  }

  /// Nothing where the slot is free.
  Item* at(Number number) const {
    const std::size_t at_chunk = number / kChunk;
    if (at_chunk >= chunks_.size() || chunks_[at_chunk] == nullptr) return nullptr;
    Chunk& chunk = *chunks_[at_chunk];
    const bool is_used = (chunk.used >> (number % kChunk) & 1u) != 0;
    return is_used ? chunk.item(number % kChunk) : nullptr;
  }

  std::size_t size() const { return size_; }
  /// Above every number in use.
  Number end() const { return static_cast<Number>(chunks_.size()) * kChunk; }

 private:
  struct Chunk {
    alignas(Item) std::byte bytes[kChunk * sizeof(Item)];
    std::uint64_t used = 0;  // a bit a slot

    bool is_full() const { return used == ~std::uint64_t{0}; }
    void* place(Number index) { return bytes + index * sizeof(Item); }
    Item* item(Number index) { return std::launder(reinterpret_cast<Item*>(place(index))); }
  };

  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t open_ = 0;  // no chunk before it has room
  std::size_t size_ = 0;
};

}  // namespace hub::server
