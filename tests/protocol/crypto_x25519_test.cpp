#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "protocol/crypto/curve25519.hpp"
#include "protocol/crypto/x25519.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {

Key key(const std::string& hex) {
  const auto bytes = from_hex(hex);
  REQUIRE(bytes.size() == 32);
  Key out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::string hex(const Key& bytes) { return to_hex({bytes.begin(), bytes.end()}); }

}  // namespace

TEST_CASE("X25519 reproduces the two key pairs of RFC 7748, section 6.1, and their secret") {
  const Key alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const Key bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(hex(public_key_of(alice)) ==
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(hex(public_key_of(bob)) ==
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto one = x25519(alice, public_key_of(bob));
  const auto two = x25519(bob, public_key_of(alice));
  REQUIRE((one && two));
  CHECK(hex(*one) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  CHECK(*one == *two);
}

TEST_CASE("X25519 reproduces the thousandfold iteration of RFC 7748, section 5.2") {
  Key k = key("0900000000000000000000000000000000000000000000000000000000000000");
  Key u = k;
  for (int i = 1; i <= 1000; ++i) {
    const auto next = x25519(k, u);
    REQUIRE(next);
    u = k;
    k = *next;
    if (i == 1) CHECK(hex(k) == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  CHECK(hex(k) == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("a public key is the secret times the base point, whatever the secret") {
  Key base{};
  base[0] = 9;
  SystemRandom random;
  std::vector<Key> secrets(2000);
  for (Key& secret : secrets) random.fill(secret);
  Key all{};
  all.fill(0xff);
  secrets.insert(secrets.end(), {Key{}, all, base});
  for (std::size_t bit = 0; bit < 256; ++bit) {
    Key one{};
    one[bit / 8] = static_cast<std::uint8_t>(1u << (bit % 8));
    secrets.push_back(one);
  }
  for (const Key& secret : secrets) {
    CAPTURE(hex(secret));
    REQUIRE(public_key_of(secret) == x25519(secret, base));
  }
}

TEST_CASE("the Montgomery form of an Edwards point is below the modulus, also at its edges") {
  // y, little-endian, and u = (1 + y) / (1 - y) modulo p = 2^255 - 19.
  const auto small = [](std::uint8_t number) {
    Key out{};
    out[0] = number;
    return out;
  };
  const auto below_p = [](std::uint8_t by) {
    Key out{};
    out.fill(0xff);
    out[0] = static_cast<std::uint8_t>(0xed - by);
    out[31] = 0x7f;
    return out;
  };
  CHECK(montgomery_u(small(0)) == small(1));
  CHECK(montgomery_u(small(1)) == small(0));  // the neutral element
  CHECK(montgomery_u(small(2)) == below_p(3));
  CHECK(montgomery_u(small(3)) == below_p(2));
  CHECK(montgomery_u(below_p(1)) == small(0));
  CHECK(montgomery_u(below_p(0)) == small(1));  // p is another way to write 0
  Key signed_point = small(2);
  signed_point[31] = 0x80;  // the sign of x says nothing about u
  CHECK(montgomery_u(signed_point) == below_p(3));
}

TEST_CASE("generated key pairs belong together and come from the generator given") {
  SystemRandom random;
  const KeyPair one = generate_key_pair(random);
  const KeyPair two = generate_key_pair(random);
  CHECK(one.secret != two.secret);
  CHECK(one.public_key == public_key_of(one.secret));
  CHECK(x25519(one.secret, two.public_key) == x25519(two.secret, one.public_key));
}

TEST_CASE("a public key of low order gives no secret") {
  Key secret{};
  secret.fill(5);
  CHECK_FALSE(x25519(secret, Key{}));
  CHECK_FALSE(
      x25519(secret, key("0100000000000000000000000000000000000000000000000000000000000000")));
}
