#include "protocol/scram.hpp"

#include <string>
#include <utility>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using hub::test::to_hex;

namespace {

// libsodium's minimum: these tests are about right and wrong, not about cost.
constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};

LoginTranscript transcript_for(const Verifier& verifier) {
  LoginTranscript out;
  out.handshake_hash.fill(0xAA);
  out.id_key = "ann";
  out.client_nonce.fill(0xCC);
  out.server_nonce.fill(0xDD);
  out.salt = verifier.salt;
  out.kdf = verifier.kdf;
  return out;
}

// One account, and a client that types a password for it.
struct Login {
  SystemRandom random;
  Verifier verifier;
  LoginTranscript transcript;

  explicit Login(const KdfParams& kdf = kCheap) {
    const auto made = make_verifier("correct horse", kdf, random);
    REQUIRE(made);
    verifier = *made;
    transcript = transcript_for(verifier);
  }

  ScramKeys keys(std::string_view password) const {
    const auto salted = stretch_password(password, transcript.salt, transcript.kdf);
    REQUIRE(salted);
    return scram_keys(*salted);
  }

  Key proof(std::string_view password) const {
    return client_proof(keys(password), auth_message(transcript));
  }
};

// Every single change to a transcript, with the field's name.
struct Change {
  const char* field;
  void (*apply)(LoginTranscript&);
};
constexpr Change kChanges[] = {
    {"handshake hash, first byte", [](LoginTranscript& t) { t.handshake_hash.front() ^= 1; }},
    {"handshake hash, last byte", [](LoginTranscript& t) { t.handshake_hash.back() ^= 1; }},
    {"ID", [](LoginTranscript& t) { t.id_key = "anm"; }},
    {"ID, longer", [](LoginTranscript& t) { t.id_key += '_'; }},
    {"client nonce, first byte", [](LoginTranscript& t) { t.client_nonce.front() ^= 1; }},
    {"client nonce, last byte", [](LoginTranscript& t) { t.client_nonce.back() ^= 1; }},
    {"server nonce, first byte", [](LoginTranscript& t) { t.server_nonce.front() ^= 1; }},
    {"server nonce, last byte", [](LoginTranscript& t) { t.server_nonce.back() ^= 1; }},
    {"nonces exchanged", [](LoginTranscript& t) { std::swap(t.client_nonce, t.server_nonce); }},
    {"salt", [](LoginTranscript& t) { t.salt.back() ^= 1; }},
    {"memory", [](LoginTranscript& t) { t.kdf.memory_bytes ^= 1; }},
    {"memory, high bits", [](LoginTranscript& t) { t.kdf.memory_bytes ^= 1ull << 63; }},
    {"passes", [](LoginTranscript& t) { t.kdf.passes ^= 1; }},
    {"passes, high bits", [](LoginTranscript& t) { t.kdf.passes ^= 1u << 31; }},
};

}  // namespace

TEST_CASE("the auth message is what its grammar says, byte for byte") {
  LoginTranscript transcript;
  transcript.handshake_hash.fill(0xAA);
  transcript.id_key = "ann_1";
  transcript.client_nonce.fill(0xCC);
  transcript.server_nonce.fill(0xDD);
  transcript.salt.fill(0xEE);
  transcript.kdf = {67108864, 2};
  const auto times = [](std::size_t count, const std::string& byte) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += byte;
    return out;
  };
  const std::string expected = std::string("000b687562206c6f67696e2031")  // hub login 1
                               + "0020" + times(32, "aa")                 // handshake hash
                               + "0005616e6e5f31"                         // ID
                               + "0020" + times(32, "cc")                 // client nonce
                               + "0020" + times(32, "dd")                 // server nonce
                               + "0010" + times(16, "ee")                 // salt
                               + "00080000000004000000"                   // memory
                               + "000400000002";                          // passes
  CHECK(to_hex(auth_message(transcript)) == expected);
}

TEST_CASE("the right password proves itself, and the server in turn") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  const ScramKeys keys = login.keys("correct horse");
  CHECK(verify_client_proof(login.verifier, auth, client_proof(keys, auth)));
  const Key signature = server_signature(login.verifier.server_key, auth);
  CHECK(verify_server_signature(keys.server_key, auth, signature));
}

