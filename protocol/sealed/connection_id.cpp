#include "protocol/sealed/connection_id.hpp"

#include <array>
#include <cstddef>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub::sealed {

namespace {

constexpr int kRounds = 4;  // of a balanced Feistel network: a strong permutation (Luby, Rackoff)
constexpr int kHalfBits = 20;
constexpr std::uint64_t kHalf = (std::uint64_t{1} << kHalfBits) - 1;

std::uint64_t round_of(const Key& key, int round, std::uint64_t half) {
  const std::array<std::uint8_t, 4> input = {
      static_cast<std::uint8_t>(round), static_cast<std::uint8_t>(half),
      static_cast<std::uint8_t>(half >> 8), static_cast<std::uint8_t>(half >> 16)};
  const Key mac = hmac_sha256(key, {Bytes(input)});
  return (std::uint64_t{mac[0]} | std::uint64_t{mac[1]} << 8 | std::uint64_t{mac[2]} << 16) & kHalf;
}

}  // namespace

ConnectionIdSource::ConnectionIdSource(std::uint32_t generation, Random& random)
    : generation_(std::uint64_t{generation % kGenerations} << (2 * kHalfBits)) {
  random.fill(key_);
}

ConnectionId ConnectionIdSource::next() {
  const ConnectionId id = permuted();
  return id != 0 ? id : permuted();
}

ConnectionId ConnectionIdSource::permuted() {
  const std::uint64_t number = fault("connection_id_again") ? 0 : counter_++ % kPerGeneration;
  std::uint64_t left = number >> kHalfBits;
  std::uint64_t right = number & kHalf;
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t mixed = left ^ round_of(key_, round, right);
    left = right;
    right = mixed;
  }
  return generation_ | left << kHalfBits | right;
}

}  // namespace hub::sealed
