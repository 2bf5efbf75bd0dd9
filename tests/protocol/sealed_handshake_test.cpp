#include <algorithm>
#include <functional>

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/handshake.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using namespace hub::sealed;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {

using Buffer = std::vector<std::uint8_t>;

template <class Array>
Array counted(std::uint8_t first) {
  Array out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}

Buffer counted_bytes(std::size_t count) {
  Buffer out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i);
  return out;
}

const std::string k16 = "000102030405060708090a0b0c0d0e0f";
const std::string k32 = k16 + "101112131415161718191a1b1c1d1e1f";

struct Sample {
  std::string name;
  Buffer bytes;
  std::function<bool(Bytes)> read;
};

template <class Read>
Sample sample(std::string name, Buffer bytes, Read read) {
  return {std::move(name), std::move(bytes),
          [read](Bytes datagram) { return read(datagram).has_value(); }};
}

// One of each, as long as it can be.
std::vector<Sample> samples() {
  Buffer hello;
  write_hello(counted<KeyId>(1), counted<Cookie>(5), counted_bytes(181), hello);
  Buffer cookie;
  write_cookie({counted<Echo>(0), counted<Cookie>(16)}, cookie);
  Buffer welcome;
  write_welcome(0x0102030405060708, counted_bytes(73), welcome);
  Buffer versions;
  write_versions({counted<Echo>(0), counted_bytes(16)}, versions);
  Buffer key_request;
  write_key_request(counted<Echo>(0), key_request);
  Buffer one_key;
  write_key_answer({counted<Echo>(0), {counted<Key>(0)}}, one_key);
  Buffer two_keys;
  write_key_answer({counted<Echo>(0), {counted<Key>(0), counted<Key>(32)}}, two_keys);
  Buffer reset;
  write_reset({0x0102030405060708, counted<ResetToken>(0)}, reset);
  return {sample("hello", hello, read_hello),
          sample("cookie", cookie, read_cookie),
          sample("welcome", welcome, read_welcome),
          sample("versions", versions, read_versions),
          sample("key request", key_request, read_key_request),
          sample("one key", one_key, read_key_answer),
          sample("two keys", two_keys, read_key_answer),
          sample("reset", reset, read_reset)};
}

}  // namespace

TEST_CASE("each message before a connection stands byte for byte where it should") {
  const auto all = samples();
  CHECK(to_hex(all[0].bytes) ==
        "01"
        "01"
        "01020304"
        "05060708090a0b0c0d0e0f1011121314" +
            to_hex(counted_bytes(181)));
  CHECK(to_hex(all[1].bytes) == "02" + k32);
  CHECK(to_hex(all[2].bytes) ==
        "03"
        "0102030405060708" +
            to_hex(counted_bytes(73)));
  CHECK(to_hex(all[3].bytes) == "04" + k16 + "10" + k16);
  CHECK(to_hex(all[4].bytes) == "05" + k16 + to_hex(Buffer(186)));
  CHECK(to_hex(all[5].bytes) == "06" + k16 + "01" + k32);
  CHECK(to_hex(all[6].bytes) == "06" + k16 + "02" + to_hex(counted_bytes(64)));
  CHECK(to_hex(all[7].bytes) ==
        "07"
        "0102030405060708" +
            k16);
  CHECK(all[0].bytes.size() == 203);
  CHECK(all[2].bytes.size() == 82);
  CHECK(all[7].bytes.size() == kResetBytes);
}

TEST_CASE("what was written is read again") {
  const auto all = samples();
  const auto hello = read_hello(all[0].bytes);
  REQUIRE(hello);
  CHECK(hello->version == 1);
  CHECK(hello->key_id == counted<KeyId>(1));
  CHECK(hello->cookie == counted<Cookie>(5));
  CHECK(hello->echo == counted<Echo>(0));
  CHECK(hello->noise.size() == 181);
  CHECK(read_cookie(all[1].bytes)->echo == counted<Echo>(0));
  CHECK(read_cookie(all[1].bytes)->cookie == counted<Cookie>(16));
  CHECK(read_welcome(all[2].bytes)->client_id == 0x0102030405060708);
  CHECK(read_welcome(all[2].bytes)->noise.size() == 73);
  CHECK(read_versions(all[3].bytes)->versions == counted_bytes(16));
  CHECK(read_versions(all[3].bytes)->echo == counted<Echo>(0));
  CHECK(read_key_request(all[4].bytes) == counted<Echo>(0));
  CHECK(read_key_answer(all[6].bytes)->keys.size() == 2);
  CHECK(read_key_answer(all[6].bytes)->keys[1] == counted<Key>(32));
  CHECK(read_key_answer(all[6].bytes)->echo == counted<Echo>(0));
  CHECK(read_reset(all[7].bytes)->id == 0x0102030405060708);
  CHECK(read_reset(all[7].bytes)->token == counted<ResetToken>(0));
}

