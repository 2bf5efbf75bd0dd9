#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/crypto/noise.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/paths.hpp"

using namespace hub;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {

using Buffer = std::vector<std::uint8_t>;

// data/noise_nk_vector.txt: name | hex. A name that is not there throws; what no test asked for is
// told by left().
class Vector {
 public:
  Vector() {
    std::ifstream in(hub::test::source_file("data/noise_nk_vector.txt"));
    for (std::string line; std::getline(in, line);) {
      if (line.empty() || line.front() == '#') continue;
      const auto bar = line.find('|');
      if (bar == std::string::npos) throw std::runtime_error("not two cells: " + line);
      values_[line.substr(0, line.find(' '))] = from_hex(line.substr(bar + 1));
    }
  }

  Buffer take(const std::string& name) {
    const auto found = values_.extract(name);
    if (found.empty()) throw std::runtime_error("the vector has no " + name);
    return found.mapped();
  }

  Key take_key(const std::string& name) {
    const Buffer bytes = take(name);
    Key out{};
    REQUIRE(bytes.size() == out.size());
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  }

  std::size_t left() const { return values_.size(); }

 private:
  std::map<std::string, Buffer> values_;
};

KeyPair pair_of(const Key& secret) {
  KeyPair out;
  out.secret = secret;
  out.public_key = public_key_of(secret);
  return out;
}

Key filled(std::uint8_t value) {
  Key out{};
  out.fill(value);
  return out;
}

Buffer sealed_by(const Key& key, std::uint64_t counter, const Buffer& plaintext) {
  Buffer out(plaintext.size() + kAeadTagBytes);
  aead().seal(key, counter_nonce(counter), {}, plaintext, out.data());
  return out;
}

Buffer bytes(std::string_view text) { return {text.begin(), text.end()}; }

// Both sides of one handshake with fixed keys.
struct Pair {
  Buffer prologue = bytes("prologue");
  KeyPair responder_static = pair_of(filled(1));
  KeyPair initiator_ephemeral = pair_of(filled(2));
  KeyPair responder_ephemeral = pair_of(filled(3));
  NoiseInitiator initiator{prologue, responder_static.public_key, initiator_ephemeral};
  Buffer message1;
  Buffer message2;
  Buffer payload;  // what was read last

  Pair() { REQUIRE(initiator.write_message1(bytes("from the initiator"), message1)); }

  std::optional<NoiseResponder> read_message1(Bytes message) {
    return NoiseResponder::read_message1(prologue, responder_static, message, payload);
  }

  NoiseKeys answer() {
    const auto responder = read_message1(message1);
    REQUIRE(responder);
    return responder->write_message2(responder_ephemeral, bytes("from the responder"), message2);
  }
};

void check_same(const NoiseKeys& one, const NoiseKeys& two) {
  CHECK(one.to_initiator == two.to_initiator);
  CHECK(one.to_responder == two.to_responder);
  CHECK(one.handshake_hash == two.handshake_hash);
}

// Every value of 255 bits that makes each shared secret zero (cr.yp.to/ecdh.html, on validating
// public keys): 0, 1, the two of order 8, then p - 1, p and p + 1.
constexpr const char* kLowOrder[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

}  // namespace

TEST_CASE("Noise NK reproduces every line of the published vector") {
  Vector vector;
  const KeyPair responder_static = pair_of(vector.take_key("resp_static"));
  CHECK(responder_static.public_key == vector.take_key("resp_public"));
  const Buffer payload1 = vector.take("payload_1");
  const Buffer payload2 = vector.take("payload_2");
  const Buffer expected1 = vector.take("message_1");
  const Buffer expected2 = vector.take("message_2");

  NoiseInitiator initiator(vector.take("init_prologue"), responder_static.public_key,
                           pair_of(vector.take_key("init_ephemeral")));
  Buffer message1;
  REQUIRE(initiator.write_message1(payload1, message1));
  CHECK(to_hex(message1) == to_hex(expected1));

  Buffer read;
  const auto responder = NoiseResponder::read_message1(vector.take("resp_prologue"),
                                                       responder_static, expected1, read);
  REQUIRE(responder);
  CHECK(read == payload1);
  Buffer message2;
  const NoiseKeys keys =
      responder->write_message2(pair_of(vector.take_key("resp_ephemeral")), payload2, message2);
  CHECK(to_hex(message2) == to_hex(expected2));

  const auto initiators = initiator.read_message2(expected2, read);
  REQUIRE(initiators);
  CHECK(read == payload2);
  check_same(*initiators, keys);
  CHECK(keys.handshake_hash == vector.take_key("handshake_hash"));

  CHECK(sealed_by(keys.to_responder, 0, vector.take("payload_3")) == vector.take("message_3"));
  CHECK(sealed_by(keys.to_initiator, 0, vector.take("payload_4")) == vector.take("message_4"));
  CHECK(sealed_by(keys.to_responder, 1, vector.take("payload_5")) == vector.take("message_5"));
  CHECK(sealed_by(keys.to_initiator, 1, vector.take("payload_6")) == vector.take("message_6"));
  CHECK(vector.left() == 0);
}

TEST_CASE("messages are appended, with any payload from none to a datagram's") {
  for (const std::size_t length : {0u, 1u, 134u, 1120u}) {
    CAPTURE(length);
    Pair pair;
    NoiseInitiator initiator(pair.prologue, pair.responder_static.public_key,
                             pair.initiator_ephemeral);
    Buffer message = bytes("head");
    const Buffer sent(length, 0x55);
    REQUIRE(initiator.write_message1(sent, message));
    REQUIRE(message.size() == 4 + length + kNoiseOverheadBytes);
    CHECK(Buffer(message.begin(), message.begin() + 4) == bytes("head"));
    const auto responder = pair.read_message1(Bytes(message).subspan(4));
    REQUIRE(responder);
    CHECK(pair.payload == sent);

    Buffer answer = bytes("head");
    const NoiseKeys keys = responder->write_message2(pair.responder_ephemeral, sent, answer);
    REQUIRE(answer.size() == 4 + length + kNoiseOverheadBytes);
    Buffer received;
    const auto read = initiator.read_message2(Bytes(answer).subspan(4), received);
    REQUIRE(read);
    CHECK(received == sent);
    check_same(*read, keys);
  }
}

TEST_CASE("the two directions have different keys, and so has every handshake") {
  Pair pair;
  const NoiseKeys keys = pair.answer();
  CHECK(keys.to_initiator != keys.to_responder);
  pair.responder_ephemeral = pair_of(filled(4));
  const NoiseKeys others = pair.answer();
  CHECK(others.to_initiator != keys.to_initiator);
  CHECK(others.to_responder != keys.to_responder);
  CHECK(others.handshake_hash != keys.handshake_hash);
}

TEST_CASE("a handshake for another responder's key fails on both sides") {
  Pair pair;
  const KeyPair other = pair_of(filled(9));
  Buffer payload;
  CHECK_FALSE(NoiseResponder::read_message1(pair.prologue, other, pair.message1, payload));

  // Somebody without the static key answers with what can be made without it.
  NoiseInitiator to_other(pair.prologue, other.public_key, pair.initiator_ephemeral);
  Buffer message1;
  REQUIRE(to_other.write_message1(bytes("hello"), message1));
  pair.answer();
  CHECK_FALSE(to_other.read_message2(pair.message2, payload));
  CHECK(payload.empty());
}

TEST_CASE("a handshake with another prologue fails on both sides") {
  Pair pair;
  const Buffer other = bytes("prologue.");
  Buffer payload;
  CHECK_FALSE(NoiseResponder::read_message1(other, pair.responder_static, pair.message1, payload));

  NoiseInitiator initiator(other, pair.responder_static.public_key, pair.initiator_ephemeral);
  Buffer message1;
  REQUIRE(initiator.write_message1(bytes("from the initiator"), message1));
  pair.answer();
  CHECK_FALSE(initiator.read_message2(pair.message2, payload));
}

TEST_CASE("message 1 with a bit flipped or a byte missing is refused, then the true one taken") {
  Pair pair;
  pair.payload = bytes("as it was");
  for (std::size_t bit = 0; bit < pair.message1.size() * 8; ++bit) {
    CAPTURE(bit);
    Buffer altered = pair.message1;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE_FALSE(pair.read_message1(altered));
  }
  for (std::size_t length = 0; length < pair.message1.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(pair.read_message1(Bytes(pair.message1).first(length)));
  }
  CHECK(pair.payload == bytes("as it was"));
  CHECK(pair.read_message1(pair.message1));
  CHECK(pair.payload == bytes("from the initiator"));
}

TEST_CASE("message 2 with a bit flipped or a byte missing is refused, then the true one taken") {
  Pair pair;
  const NoiseKeys keys = pair.answer();
  Buffer payload = bytes("as it was");
  for (std::size_t bit = 0; bit < pair.message2.size() * 8; ++bit) {
    CAPTURE(bit);
    Buffer altered = pair.message2;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE_FALSE(pair.initiator.read_message2(altered, payload));
  }
  for (std::size_t length = 0; length < pair.message2.size(); ++length) {
    CAPTURE(length);
    REQUIRE_FALSE(pair.initiator.read_message2(Bytes(pair.message2).first(length), payload));
  }
  CHECK(payload == bytes("as it was"));
  const auto read = pair.initiator.read_message2(pair.message2, payload);
  REQUIRE(read);
  CHECK(payload == bytes("from the responder"));
  check_same(*read, keys);
}

TEST_CASE("one ephemeral key encrypts one message 1") {
  Pair pair;
  Buffer again;
  CHECK_FALSE(pair.initiator.write_message1(bytes("something else"), again));
  CHECK(again.empty());
  pair.answer();
  CHECK(pair.initiator.read_message2(pair.message2, pair.payload));
}

TEST_CASE("message 2 before message 1 was written is refused") {
  Pair pair;
  pair.answer();
  const NoiseInitiator silent(pair.prologue, pair.responder_static.public_key,
                              pair.initiator_ephemeral);
  CHECK_FALSE(silent.read_message2(pair.message2, pair.payload));
}

TEST_CASE("a public key of low order is refused wherever it comes from") {
  for (const char* hex : kLowOrder) {
    CAPTURE(hex);
    const Buffer point = from_hex(hex);
    Key low{};
    std::copy(point.begin(), point.end(), low.begin());
    Pair pair;

    // As the responder's static key.
    NoiseInitiator initiator(pair.prologue, low, pair.initiator_ephemeral);
    Buffer out;
    CHECK_FALSE(initiator.write_message1({}, out));
    CHECK(out.empty());

    // As an initiator's e: who sends it knows the shared secret, zero, and can seal a payload that
    // opens for whoever goes on with it.
    Key hash{};
    const std::string name = "Noise_NK_25519_AESGCM_SHA256";
    std::copy(name.begin(), name.end(), hash.begin());
    const Key name_hash = hash;
    for (const Bytes part :
         {Bytes(pair.prologue), Bytes(pair.responder_static.public_key), Bytes(low)}) {
      hash = sha256({hash, part});
    }
    const Key temporary = hmac_sha256(name_hash, {Key{}});
    const Buffer one{1};
    const Buffer two{2};
    const Key chaining_key = hmac_sha256(temporary, {one});
    const Key key = hmac_sha256(temporary, {chaining_key, two});
    Buffer forged = point;
    forged.resize(point.size() + kAeadTagBytes);
    aead().seal(key, counter_nonce(0), hash, {}, forged.data() + point.size());
    CHECK_FALSE(pair.read_message1(forged));
  }
}

TEST_CASE("rekeying gives the same next key on both sides, and a different one each time") {
  const Key first = filled(7);
  const Key second = rekey(first);
  CHECK(second == rekey(first));
  CHECK(second != first);
  CHECK(rekey(second) != second);
  CHECK(rekey(second) != first);
}

TEST_CASE("rekeying is the first 32 bytes of zeroes under the last nonce, by either AEAD") {
  const Key key = filled(7);
  const Key next = rekey(key);
  Key zeroes{};
  Buffer sealed(zeroes.size() + kAeadTagBytes);
  libcrypto_aead().seal(key, counter_nonce(~std::uint64_t{0}), {}, zeroes, sealed.data());
  CHECK(std::equal(next.begin(), next.end(), sealed.begin()));
}
