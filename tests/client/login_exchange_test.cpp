#include "client/core/login_exchange.hpp"

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::client {
namespace {

using namespace std::chrono_literals;
using Exchange = LoginExchange;

constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};

/// A hub's half, as far as it takes.
struct Fixture {
  explicit Fixture(const Exchange::Config& config = {.allow_weak_kdf = true})
      : exchange(config, random), verifier(*make_verifier("secret", kCheap, random)) {}

  Exchange::Step start(const std::string& who = "Ann", const std::string& password = "secret") {
    return note(exchange.start(*ClientId::parse(who), password, device, hash));
  }
  Exchange::Step resume() { return exchange.resume(*ClientId::parse("Ann"), device, hash); }
  Exchange::Step again(const Exchange::Device& other) { return note(exchange.again(other, hash)); }
  /// Keeps what the server needs of a login start.
  Exchange::Step note(const Exchange::Step& step) {
    if (const auto* sent = std::get_if<Exchange::SendMessage>(&step)) {
      const auto read = sealed::read_login_start(sent->payload);
      transcript.handshake_hash = hash;
      transcript.client_nonce = read->nonce;
      transcript.id_key = ClientId::parse(read->id)->key();
      id = read->id;
    }
    return step;
  }
  Exchange::Step challenge(const KdfParams& kdf = kCheap) {
    transcript.server_nonce = LoginNonce{7};
    transcript.salt = verifier.salt;
    transcript.kdf = kdf;
    return exchange.on_message(
        Opcode::kLoginChallenge,
        sealed::write_login_challenge({transcript.server_nonce, transcript.salt, kdf}));
  }
  Exchange::Step stretch(const Exchange::Step& step) {
    const auto& job = std::get<Exchange::Stretch>(step);
    return exchange.stretched(job.ticket, stretch_password(job.password, job.salt, job.kdf));
  }
  bool is_right(const Exchange::Step& step) {
    const auto& sent = std::get<Exchange::SendMessage>(step);
    const auto read = sealed::read_login_proof(sent.payload);
    proof = *read;
    return sent.opcode == Opcode::kLoginProof &&
           verify_client_proof(verifier, auth_message(transcript), read->proof);
  }
  Exchange::Step ok(bool honest = true, const std::optional<Key>& next = std::nullopt) {
    Key signature = server_signature(verifier.server_key, auth_message(transcript));
    if (!honest) signature[31] ^= 1;
    return exchange.on_message(Opcode::kLoginOk,
                               sealed::write_login_ok({signature, 45s, {77, 99}, 12, next}));
  }
  Exchange::Step resumed(bool honest = true) {
    Key signature = resume_signature(resume_key_of(device.secret), hash, device.id);
    if (!honest) signature[31] ^= 1;
    return exchange.on_message(Opcode::kLoginOk,
                               sealed::write_login_ok({signature, 45s, {77, 99}, 12, {}}));
  }
  Exchange::Step failed(char why = 0) {
    return exchange.on_message(Opcode::kLoginFailed, std::string(1, why));
  }
  void log_in() {
    start();
    REQUIRE(is_right(stretch(challenge())));
    REQUIRE(std::holds_alternative<Exchange::LoggedIn>(ok()));
  }

  test::SeededRandom random{3};
  Exchange exchange;
  Verifier verifier;
  Key hash{1, 2, 3};
  LoginTranscript transcript;
  std::string id;
  Exchange::Device device{DeviceId{5}, Key{6}, {77, 42}};
  sealed::LoginProof proof;
};

bool is_nothing(const Exchange::Step& step) {
  return std::holds_alternative<Exchange::Nothing>(step);
}

std::string word(const Exchange::Step& step) {
  const auto* distrusted = std::get_if<Exchange::Distrusted>(&step);
  return distrusted != nullptr ? distrusted->word : "";
}

}  // namespace

