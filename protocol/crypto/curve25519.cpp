#include "protocol/crypto/curve25519.hpp"

#include <array>
#include <cstdint>

namespace hub {

namespace {

__extension__ using Wide = unsigned __int128;

// A number modulo 2^255 - 19: five limbs of 51 bits, the lowest first; between steps they may be
// two bits longer, which multiply() allows.
using Field = std::array<std::uint64_t, 5>;

constexpr unsigned kLimbBits = 51;
constexpr std::uint64_t kMask = (std::uint64_t{1} << kLimbBits) - 1;
constexpr Field kTwiceModulus = {0xFFFFFFFFFFFDA, 0xFFFFFFFFFFFFE, 0xFFFFFFFFFFFFE, 0xFFFFFFFFFFFFE,
                                 0xFFFFFFFFFFFFE};

/// The lower 255 bits.
Field decode(const Key& bytes) {
  Field out{};
  for (std::size_t bit = 0; bit < 255; ++bit) {
    const std::uint64_t value = (bytes[bit / 8] >> (bit % 8)) & 1u;
    out[bit / kLimbBits] |= value << (bit % kLimbBits);
  }
  return out;
}

/// Limbs of 51 bits, but for the second, which may keep a little more.
Field carried(const std::array<Wide, 5>& limbs) {
  Field out{};
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < limbs.size(); ++i) {
    const Wide limb = limbs[i] + carry;
    out[i] = static_cast<std::uint64_t>(limb) & kMask;
    carry = static_cast<std::uint64_t>(limb >> kLimbBits);
  }
  out[0] += 19 * carry;  // 2^255 = 19
  out[1] += out[0] >> kLimbBits;
  out[0] &= kMask;
  return out;
}

Field multiply(const Field& a, const Field& b) {
  std::array<std::uint64_t, 5> b19{};
  for (std::size_t i = 0; i < b.size(); ++i) b19[i] = 19 * b[i];
  const auto product = [](std::uint64_t x, std::uint64_t y) { return Wide{x} * y; };
  return carried({
      product(a[0], b[0]) + product(a[1], b19[4]) + product(a[2], b19[3]) + product(a[3], b19[2]) +
          product(a[4], b19[1]),
      product(a[0], b[1]) + product(a[1], b[0]) + product(a[2], b19[4]) + product(a[3], b19[3]) +
          product(a[4], b19[2]),
      product(a[0], b[2]) + product(a[1], b[1]) + product(a[2], b[0]) + product(a[3], b19[4]) +
          product(a[4], b19[3]),
      product(a[0], b[3]) + product(a[1], b[2]) + product(a[2], b[1]) + product(a[3], b[0]) +
          product(a[4], b19[4]),
      product(a[0], b[4]) + product(a[1], b[3]) + product(a[2], b[2]) + product(a[3], b[1]) +
          product(a[4], b[0]),
  });
}

/// z^(2^times)
Field squared(Field z, int times) {
  for (int i = 0; i < times; ++i) z = multiply(z, z);
  return z;
}

/// z^(p - 2), and p - 2 = 2^255 - 21 (Fermat). `ones_n` is z^(2^n - 1).
Field inverted(const Field& z) {
  const Field z2 = squared(z, 1);
  const Field z9 = multiply(squared(z2, 2), z);
  const Field z11 = multiply(z9, z2);
  const Field ones_5 = multiply(squared(z11, 1), z9);
  const Field ones_10 = multiply(squared(ones_5, 5), ones_5);
  const Field ones_20 = multiply(squared(ones_10, 10), ones_10);
  const Field ones_40 = multiply(squared(ones_20, 20), ones_20);
  const Field ones_50 = multiply(squared(ones_40, 10), ones_10);
  const Field ones_100 = multiply(squared(ones_50, 50), ones_50);
  const Field ones_200 = multiply(squared(ones_100, 100), ones_100);
  const Field ones_250 = multiply(squared(ones_200, 50), ones_50);
  return multiply(squared(ones_250, 5), z11);
}

/// The one encoding below p.
Key encode(const Field& number) {
  Field f = carried({number[0], number[1], number[2], number[3], number[4]});
  std::uint64_t above = 19;  // does adding 19 reach 2^255? Then p is to be taken away once
  for (const std::uint64_t limb : f) above = (limb + above) >> kLimbBits;
  std::uint64_t carry = 19 * above;
  for (std::uint64_t& limb : f) {
    limb += carry;
    carry = limb >> kLimbBits;
    limb &= kMask;
  }
  Key out{};
  for (std::size_t bit = 0; bit < 255; ++bit) {
    const std::uint64_t value = (f[bit / kLimbBits] >> (bit % kLimbBits)) & 1u;
    out[bit / 8] = static_cast<std::uint8_t>(out[bit / 8] | value << (bit % 8));
  }
  return out;
}

}  // namespace

Key montgomery_u(const Key& edwards_point) {
  const Field y = decode(edwards_point);
  Field above = y;
  above[0] += 1;
  Field below = kTwiceModulus;
  below[0] += 1;
  for (std::size_t i = 0; i < y.size(); ++i) below[i] -= y[i];
  return encode(multiply(above, inverted(below)));
}

}  // namespace hub
