#include "protocol/hex.hpp"

#include <array>
#include <vector>

#include <catch2/catch.hpp>

using namespace hub;

TEST_CASE("bytes are written as two lower-case digits each, and read in either case") {
  std::vector<std::uint8_t> all;
  for (int value = 0; value < 256; ++value) all.push_back(static_cast<std::uint8_t>(value));
  const std::string text = hex_text(all);
  CHECK(text.substr(0, 8) == "00010203");
  CHECK(text.substr(504) == "fcfdfeff");
  std::vector<std::uint8_t> read(256);
  REQUIRE(parse_hex_text(text, read));
  CHECK(read == all);
  std::array<std::uint8_t, 2> two{};
  CHECK(parse_hex_text("aBFf", two));
  CHECK(two == std::array<std::uint8_t, 2>{0xab, 0xff});
  CHECK(hex_text({}).empty());
}

TEST_CASE("what is not digits, or not as many as are wanted, is not read") {
  std::array<std::uint8_t, 2> two{};
  for (const char* text :
       {"", "0", "000", "00000", "000000", "000g", "g000", "00 0", "-000", "0x00"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_hex_text(text, two));
  }
  CHECK(parse_hex_text("", {}));
}