TEST_CASE("login exchange: start, challenge, stretching, proof, ok") {
  Fixture f;
  const auto begun = f.start();
  CHECK(std::get<Exchange::SendMessage>(begun).opcode == Opcode::kLoginStart);
  CHECK(f.id == "Ann");
  CHECK(f.exchange.under_way());
  CHECK(f.is_right(f.stretch(f.challenge())));
  CHECK(f.proof.device == f.device.id);
  CHECK(f.proof.resume_key == resume_key_of(f.device.secret));
  CHECK(f.proof.mark == f.device.mark);
  const auto done = f.ok(true, Key{9});
  const auto& logged_in = std::get<Exchange::LoggedIn>(done);
  CHECK(logged_in.session_timeout == 45s);
  CHECK(logged_in.mark == sealed::Mark{77, 99});
  CHECK(logged_in.done == 12);
  CHECK(logged_in.next_key == Key{9});
  CHECK_FALSE(f.exchange.under_way());
}

TEST_CASE("login exchange: a proof holds for its handshake and its nonces alone") {
  Fixture f;
  f.start();
  const auto proof = f.stretch(f.challenge());
  f.transcript.handshake_hash[0] ^= 1;
  CHECK_FALSE(f.is_right(proof));
  f.transcript.handshake_hash[0] ^= 1;
  f.transcript.client_nonce[0] ^= 1;
  CHECK_FALSE(f.is_right(proof));
  f.transcript.client_nonce[0] ^= 1;
  CHECK(f.is_right(proof));
}

TEST_CASE("login exchange: a hub that cannot sign, or says ok too early, is a false one") {
  Fixture f;
  f.start();
  CHECK(is_nothing(f.ok()));  // nothing was proved: nothing to be let in for
  CHECK(f.exchange.under_way());
  REQUIRE(f.is_right(f.stretch(f.challenge())));
  SECTION("a wrong signature") { CHECK(word(f.ok(false)) == "false_hub"); }
  SECTION("no signature") {
    CHECK(word(f.exchange.on_message(Opcode::kLoginOk, "")) == "false_hub");
  }
  CHECK_FALSE(f.exchange.may_try_again());
}

TEST_CASE("login exchange: passwords are stretched within bounds, or not at all") {
  const auto asked = [](const KdfParams& kdf, bool weak) {
    Fixture f({.allow_weak_kdf = weak});
    f.start();
    const auto step = f.challenge(kdf);
    if (std::holds_alternative<Exchange::Stretch>(step)) return std::string("stretched");
    CHECK_FALSE(f.exchange.under_way());
    return word(step);
  };
  const std::string refused = "weak_password_protection";
  CHECK(asked({kMinClientKdfMemory, kMinClientKdfPasses}, false) == "stretched");
  CHECK(asked({kMinClientKdfMemory - 1024, kMinClientKdfPasses}, false) == refused);
  CHECK(asked({kMinClientKdfMemory, kMinClientKdfPasses - 1}, false) == refused);
  CHECK(asked({kMaxKdfMemory, kMaxKdfPasses}, false) == "stretched");
  CHECK(asked({kMaxKdfMemory + 1024, kMinClientKdfPasses}, false) == refused);
  CHECK(asked({kMinClientKdfMemory, kMaxKdfPasses + 1}, false) == refused);
  CHECK(asked({kMinKdfMemory, kMinKdfPasses}, true) == "stretched");
  CHECK(asked({kMinKdfMemory - 1024, kMinKdfPasses}, true) == refused);
  CHECK(asked({kMaxKdfMemory + 1024, kMinKdfPasses}, true) == refused);
}

TEST_CASE("login exchange: memory that cannot be had is said so") {
  Fixture f;
  f.start();
  const auto step = f.challenge();
  CHECK(word(f.exchange.stretched(std::get<Exchange::Stretch>(step).ticket, std::nullopt)) ==
        "no_memory");
  CHECK_FALSE(f.exchange.under_way());
}

