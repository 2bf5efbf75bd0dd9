#include "protocol/password.hpp"

#include <algorithm>
#include <string>

#include <catch2/catch.hpp>
#include <openssl/evp.h>
#include <sodium.h>

#include "protocol/limits.hpp"

using namespace hub;

namespace {
// libsodium's minimum: these tests are about right and wrong, not about cost.
constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};
}  // namespace

TEST_CASE("SCRAM keys reproduce the client proof of RFC 7677, section 3") {
  // The salted password by PBKDF2, as the RFC has it; from there on the derivation is ours.
  const std::string password = "pencil";
  const std::string salt_base64 = "W22ZaJ0SNY7soEsUEjb6gQ==";
  std::array<std::uint8_t, 16> salt{};
  REQUIRE(sodium_init() >= 0);
  REQUIRE(sodium_base642bin(salt.data(), salt.size(), salt_base64.data(), salt_base64.size(),
                            nullptr, nullptr, nullptr, sodium_base64_VARIANT_ORIGINAL) == 0);
  Key salted{};
  REQUIRE(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                            static_cast<int>(salt.size()), 4096, EVP_sha256(),
                            static_cast<int>(salted.size()), salted.data()) == 1);
  const std::string auth_message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO,"
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const ScramKeys keys = scram_keys(salted);
  const auto mac = [&](const Key& key) {
    Key out{};
    crypto_auth_hmacsha256(out.data(), reinterpret_cast<const std::uint8_t*>(auth_message.data()),
                           auth_message.size(), key.data());
    return out;
  };
  const auto base64 = [](const Key& key) {
    std::array<char, 64> text{};
    sodium_bin2base64(text.data(), text.size(), key.data(), key.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    return std::string(text.data());
  };
  Key proof = mac(keys.stored_key);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= keys.client_key[i];
  CHECK(base64(proof) == "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  CHECK(base64(mac(keys.server_key)) == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_CASE("the right password passes, any other fails") {
  SystemRandom random;
  const auto verifier = make_verifier("correct horse", kCheap, random);
  REQUIRE(verifier);
  CHECK(check_password("correct horse", *verifier) == PasswordCheck::kRight);
  CHECK(check_password("correct hors", *verifier) == PasswordCheck::kWrong);
  CHECK(check_password("correct horsf", *verifier) == PasswordCheck::kWrong);
  CHECK(check_password("", *verifier) == PasswordCheck::kWrong);
}

TEST_CASE("two verifiers of one password share nothing") {
  SystemRandom random;
  const auto one = make_verifier("secret", kCheap, random);
  const auto two = make_verifier("secret", kCheap, random);
  REQUIRE((one && two));
  CHECK(one->salt != two->salt);
  CHECK(one->stored_key != two->stored_key);
  CHECK(one->server_key != two->server_key);
}

TEST_CASE("the hub's default parameters work") {
  SystemRandom random;
  const auto verifier = make_verifier("secret", {kDefaultKdfMemory, kDefaultKdfPasses}, random);
  REQUIRE(verifier);
  CHECK(check_password("secret", *verifier) == PasswordCheck::kRight);
}

TEST_CASE("parameters out of bounds are refused before any work") {
  SystemRandom random;
  CHECK_FALSE(make_verifier("x", {kMinKdfMemory - 1, 1}, random));
  CHECK_FALSE(make_verifier("x", {kMaxKdfMemory + 1, 1}, random));
  CHECK_FALSE(make_verifier("x", {kMinKdfMemory, 0}, random));
  CHECK_FALSE(make_verifier("x", {kMinKdfMemory, kMaxKdfPasses + 1}, random));
}

TEST_CASE("a decoy keeps its salt from try to try and never passes") {
  Key secret{};
  secret.fill(7);
  const Verifier one = decoy_verifier(secret, "nobody", kCheap);
  const Verifier two = decoy_verifier(secret, "nobody", kCheap);
  CHECK(one.salt == two.salt);
  CHECK(one.salt != decoy_verifier(secret, "somebody", kCheap).salt);
  CHECK(check_password("anything", one) == PasswordCheck::kWrong);
}

TEST_CASE("a password is 1 to 128 bytes that can be typed") {
  CHECK(is_password("a"));
  CHECK(is_password("with & and # and \xC3\xA9"));
  CHECK(is_password(std::string(128, 'x')));
  CHECK_FALSE(is_password(""));
  CHECK_FALSE(is_password(std::string(129, 'x')));
  CHECK_FALSE(is_password("a\nb"));
  CHECK_FALSE(is_password(std::string_view("a\0b", 3)));
}
