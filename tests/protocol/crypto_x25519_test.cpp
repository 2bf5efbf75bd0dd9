#include <algorithm>
#include <string>

#include <catch2/catch.hpp>

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

TEST_CASE("generated key pairs belong together and come from the generator given") {
  SystemRandom random;
  const KeyPair one = generate_key_pair(random);
  const KeyPair two = generate_key_pair(random);
  CHECK(one.secret != two.secret);
  CHECK(one.public_key == public_key_of(one.secret));
  CHECK(x25519(one.secret, two.public_key) == x25519(two.secret, one.public_key));
}

TEST_CASE("a public key is its secret's multiple of the base point") {
  SystemRandom random;
  const Key base = key("0900000000000000000000000000000000000000000000000000000000000000");
  for (int i = 0; i < 1'000; ++i) {
    const KeyPair pair = generate_key_pair(random);
    CAPTURE(hex(pair.secret));
    REQUIRE(pair.public_key == x25519(pair.secret, base));
  }
  for (const int each : {0x00, 0x01, 0x08, 0x80, 0xff}) {
    Key secret{};
    secret.fill(static_cast<std::uint8_t>(each));
    CHECK(public_key_of(secret) == x25519(secret, base));
  }
}

TEST_CASE("a public key is 32 bytes long where its last one is zero") {
  const Key secret = key("e815000000000000000000000000000000000000000000000000000000000000");
  CHECK(hex(public_key_of(secret)) ==
        "4a25eae2e258204915f1f5990839b64a1752fadb1f84efd21db61fe551a54000");
}

TEST_CASE("a public key of low order gives no secret") {
  Key secret{};
  secret.fill(5);
  CHECK_FALSE(x25519(secret, Key{}));
  CHECK_FALSE(
      x25519(secret, key("0100000000000000000000000000000000000000000000000000000000000000")));
}
