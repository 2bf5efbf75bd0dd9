#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/heap.hpp"

using namespace hub;
using hub::test::from_hex;
using hub::test::to_hex;

namespace {

using Buffer = std::vector<std::uint8_t>;

struct Named {
  std::string name;
  const Aead* aead;
};

// On a processor without AES there is only one, and what compares the two says so.
std::vector<Named> implementations() {
  std::vector<Named> out{{"libcrypto", &libcrypto_aead()}, {"in use", &aead()}};
  if (sodium_aead() != nullptr) out.push_back({"libsodium", sodium_aead()});
  return out;
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> array_of(const std::string& hex) {
  const Buffer bytes = from_hex(hex);
  REQUIRE(bytes.size() == kSize);
  std::array<std::uint8_t, kSize> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// One datagram's worth of everything, from a seed.
struct Sample {
  Key key{};
  AeadNonce nonce{};
  Buffer associated;
  Buffer plaintext;

  Sample(unsigned seed, std::size_t length, std::size_t associated_length) {
    std::mt19937 engine(seed);
    const auto byte = [&] { return static_cast<std::uint8_t>(engine()); };
    std::generate(key.begin(), key.end(), byte);
    std::generate(nonce.begin(), nonce.end(), byte);
    associated.resize(associated_length);
    std::generate(associated.begin(), associated.end(), byte);
    plaintext.resize(length);
    std::generate(plaintext.begin(), plaintext.end(), byte);
  }

  Buffer sealed_by(const Aead& aead) const {
    Buffer out(plaintext.size() + kAeadTagBytes);
    aead.seal(key, nonce, associated, plaintext, out.data());
    return out;
  }
};

struct Published {
  const char* name;
  const char* key;
  const char* nonce;
  const char* associated;
  const char* plaintext;
  const char* sealed;  // ciphertext, then tag
};

// McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B: the test cases with
// keys of 256 bits and nonces of 96.
constexpr Published kPublished[] = {
    {"test case 13", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"test case 14", "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18 d0d1c8a799996bf0265b98b5d48ab919"},
    {"test case 15", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"test case 16", "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

}  // namespace

TEST_CASE("AES-256-GCM reproduces the published test cases") {
  for (const Named& named : implementations()) {
    for (const Published& vector : kPublished) {
      CAPTURE(named.name, vector.name);
      const auto key = array_of<32>(vector.key);
      const auto nonce = array_of<12>(vector.nonce);
      const Buffer associated = from_hex(vector.associated);
      const Buffer plaintext = from_hex(vector.plaintext);
      Buffer sealed(plaintext.size() + kAeadTagBytes);
      named.aead->seal(key, nonce, associated, plaintext, sealed.data());
      CHECK(to_hex(sealed) == to_hex(from_hex(vector.sealed)));
      Buffer opened(plaintext.size());
      CHECK(named.aead->open(key, nonce, associated, sealed, opened.data()));
      CHECK(opened == plaintext);
    }
  }
}

TEST_CASE("both implementations of the AEAD write the same bytes and read each other's") {
  const Aead* const sodium = sodium_aead();
  if (sodium == nullptr) {
    WARN("this processor has no AES: only libcrypto's implementation was tested");
    return;
  }
  for (std::size_t length = 0; length <= 1500; ++length) {
    CAPTURE(length);
    const Sample sample(static_cast<unsigned>(length), length, length % 41);
    const Buffer sealed = sample.sealed_by(libcrypto_aead());
    REQUIRE(sealed == sample.sealed_by(*sodium));
    for (const Named& named : implementations()) {
      Buffer opened(length);
      REQUIRE(named.aead->open(sample.key, sample.nonce, sample.associated, sealed, opened.data()));
      REQUIRE(opened == sample.plaintext);
    }
  }
}

TEST_CASE("the longest datagrams are the same whoever seals them") {
  for (const std::size_t length : {kMaxFrameBytes - 1, kMaxFrameBytes}) {
    const Sample sample(3, length, kTransportHeaderBytes);
    const Buffer sealed = sample.sealed_by(libcrypto_aead());
    for (const Named& named : implementations()) {
      CAPTURE(named.name, length);
      CHECK(sample.sealed_by(*named.aead) == sealed);
      Buffer opened(length);
      REQUIRE(named.aead->open(sample.key, sample.nonce, sample.associated, sealed, opened.data()));
      CHECK(opened == sample.plaintext);
    }
  }
}

TEST_CASE("no implementation keeps a key on the heap") {
  Buffer message(2000);
  for (const Named& named : implementations()) {
    CAPTURE(named.name);
    // Never in one piece in memory of ours but where it dies with the call: what is found is
    // theirs.
    const auto byte = [](std::size_t i) { return static_cast<std::uint8_t>(0x77 ^ (37 * i)); };
    const auto with_key = [&](const auto& use) {
      Key key{};
      for (std::size_t i = 0; i < key.size(); ++i) key[i] = byte(i);
      use(key);
      wipe(key);
    };
    const auto is_found = [&] { return test::heap_holds(byte); };
    with_key([&](const Key& key) {
      named.aead->seal(key, {}, {}, Bytes(message).first(1900), message.data());
    });
    CHECK_FALSE(is_found());
    with_key([&](const Key& key) {
      CHECK(named.aead->open(key, {}, {}, Bytes(message).first(1900 + kAeadTagBytes),
                             message.data()));
    });
    CHECK_FALSE(is_found());
    const auto kept = std::make_unique<Key>();  // the search finds what is there
    with_key([&](const Key& key) { *kept = key; });
    CHECK(is_found());
    wipe(*kept);
  }
}

TEST_CASE("sealing and opening in place give what they give elsewhere") {
  for (const Named& named : implementations()) {
    for (std::size_t length = 0; length <= 1500; ++length) {
      CAPTURE(named.name, length);
      const Sample sample(static_cast<unsigned>(length), length, 17);
      Buffer buffer = sample.plaintext;
      buffer.resize(length + kAeadTagBytes);
      named.aead->seal(sample.key, sample.nonce, sample.associated, Bytes(buffer).first(length),
                       buffer.data());
      REQUIRE(buffer == sample.sealed_by(*named.aead));
      REQUIRE(named.aead->open(sample.key, sample.nonce, sample.associated, buffer, buffer.data()));
      buffer.resize(length);
      REQUIRE(buffer == sample.plaintext);
    }
  }
}

TEST_CASE("a datagram with any bit flipped does not open, and nothing of it is handed out") {
  const Sample sample(1, 150, 17);
  const Buffer nothing(150, 0);
  for (const Named& named : implementations()) {
    const Buffer sealed = sample.sealed_by(*named.aead);
    const auto opens = [&](Bytes associated, Bytes bytes, const AeadNonce& nonce, const Key& key) {
      Buffer out(150, 0xEE);
      const bool opened = named.aead->open(key, nonce, associated, bytes, out.data());
      return opened || out != nothing;
    };
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      CAPTURE(named.name, bit);
      Buffer altered = sealed;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE_FALSE(opens(sample.associated, altered, sample.nonce, sample.key));
    }
    for (std::size_t bit = 0; bit < sample.associated.size() * 8; ++bit) {
      CAPTURE(named.name, bit);
      Buffer altered = sample.associated;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE_FALSE(opens(altered, sealed, sample.nonce, sample.key));
    }
    for (std::size_t bit = 0; bit < sample.nonce.size() * 8; ++bit) {
      CAPTURE(named.name, bit);
      AeadNonce altered = sample.nonce;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE_FALSE(opens(sample.associated, sealed, altered, sample.key));
    }
    for (std::size_t bit = 0; bit < sample.key.size() * 8; ++bit) {
      CAPTURE(named.name, bit);
      Key altered = sample.key;
      altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      REQUIRE_FALSE(opens(sample.associated, sealed, sample.nonce, altered));
    }
  }
}

TEST_CASE("what is cut short does not open") {
  const Sample sample(2, 40, 17);
  for (const Named& named : implementations()) {
    const Buffer sealed = sample.sealed_by(*named.aead);
    for (std::size_t length = 0; length < sealed.size(); ++length) {
      CAPTURE(named.name, length);
      Buffer out(sealed.size());
      CHECK_FALSE(named.aead->open(sample.key, sample.nonce, sample.associated,
                                   Bytes(sealed).first(length), out.data()));
    }
  }
}

TEST_CASE("a failed open leaves the implementation fit for the next datagram") {
  const Sample sample(3, 100, 17);
  for (const Named& named : implementations()) {
    CAPTURE(named.name);
    const Buffer sealed = sample.sealed_by(*named.aead);
    Buffer out(100);
    CHECK_FALSE(named.aead->open(sample.key, sample.nonce, {}, sealed, out.data()));
    CHECK(named.aead->open(sample.key, sample.nonce, sample.associated, sealed, out.data()));
    CHECK(out == sample.plaintext);
  }
}

TEST_CASE("the nonce is four zero bytes and the counter, big-endian") {
  const auto hex = [](std::uint64_t counter) {
    const AeadNonce nonce = counter_nonce(counter);
    return to_hex({nonce.begin(), nonce.end()});
  };
  CHECK(hex(0) == "000000000000000000000000");
  CHECK(hex(1) == "000000000000000000000001");
  CHECK(hex(0x0123456789abcdef) == "000000000123456789abcdef");
  CHECK(hex(~std::uint64_t{0}) == "00000000ffffffffffffffff");
}
