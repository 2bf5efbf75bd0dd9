#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/sealed/message.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using namespace hub::sealed;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {

template <class Array>
Array counted(std::uint8_t first) {
  Array out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

std::string hex(std::string_view text) { return to_hex({text.begin(), text.end()}); }

const std::string kCounted32 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kCounted16 = "202122232425262728292a2b2c2d2e2f";

}  // namespace

TEST_CASE("a sealed message is opcode, ID and payload") {
  const auto written = write_message({Opcode::kForward, 0x0102030405060708, "<ann>hi"});
  CHECK(to_hex(written) == "b10102030405060708" + hex("<ann>hi"));
  const auto read = read_message(written);
  REQUIRE(read);
  CHECK(read->opcode == Opcode::kForward);
  CHECK(read->id == 0x0102030405060708);
  CHECK(read->payload == "<ann>hi");
  const auto bare = write_message({Opcode::kLogout, 0, {}});
  CHECK(to_hex(bare) == "1f0000000000000000");
  REQUIRE(read_message(bare));
  CHECK(read_message(bare)->payload.empty());
  for (std::size_t size = 0; size < bare.size(); ++size) {
    CHECK_FALSE(read_message(Bytes(bare).first(size)));
  }
}

TEST_CASE("a login start holds a nonce and an ID of any length") {
  const LoginStart start{counted<LoginNonce>(0), "Ann"};
  const std::string written = write_login_start(start);
  CHECK(hex(written) == kCounted32 + hex("Ann"));
  const auto read = read_login_start(written);
  REQUIRE(read);
  CHECK(read->nonce == start.nonce);
  CHECK(read->id == "Ann");
  CHECK(read_login_start(written.substr(0, 32))->id.empty());
  CHECK_FALSE(read_login_start(written.substr(0, 31)));
  CHECK_FALSE(read_login_start(""));
}

TEST_CASE("a login challenge is exactly 60 bytes") {
  LoginChallenge challenge{counted<LoginNonce>(0), counted<Salt>(0x20), {}};
  challenge.kdf.memory_bytes = 0x0102030405;
  challenge.kdf.passes = 7;
  const std::string written = write_login_challenge(challenge);
  CHECK(hex(written) == kCounted32 + kCounted16 + "0000000102030405" + "00000007");
  const auto read = read_login_challenge(written);
  REQUIRE(read);
  CHECK(read->nonce == challenge.nonce);
  CHECK(read->salt == challenge.salt);
  CHECK(read->kdf.memory_bytes == challenge.kdf.memory_bytes);
  CHECK(read->kdf.passes == 7);
  for (std::size_t size = 0; size < written.size(); ++size) {
    CHECK_FALSE(read_login_challenge(written.substr(0, size)));
  }
  CHECK_FALSE(read_login_challenge(written + '\0'));
}

TEST_CASE("a login proof names the device, its key for the next time, and its mark") {
  const LoginProof proof{counted<Key>(0), counted<DeviceId>(0x20), counted<Key>(0), {5, 0x0102}};
  const std::string written = write_login_proof(proof);
  CHECK(hex(written) ==
        kCounted32 + kCounted16 + kCounted32 + "0000000000000005" + "0000000000000102");
  const auto read = read_login_proof(written);
  REQUIRE(read);
  CHECK(read->proof == proof.proof);
  CHECK(read->device == proof.device);
  CHECK(read->resume_key == proof.resume_key);
  CHECK(read->mark == proof.mark);
  for (std::size_t size = 0; size < written.size(); ++size) {
    CHECK_FALSE(read_login_proof(written.substr(0, size)));
  }
  CHECK_FALSE(read_login_proof(written + "x"));
}

TEST_CASE("a resume holds device, proof, mark and an ID of any length") {
  const Resume resume{counted<DeviceId>(0x20), counted<Key>(0), {5, 0x0102}, "Ann"};
  const std::string written = write_resume(resume);
  CHECK(hex(written) ==
        kCounted16 + kCounted32 + "0000000000000005" + "0000000000000102" + hex("Ann"));
  const auto read = read_resume(written);
  REQUIRE(read);
  CHECK(read->device == resume.device);
  CHECK(read->proof == resume.proof);
  CHECK(read->mark == resume.mark);
  CHECK(read->id == "Ann");
  CHECK(read_resume(written.substr(0, 64))->id.empty());
  CHECK_FALSE(read_resume(written.substr(0, 63)));
}

TEST_CASE("a login ok may announce the hub's next key, and a timeout fits its four bytes") {
  using namespace std::chrono_literals;
  LoginOk ok{counted<Key>(0), 60s, {5, 0x0102}, 9, {}};
  std::string written = write_login_ok(ok);
  CHECK(hex(written) ==
        kCounted32 + "0000ea60" + "0000000000000005" + "0000000000000102" + "0000000000000009");
  auto read = read_login_ok(written);
  REQUIRE(read);
  CHECK(read->signature == ok.signature);
  CHECK(read->session_timeout == 60s);
  CHECK(read->mark == ok.mark);
  CHECK(read->done == 9);
  CHECK_FALSE(read->next_key);

  ok.next_key = counted<Key>(1);
  written = write_login_ok(ok);
  CHECK(written.size() == 92);
  read = read_login_ok(written);
  REQUIRE(read);
  CHECK(read->next_key == ok.next_key);
  for (std::size_t size = 0; size < written.size(); ++size) {
    CAPTURE(size);
    CHECK(read_login_ok(written.substr(0, size)).has_value() == (size == 60));
  }
  CHECK_FALSE(read_login_ok(written + "x"));

  ok.session_timeout = -1s;
  CHECK(read_login_ok(write_login_ok(ok))->session_timeout == 0s);
  ok.session_timeout = 24h * 365;
  CHECK(read_login_ok(write_login_ok(ok))->session_timeout == 4'294'967'295ms);
}

TEST_CASE("earlier posts are a count, and whether there are more") {
  const std::string written = write_earlier_posts({0x0102, true});
  CHECK(hex(written) == "0000010201");
  const auto read = read_earlier_posts(written);
  REQUIRE(read);
  CHECK(read->count == 0x0102);
  CHECK(read->more);
  CHECK_FALSE(read_earlier_posts(write_earlier_posts({7, false}))->more);
  for (std::size_t size = 0; size < written.size(); ++size) {
    CHECK_FALSE(read_earlier_posts(written.substr(0, size)));
  }
  CHECK_FALSE(read_earlier_posts(written + '\0'));
  CHECK_FALSE(read_earlier_posts(std::string("\0\0\0\1\2", 5)));
}

TEST_CASE("a refusal names its request and its reason") {
  const std::string written = write_refusal({Opcode::kPost, "busy"});
  CHECK(hex(written) == "30" + hex("busy"));
  const auto read = read_refusal(written);
  REQUIRE(read);
  CHECK(read->request == Opcode::kPost);
  CHECK(read->word == "busy");
  CHECK(read_refusal("0")->word.empty());
  CHECK_FALSE(read_refusal(""));
}