TEST_CASE("a message before a connection has one length, and one type") {
  const auto all = samples();
  for (const Sample& one : all) {
    CAPTURE(one.name);
    CHECK(one.read(one.bytes));
    for (std::size_t size = 0; size < one.bytes.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(one.read(Bytes(one.bytes).first(size)));
    }
    Buffer longer = one.bytes;
    while (longer.size() < 1'300) {
      longer.push_back(static_cast<std::uint8_t>(longer.size()));
      if (one.read(longer)) FAIL(one.name << " of " << longer.size() << " bytes");
    }
    Buffer other = one.bytes;
    for (int type = 0; type < 256; ++type) {
      other[0] = static_cast<std::uint8_t>(type);
      if (type != one.bytes[0]) CHECK_FALSE(one.read(other));
    }
    for (const Sample& another : all) {
      if (another.bytes[0] != one.bytes[0]) CHECK_FALSE(one.read(another.bytes));
    }
  }
}

TEST_CASE("a hello of a later version may be longer, never shorter or over a datagram") {
  Buffer hello = samples()[0].bytes;
  hello[1] = 2;
  CHECK(read_hello(hello)->version == 2);
  CHECK_FALSE(read_hello(Bytes(hello).first(hello.size() - 1)));
  hello.resize(kBaseDatagramBytes);
  const auto longest = read_hello(hello);
  REQUIRE(longest);
  CHECK(longest->key_id == counted<KeyId>(1));
  CHECK(longest->echo == counted<Echo>(0));  // stands where it stands
  hello.push_back(0);
  CHECK_FALSE(read_hello(hello));
}

TEST_CASE("a count that does not match, or is out of bounds, is refused") {
  Buffer versions;
  write_versions({{}, {}}, versions);
  CHECK_FALSE(read_versions(versions));
  versions.clear();
  write_versions({{}, Buffer(17, 1)}, versions);
  CHECK_FALSE(read_versions(versions));
  Buffer keys;
  write_key_answer({{}, {}}, keys);
  CHECK_FALSE(read_key_answer(keys));
  keys.clear();
  write_key_answer({{}, std::vector<Key>(3)}, keys);
  CHECK_FALSE(read_key_answer(keys));
}

TEST_CASE("what is asked before a connection is longer than all that can be answered") {
  const auto all = samples();
  const std::size_t least = std::min(all[0].bytes.size(), all[4].bytes.size());
  CHECK(least == kHelloBytes);
  for (const std::size_t answer : {1, 2, 3, 5, 6, 7}) {
    CAPTURE(all[answer].name);
    CHECK(all[answer].bytes.size() <= least);
  }
  CHECK(kResetBytes < kTransportOverhead + 1);  // the shortest transport datagram
}

TEST_CASE("the inside of a hello: an ID, versions, zeros to the end") {
  const Buffer versions{1, 3};
  Buffer payload = hello_payload(0x0102030405060708, versions);
  CHECK(to_hex(payload) ==
        "0102030405060708"
        "02"
        "0103" +
            to_hex(Buffer(122)));
  const auto read = read_hello_payload(payload);
  REQUIRE(read);
  CHECK(read->client_id == 0x0102030405060708);
  CHECK(read->versions == versions);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CHECK_FALSE(read_hello_payload(Bytes(payload).first(size)));
  }
  for (std::size_t at = 11; at < payload.size(); ++at) {
    Buffer other = payload;
    other[at] = 1;
    CHECK_FALSE(read_hello_payload(other));
  }
  payload.push_back(0);
  CHECK_FALSE(read_hello_payload(payload));
  CHECK_FALSE(read_hello_payload(hello_payload(1, {})));
  CHECK(read_hello_payload(hello_payload(1, Buffer(16, 1))));
  CHECK_FALSE(read_hello_payload(hello_payload(1, Buffer(17, 1))));
}

TEST_CASE("the inside of a welcome has one length") {
  const Buffer payload = welcome_payload({0x0102030405060708, counted<ResetToken>(0), 1});
  CHECK(to_hex(payload) == "0102030405060708" + k16 + "01");
  const auto read = read_welcome_payload(payload);
  REQUIRE(read);
  CHECK(read->server_id == 0x0102030405060708);
  CHECK(read->reset == counted<ResetToken>(0));
  CHECK(read->version == 1);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CHECK_FALSE(read_welcome_payload(Bytes(payload).first(size)));
  }
  Buffer longer = payload;
  longer.push_back(0);
  CHECK_FALSE(read_welcome_payload(longer));
}

TEST_CASE("key ID, prologue and reset token are derived as written down") {
  // SHA-256 of 32 zero bytes begins with 66687aad (and so on).
  CHECK(key_id_of(Key{}) == KeyId{0x66, 0x68, 0x7a, 0xad});
  CHECK(to_hex(prologue(1, {0xaa, 0xbb, 0xcc, 0xdd})) ==
        "6875622f31"
        "01"
        "01"
        "aabbccdd");
  const Buffer id = from_hex("0102030405060708");
  const Key mac = hmac_sha256(counted<Key>(0), {Bytes(id)});
  const ResetToken token = reset_token(counted<Key>(0), 0x0102030405060708);
  CHECK(std::equal(token.begin(), token.end(), mac.begin()));
}
