#include <cstring>

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/crypto/noise.hpp"
#include "protocol/crypto/x25519.hpp"
#include "protocol/password.hpp"
#include "tests/support/grave.hpp"

using namespace hub;
using hub::test::check_wiped;

namespace {

using Buffer = std::vector<std::uint8_t>;

Key filled(std::uint8_t value) {
  Key out{};
  out.fill(value);
  return out;
}

KeyPair pair_of(std::uint8_t value) {
  KeyPair out;
  out.secret = filled(value);
  out.public_key = public_key_of(out.secret);
  return out;
}

}  // namespace

TEST_CASE("key pairs and SCRAM keys leave no secret behind") {
  const KeyPair pair = pair_of(1);
  check_wiped(pair, pair.secret);
  const ScramKeys keys = scram_keys(filled(2));
  check_wiped(keys, keys.client_key);
  check_wiped(keys, keys.stored_key);
  check_wiped(keys, keys.server_key);
}

TEST_CASE("both sides of a handshake leave no secret behind") {
  const KeyPair responder_static = pair_of(1);
  const KeyPair ephemeral = pair_of(2);
  NoiseInitiator initiator({}, responder_static.public_key, ephemeral);
  Buffer message;
  REQUIRE(initiator.write_message1({}, message));
  check_wiped(initiator, ephemeral.secret);

  Buffer payload;
  const auto responder = NoiseResponder::read_message1({}, responder_static, message, payload);
  REQUIRE(responder);
  // The chaining key after es: the name of the protocol, mixed with the shared secret.
  Key name{};
  std::memcpy(name.data(), "Noise_NK_25519_AESGCM_SHA256", 28);
  const auto shared = x25519(ephemeral.secret, responder_static.public_key);
  REQUIRE(shared);
  const Buffer one{1};
  const Key chaining_key = hmac_sha256(hmac_sha256(name, {*shared}), {one});
  check_wiped(*responder, chaining_key);
  check_wiped(initiator, chaining_key);

  Buffer answer;
  const NoiseKeys keys = responder->write_message2(pair_of(3), {}, answer);
  check_wiped(keys, keys.to_initiator);
  check_wiped(keys, keys.to_responder);
}
