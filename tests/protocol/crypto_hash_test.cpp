#include <string>

#include <catch2/catch.hpp>
#include <sodium.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/random.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {
std::string hex(const Key& key) { return to_hex({key.begin(), key.end()}); }
}  // namespace

TEST_CASE("SHA-256 of FIPS 180-4's example, in one part or several") {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  CHECK(hex(sha256({text_bytes("abc")})) == expected);
  CHECK(hex(sha256({text_bytes("a"), text_bytes(""), text_bytes("bc")})) == expected);
  CHECK(hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("HMAC-SHA-256 of RFC 4231, section 4: short keys and one longer than a block") {
  CHECK(hex(hmac_sha256(text_bytes("Jefe"),
                        {text_bytes("what do ya want "), text_bytes("for nothing?")})) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::vector<std::uint8_t> twenty(20, 0x0b);
  CHECK(hex(hmac_sha256(twenty, {text_bytes("Hi There")})) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  const std::vector<std::uint8_t> long_key(131, 0xaa);
  CHECK(hex(hmac_sha256(long_key,
                        {text_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("HMAC-SHA-256 is libsodium's, for keys and texts of any length") {
  SystemRandom random;
  for (std::size_t key_size = 1; key_size <= 130; ++key_size) {
    CAPTURE(key_size);
    std::vector<std::uint8_t> key(key_size);
    std::vector<std::uint8_t> text(3 * key_size);
    random.fill(key);
    random.fill(text);
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key.data(), key.size());
    crypto_auth_hmacsha256_update(&state, text.data(), text.size());
    Key expected{};
    crypto_auth_hmacsha256_final(&state, expected.data());
    REQUIRE(hmac_sha256(key, {Bytes(text).first(key_size), Bytes(text).subspan(key_size)}) ==
            expected);
  }
  const std::vector<std::uint8_t> zero(1);
  CHECK(hmac_sha256({}, {text_bytes("abc")}) == hmac_sha256(zero, {text_bytes("abc")}));
}

TEST_CASE("constant-time comparison tells apart what differs in any byte or in length") {
  const auto one = from_hex("00112233445566778899aabbccddeeff");
  CHECK(equal_constant_time(one, one));
  CHECK(equal_constant_time({}, {}));
  CHECK_FALSE(equal_constant_time(one, Bytes(one).first(15)));
  for (std::size_t i = 0; i < one.size(); ++i) {
    auto two = one;
    two[i] ^= 1;
    CHECK_FALSE(equal_constant_time(one, two));
  }
}

TEST_CASE("wiping leaves zeroes") {
  auto secret = from_hex("0102030405");
  wipe(secret);
  CHECK(to_hex(secret) == "0000000000");
}
