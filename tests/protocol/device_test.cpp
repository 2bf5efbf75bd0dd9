#include "protocol/device.hpp"

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "tests/support/golden.hpp"

using namespace hub;

namespace {

const Key kSecret{1, 2, 3};
const Key kHandshake{4, 5, 6};
const DeviceId kDevice{7, 8, 9};

}  // namespace

TEST_CASE("a device's ID is written as 32 digits and read back") {
  const DeviceId id{0x00, 0x1f, 0xa0, 0xff};
  const std::string text = to_string(id);
  CHECK(text == "001fa0ff000000000000000000000000");
  CHECK(parse_device_id(text) == id);
  CHECK(parse_device_id("001FA0FF000000000000000000000000") == id);
  CHECK_FALSE(parse_device_id(text.substr(1)));
  CHECK_FALSE(parse_device_id(text + "0"));
  CHECK_FALSE(parse_device_id("001fa0fg000000000000000000000000"));
  CHECK_FALSE(parse_device_id(""));
}

TEST_CASE("a resume is what the formulas say") {
  const Key key = sha256({kSecret});
  CHECK(resume_key_of(kSecret) == key);
  CHECK(resume_proof(kSecret, kHandshake, kDevice) ==
        exclusive_or(kSecret, hmac_sha256(key, {text_bytes("client"), kHandshake, kDevice})));
  CHECK(resume_signature(key, kHandshake, kDevice) ==
        hmac_sha256(key, {text_bytes("server"), kHandshake, kDevice}));
}

TEST_CASE("a resume proof is good for its secret, its connection and its device alone") {
  const Key key = resume_key_of(kSecret);
  const Key proof = resume_proof(kSecret, kHandshake, kDevice);
  CHECK(verify_resume_proof(key, kHandshake, kDevice, proof));
  CHECK_FALSE(verify_resume_proof(key, Key{4, 5, 7}, kDevice, proof));
  CHECK_FALSE(verify_resume_proof(key, kHandshake, DeviceId{7, 8}, proof));
  CHECK_FALSE(verify_resume_proof(resume_key_of(Key{1}), kHandshake, kDevice, proof));
  // Whoever has S instead of s.
  CHECK_FALSE(
      verify_resume_proof(key, kHandshake, kDevice, resume_proof(key, kHandshake, kDevice)));
  for (std::size_t bit = 0; bit < 8 * proof.size(); ++bit) {
    Key altered = proof;
    altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ (1u << bit % 8));
    CHECK_FALSE(verify_resume_proof(key, kHandshake, kDevice, altered));
  }
}

TEST_CASE("the hub's answer to a resume is good for its connection and device alone") {
  const Key key = resume_key_of(kSecret);
  const Key signature = resume_signature(key, kHandshake, kDevice);
  CHECK(verify_resume_signature(key, kHandshake, kDevice, signature));
  CHECK_FALSE(verify_resume_signature(key, Key{4, 5, 7}, kDevice, signature));
  CHECK_FALSE(verify_resume_signature(key, kHandshake, DeviceId{7, 8}, signature));
  CHECK_FALSE(verify_resume_signature(Key{}, kHandshake, kDevice, signature));
  CHECK_FALSE(verify_resume_signature(key, kHandshake, kDevice,
                                      resume_proof(kSecret, kHandshake, kDevice)));
}
