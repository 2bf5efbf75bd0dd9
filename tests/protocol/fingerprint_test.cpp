#include "protocol/fingerprint.hpp"

#include <catch2/catch.hpp>

using namespace hub;

namespace {

Key counting() {
  Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  return key;
}

}  // namespace

// Both computed with Python's base64 and hashlib.
TEST_CASE("a key and its fingerprint are written as they are specified") {
  CHECK(key_text(counting()) == "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  CHECK(key_text(Key{}) == std::string(43, 'A'));
  CHECK(fingerprint_of(counting()) == "mmg4-2klg-yqzw-neis-krel-xms3");
  CHECK(fingerprint_of(Key{}) == "mzuh-vlpy-mk6x-o3ep-ygfy-5h4o");
}

TEST_CASE("a key survives its text, whatever its bytes") {
  Key key = counting();
  for (int i = 0; i < 256; ++i) {
    for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(byte * 5 + i);
    const std::string text = key_text(key);
    REQUIRE(text.size() == kKeyTextBytes);
    REQUIRE(parse_key_text(text) == key);
  }
}

TEST_CASE("only what is written for a key is read as one") {
  const std::string good = key_text(counting());
  REQUIRE(parse_key_text(good));
  const auto text = GENERATE_COPY(
      as<std::string>{}, "", good.substr(0, 42), good + "A", good + "=", " " + good, good + "\n",
      good.substr(0, 42) + "9",  // the last two bits must be zero
      good.substr(0, 42) + "=", good.substr(0, 20) + "+" + good.substr(21),
      good.substr(0, 20) + "/" + good.substr(21), good.substr(0, 20) + "\n" + good.substr(21),
      good.substr(0, 20) + std::string(1, '\0') + good.substr(21), std::string(43, '\xFF'),
      good.substr(0, 6) + "\xB3\xBD\xBE\xAE" + good.substr(10));
  CAPTURE(text);
  CHECK_FALSE(parse_key_text(text));
}

TEST_CASE("a fingerprint may be typed in other letters and groups, and must be right") {
  const std::string right = fingerprint_of(counting());
  std::string upper;
  std::string plain;
  for (const char c : right) {
    upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (c != '-') plain += c;
  }
  CHECK(is_fingerprint_of(right, counting()));
  CHECK(is_fingerprint_of(upper, counting()));
  CHECK(is_fingerprint_of(plain, counting()));
  CHECK(is_fingerprint_of(" " + right + " ", counting()));
  CHECK_FALSE(is_fingerprint_of("", counting()));
  CHECK_FALSE(is_fingerprint_of("----", counting()));
  CHECK_FALSE(is_fingerprint_of(right.substr(0, right.size() - 1), counting()));
  CHECK_FALSE(is_fingerprint_of(right.substr(0, 4), counting()));
  CHECK_FALSE(is_fingerprint_of(right + "a", counting()));
  CHECK_FALSE(is_fingerprint_of(right, Key{}));
}
