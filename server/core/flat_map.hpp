// A hash map from IDs to small values, in one array: what each entry takes is its own size and a
// third, where a node of std::unordered_map takes 32 bytes more. Open addressing with linear
// probing; an erased entry's place is closed by moving up those behind it, so lookups never wade
// through what was. It grows by a quarter, and shrinks again. Pointers into it are valid until the
// next change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/fault.hpp"

namespace hub::server {

/// `Key`: an integer that is never 0, and that no stranger chooses: the hash is no secret.
template <typename Key, typename Value>
class FlatMap {
 public:
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return entries_.size(); }

  Value* find(Key key) { return const_cast<Value*>(static_cast<const FlatMap*>(this)->find(key)); }
  const Value* find(Key key) const {
    if (size_ == 0) return nullptr;
    const Entry& entry = entries_[place_of(key)];
    return entry.key != 0 ? &entry.value : nullptr;
  }

  /// That of the key, made if it is not there.
  Value& operator[](Key key) {
    if (Value* there = find(key)) return *there;
    if ((size_ + 1) * 5 > entries_.size() * 4) resize(entries_.size() * 5 / 4 + 8);
    Entry& entry = entries_[place_of(key)];
    entry.key = key;
    ++size_;
    return entry.value;
  }

  void erase(Key key) {
    if (size_ == 0) return;
    std::size_t hole = place_of(key);
    if (entries_[hole].key == 0) return;
    entries_[hole] = Entry{};
    --size_;
    if (!fault("flat_map_leaves_holes")) close_up(hole);
    if (entries_.size() > 64 && size_ * 4 < entries_.size()) resize(entries_.size() / 2);
  }

 private:
  struct Entry {
    Key key{};
    Value value{};
  };

  /// Where the key would stand if nothing were in its way: multiplied so that near keys get far,
  /// then scaled to the array (no division, and any size will do).
  std::size_t home_of(Key key) const {
    const auto bits = static_cast<std::uint64_t>(key) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(((bits >> 32) * entries_.size()) >> 32);
  }
  std::size_t after(std::size_t place) const {
    return place + 1 == entries_.size() ? 0 : place + 1;
  }
  /// Where the key is, or the first free place on its way.
  std::size_t place_of(Key key) const {
    std::size_t place = home_of(key);
    while (entries_[place].key != 0 && entries_[place].key != key) place = after(place);
    return place;
  }

  /// What stands behind the hole moves into it, unless that would put it before its home.
  void close_up(std::size_t hole) {
    for (std::size_t at = after(hole); entries_[at].key != 0; at = after(at)) {
      const std::size_t home = home_of(entries_[at].key);
      const bool is_home_between =
          hole < at ? (hole < home && home <= at) : (hole < home || home <= at);
      if (is_home_between) continue;
      entries_[hole] = std::move(entries_[at]);
      entries_[at] = Entry{};
      hole = at;
    }
  }

  void resize(std::size_t capacity) {
    std::vector<Entry> old(capacity);
    old.swap(entries_);
    for (Entry& entry : old) {
      if (entry.key != 0) entries_[place_of(entry.key)] = std::move(entry);
    }
  }

  std::vector<Entry> entries_;  // some are always free, once there are any
  std::size_t size_ = 0;
};

}  // namespace hub::server
