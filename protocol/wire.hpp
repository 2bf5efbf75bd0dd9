// Reading and writing bytes in network order: the alphabet of the sealed framing.
//
//   u8, u16, u32, u64   big-endian
//   varint              RFC 9000 §16: the top two bits of the first byte say 1, 2, 4 or 8 bytes;
//                       written in the shortest form, read in any
//   bytes               as they are; a length, where there is one, is written by the caller
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/types.hpp"

namespace hub::wire {

inline constexpr std::uint64_t kMaxVarint = (std::uint64_t{1} << 62) - 1;

/// Bytes that `value` takes as a varint: 1, 2, 4 or 8. `value` is at most kMaxVarint.
std::size_t varint_size(std::uint64_t value);

/// As u64 below, in place; `at` has room for eight bytes.
void store_u64(std::uint64_t value, std::uint8_t* at);

/// Takes bytes off the front of a datagram, which must outlive it. The first read that runs past
/// the end fails the reader for good: it, and every later one, gives zeroes or nothing. So a
/// decoder reads all fields first and asks ok() once before it believes any of them.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t remaining() const { return rest_.size(); }
  /// What has not been read yet, without reading it.
  Bytes peek() const { return rest_; }
  /// All was read, and nothing is left over.
  bool at_end() const { return ok_ && rest_.empty(); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(big_endian(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(big_endian(4)); }
  std::uint64_t u64() { return big_endian(8); }
  std::uint64_t varint();
  /// The next `count` bytes, in place; empty where there are fewer.
  Bytes bytes(std::uint64_t count);
  Bytes rest() { return bytes(rest_.size()); }

  template <std::size_t kCount>
  std::array<std::uint8_t, kCount> array() {
    std::array<std::uint8_t, kCount> out{};
    const Bytes from = bytes(kCount);
    for (std::size_t i = 0; i < from.size(); ++i) out[i] = from[i];
    return out;
  }

 private:
  std::uint64_t big_endian(std::size_t count);

  Bytes rest_;
  bool ok_ = true;
};

/// Appends to a buffer of the caller's, which must outlive it.
class Writer {
 public:
  explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) { big_endian(value, 2); }
  void u32(std::uint32_t value) { big_endian(value, 4); }
  void u64(std::uint64_t value) { big_endian(value, 8); }
  /// `value` is at most kMaxVarint.
  void varint(std::uint64_t value);
  void bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void zeros(std::size_t count) { out_.resize(out_.size() + count); }

 private:
  void big_endian(std::uint64_t value, std::size_t count);

  std::vector<std::uint8_t>& out_;
};

}  // namespace hub::wire
