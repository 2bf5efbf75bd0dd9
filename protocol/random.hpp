// Randomness as a parameter: the programs pass SystemRandom, simulations a seeded one.
#pragma once

#include <cstdint>
#include <span>

namespace hub {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  std::uint32_t u32();
  std::uint64_t u64();
};

/// The operating system's generator, through libsodium. Any thread.
class SystemRandom final : public Random {
 public:
  SystemRandom();  // throws std::runtime_error where libsodium cannot start
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace hub
