#include "protocol/wire.hpp"

#include <bit>
#include <cassert>
#include <cstring>

namespace hub::wire {

std::size_t varint_size(std::uint64_t value) {
  if (value < (1u << 6)) return 1;
  if (value < (1u << 14)) return 2;
  if (value < (1u << 30)) return 4;
  return 8;
}

// The hot path: of a datagram's header, and of its nonce. One instruction and a store, which no
// compiler of ours makes of a loop.
void store_u64(std::uint64_t value, std::uint8_t* at) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof value);
}

std::uint64_t Reader::big_endian(std::size_t count) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes(count)) value = value << 8 | byte;
  return value;
}

std::uint64_t Reader::varint() {
  if (rest_.empty()) {
    ok_ = false;
    return 0;
  }
  const std::size_t size = std::size_t{1} << (rest_.front() >> 6);
  const std::uint64_t value = big_endian(size);
  return value & (kMaxVarint >> (62 - (8 * size - 2)));
}

Bytes Reader::bytes(std::uint64_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const Bytes out = rest_.first(static_cast<std::size_t>(count));
  rest_ = rest_.subspan(out.size());
  return out;
}

void Writer::big_endian(std::uint64_t value, std::size_t count) {
  std::size_t at = out_.size() + count;
  out_.resize(at);
  for (; count > 0; --count, value >>= 8) out_[--at] = static_cast<std::uint8_t>(value);
}

void Writer::varint(std::uint64_t value) {
  assert(value <= kMaxVarint);
  const std::size_t size = varint_size(value);
  if (size == 1) {  // most of them
    out_.push_back(static_cast<std::uint8_t>(value));
    return;
  }
  const std::uint64_t tag = size == 2 ? 1 : size == 4 ? 2 : 3;
  big_endian(value | tag << (8 * size - 2), size);
}

}  // namespace hub::wire
