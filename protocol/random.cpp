#include "protocol/random.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

#include <sodium.h>

namespace hub {

std::uint32_t Random::u32() { return static_cast<std::uint32_t>(u64()); }

std::uint64_t Random::u64() {
  std::array<std::uint8_t, 8> bytes{};
  fill(bytes);
  std::uint64_t out = 0;
  std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

SystemRandom::SystemRandom() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium could not be initialised");
}

void SystemRandom::fill(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

}  // namespace hub