TEST_CASE("login exchange: a device that was here before needs no password, and one message") {
  Fixture f;
  const auto step = f.resume();
  const auto& sent = std::get<Exchange::SendMessage>(step);
  CHECK(sent.opcode == Opcode::kResume);
  const auto read = sealed::read_resume(sent.payload);
  REQUIRE(read);
  CHECK(read->id == "Ann");
  CHECK(read->device == f.device.id);
  CHECK(read->mark == f.device.mark);
  CHECK(verify_resume_proof(resume_key_of(f.device.secret), f.hash, read->device, read->proof));
  CHECK(f.exchange.is_resume());
  SECTION("the hub signs") {
    const auto done = f.resumed();
    const auto& logged_in = std::get<Exchange::LoggedIn>(done);
    CHECK(logged_in.mark == sealed::Mark{77, 99});
    CHECK(logged_in.done == 12);
  }
  SECTION("it cannot") { CHECK(word(f.resumed(false)) == "false_hub"); }
  SECTION("it signs as after a password") { CHECK(word(f.ok()) == "false_hub"); }
  SECTION("it refuses") {
    CHECK(std::holds_alternative<Exchange::Failed>(f.failed()));
    CHECK(is_nothing(f.resumed()));
  }
  CHECK_FALSE(f.exchange.under_way());
}

TEST_CASE("login exchange: once more as another device, with the keys that were right") {
  Fixture f;
  CHECK(is_nothing(f.again(f.device)));
  f.log_in();
  REQUIRE(f.exchange.may_try_again());
  SECTION("the same account") {
    const Exchange::Device other{DeviceId{8}, Key{9}, {}};
    f.again(other);
    CHECK(f.id == "Ann");
    CHECK(f.is_right(f.challenge()));  // at once
    CHECK(f.proof.device == other.id);
    CHECK(std::holds_alternative<Exchange::LoggedIn>(f.ok()));
  }
  SECTION("another salt: the password was changed, or the hub is a false one") {
    f.verifier = *make_verifier("other", kCheap, f.random);
    f.again(f.device);
    CHECK(std::holds_alternative<Exchange::Failed>(f.challenge()));
  }
  SECTION("forgotten") {
    f.exchange.forget();
    CHECK_FALSE(f.exchange.may_try_again());
  }
  SECTION("the same again: the typed password counts, not what is kept") {
    f.start("Ann", "wrong");
    const auto step = f.challenge();
    REQUIRE(std::holds_alternative<Exchange::Stretch>(step));
    CHECK_FALSE(f.is_right(f.stretch(step)));
  }
}

TEST_CASE("login exchange: refusals say why, and end it at any stage") {
  Fixture f;
  const int stage = GENERATE(0, 1, 2);
  const int why = GENERATE(0, 1, 2);
  CAPTURE(stage, why);
  f.start();
  std::optional<Exchange::Step> stretching;
  if (stage > 0) stretching = f.challenge();
  if (stage > 1) f.stretch(*stretching);
  const auto step = f.failed(static_cast<char>(why));
  REQUIRE(std::holds_alternative<Exchange::Failed>(step));
  CHECK(static_cast<int>(std::get<Exchange::Failed>(step).why) == why);
  CHECK_FALSE(f.exchange.under_way());
  CHECK(is_nothing(f.failed()));                              // once
  if (stage == 1) CHECK(is_nothing(f.stretch(*stretching)));  // comes too late
  CHECK_FALSE(f.exchange.may_try_again());
}

TEST_CASE("login exchange: what comes at the wrong time is nothing") {
  Fixture f;
  CHECK(is_nothing(f.challenge()));
  CHECK(is_nothing(f.ok()));
  CHECK(is_nothing(f.failed()));
  f.start();
  CHECK(is_nothing(f.exchange.on_message(Opcode::kLoginChallenge, "short")));
  const auto first = f.challenge();
  CHECK(is_nothing(f.challenge()));  // a second challenge
  CHECK(is_nothing(f.exchange.stretched(99, Key{1})));
  f.exchange.abandon();  // the connection is gone
  CHECK(is_nothing(f.stretch(first)));
  f.start();
  const auto second = f.challenge();
  CHECK(is_nothing(f.stretch(first)));  // of the attempt before
  CHECK(f.is_right(f.stretch(second)));
}

}  // namespace hub::client
