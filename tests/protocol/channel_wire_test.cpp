#include <catch2/catch.hpp>

#include "protocol/wire.hpp"
#include "tests/support/golden.hpp"

using namespace hub;

TEST_CASE("varints are those of RFC 9000, appendix A.1") {
  const std::pair<const char*, std::uint64_t> kSamples[] = {
      {"c2197c5eff14e88c", 151'288'809'941'952'652},
      {"9d7f3e7d", 494'878'333},
      {"7bbd", 15'293},
      {"25", 37},
  };
  for (const auto& [hex, value] : kSamples) {
    CAPTURE(hex);
    const auto bytes = test::from_hex(hex);
    wire::Reader reader(bytes);
    CHECK(reader.varint() == value);
    CHECK(reader.at_end());
    std::vector<std::uint8_t> out;
    wire::Writer(out).varint(value);
    CHECK(test::to_hex(out) == hex);
    CHECK(wire::varint_size(value) == bytes.size());
  }
  const auto longer = test::from_hex("4025");  // a longer form than needed is read as well
  CHECK(wire::Reader(longer).varint() == 37);
}

TEST_CASE("varints of every size survive, and a truncated one fails") {
  for (const std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{63}, std::uint64_t{64}, std::uint64_t{16'383},
        std::uint64_t{16'384}, std::uint64_t{(1u << 30) - 1}, std::uint64_t{1} << 30,
        wire::kMaxVarint}) {
    std::vector<std::uint8_t> out;
    wire::Writer(out).varint(value);
    CHECK(wire::Reader(out).varint() == value);
    for (std::size_t cut = 0; cut < out.size(); ++cut) {
      wire::Reader reader(Bytes(out).first(cut));
      CHECK(reader.varint() == 0);
      CHECK_FALSE(reader.ok());
    }
  }
}

TEST_CASE("integers are big-endian, and a failed reader stays failed") {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.u8(1);
  writer.u16(0x0203);
  writer.u32(0x04050607);
  writer.u64(0x08090A0B0C0D0E0F);
  writer.zeros(2);
  CHECK(test::to_hex(out) == "0102030405060708090a0b0c0d0e0f0000");
  wire::Reader reader(out);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.u64() == 0x08090A0B0C0D0E0F);
  CHECK(reader.remaining() == 2);
  CHECK(reader.bytes(3).empty());
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
  CHECK_FALSE(reader.at_end());
}