TEST_CASE("the hub's default parameters prove too, and a client accepts them") {
  const Login login(KdfParams{kDefaultKdfMemory, kDefaultKdfPasses});
  CHECK(is_acceptable_to_client(login.transcript.kdf, false));
  CHECK(verify_client_proof(login.verifier, auth_message(login.transcript),
                            login.proof("correct horse")));
}

TEST_CASE("a wrong password proves nothing") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  for (const char* password : {"", "correct hors", "correct horse ", "Correct horse"}) {
    CAPTURE(password);
    CHECK_FALSE(verify_client_proof(login.verifier, auth, login.proof(password)));
  }
}

TEST_CASE("a proof with any bit flipped proves nothing") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  const Key proof = login.proof("correct horse");
  REQUIRE(verify_client_proof(login.verifier, auth, proof));
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    CAPTURE(bit);
    Key altered = proof;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    REQUIRE_FALSE(verify_client_proof(login.verifier, auth, altered));
  }
}

// A stored key is one hash of 32 bytes: among a thousand wrong proofs some agree in the first byte.
TEST_CASE("no proof passes by agreeing in a few bytes") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  Key proof{};
  for (unsigned i = 0; i < 2000; ++i) {
    proof[0] = static_cast<std::uint8_t>(i);
    proof[1] = static_cast<std::uint8_t>(i >> 8);
    REQUIRE_FALSE(verify_client_proof(login.verifier, auth, proof));
  }
}

TEST_CASE("a proof holds for one transcript: any field changed, and it proves nothing") {
  const Login login;
  const Key proof = login.proof("correct horse");
  const Key signature = server_signature(login.verifier.server_key, auth_message(login.transcript));
  for (const Change& change : kChanges) {
    CAPTURE(change.field);
    LoginTranscript altered = login.transcript;
    change.apply(altered);
    const auto auth = auth_message(altered);
    CHECK_FALSE(verify_client_proof(login.verifier, auth, proof));
    CHECK_FALSE(verify_server_signature(login.verifier.server_key, auth, signature));
  }
}

TEST_CASE("what the server says is no proof, and a proof is no signature") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  const Key signature = server_signature(login.verifier.server_key, auth);
  CHECK_FALSE(verify_client_proof(login.verifier, auth, signature));
  CHECK_FALSE(
      verify_server_signature(login.verifier.server_key, auth, login.proof("correct horse")));
}

TEST_CASE("a verifier that leaked is no password") {
  const Login login;
  const auto auth = auth_message(login.transcript);
  ScramKeys guessed;
  guessed.stored_key = login.verifier.stored_key;
  guessed.server_key = login.verifier.server_key;
  for (const Key& client_key : {Key{}, login.verifier.stored_key, login.verifier.server_key}) {
    guessed.client_key = client_key;
    CHECK_FALSE(verify_client_proof(login.verifier, auth, client_proof(guessed, auth)));
  }
}

TEST_CASE("a decoy takes no proof") {
  const Login login;
  Key secret{};
  secret.fill(7);
  Login other;
  other.verifier = decoy_verifier(secret, "ann", kCheap);
  other.transcript = transcript_for(other.verifier);
  CHECK_FALSE(verify_client_proof(other.verifier, auth_message(other.transcript),
                                  other.proof("correct horse")));
}

TEST_CASE("a client stretches its password only within its own bounds") {
  constexpr std::uint64_t kMiB = 1024 * 1024;
  CHECK(is_acceptable_to_client({19 * kMiB, 2}, false));
  CHECK(is_acceptable_to_client({256 * kMiB, 10}, false));
  CHECK_FALSE(is_acceptable_to_client({19 * kMiB - 1, 2}, false));
  CHECK_FALSE(is_acceptable_to_client({19 * kMiB, 1}, false));
  for (const bool allow_weak : {false, true}) {
    CAPTURE(allow_weak);
    CHECK_FALSE(is_acceptable_to_client({256 * kMiB + 1, 2}, allow_weak));
    CHECK_FALSE(is_acceptable_to_client({19 * kMiB, 11}, allow_weak));
    CHECK_FALSE(is_acceptable_to_client({0, 2}, allow_weak));
    CHECK_FALSE(is_acceptable_to_client({19 * kMiB, 0}, allow_weak));
  }
  CHECK(is_acceptable_to_client(kCheap, true));
  CHECK_FALSE(is_acceptable_to_client(kCheap, false));
}
