#include <array>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/iterations.hpp"
#include "bench/load/database.hpp"
#include "protocol/classic.hpp"
#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/noise.hpp"
#include "protocol/crypto/x25519.hpp"
#include "protocol/random.hpp"
#include "protocol/scram.hpp"
#include "protocol/text.hpp"

namespace hub::bench {
namespace {

std::vector<std::uint8_t> encoded(std::size_t bytes) {
  classic::Header header;
  header.opcode = Opcode::kPost;
  header.token = 0x12345678;
  std::vector<std::uint8_t> out;
  classic::encode(header, text_of(bytes), out);
  return out;
}

void classic_encode(benchmark::State& state) {
  const std::string text = text_of(static_cast<std::size_t>(state.range(0)));
  classic::Header header;
  header.opcode = Opcode::kForward;
  std::vector<std::uint8_t> out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(classic::encode(header, text, out));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(classic_encode)->Arg(0)->Arg(100)->Arg(1000);

void classic_decode(benchmark::State& state) {
  const auto bytes = encoded(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    auto datagram = classic::decode(bytes);
    benchmark::DoNotOptimize(datagram);
  }
}
BENCHMARK(classic_decode)->Arg(0)->Arg(100)->Apply(fixed_if_asked);

void payload_text(benchmark::State& state) {
  const auto bytes = encoded(100);
  const auto datagram = classic::decode(bytes);
  for (auto _ : state) {
    auto text = classic::payload_text(*datagram);
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(payload_text);

void text_check(benchmark::State& state) {
  const std::string text = text_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(is_text(text));
}
BENCHMARK(text_check)->Arg(100)->Arg(1000);

// What one sealed datagram costs its two ends: sealed once and opened once, the key set up each
// time. The argument is the bytes of plaintext; 17 of header are authenticated beside them.
void seal_and_open(benchmark::State& state, const Aead* aead) {
  if (aead == nullptr) {
    state.SkipWithError("this processor has no AES");
    return;
  }
  const std::vector<std::uint8_t> plaintext(static_cast<std::size_t>(state.range(0)), 0x55);
  const std::array<std::uint8_t, 17> header{0x08};
  std::vector<std::uint8_t> sealed(plaintext.size() + kAeadTagBytes);
  std::vector<std::uint8_t> opened(plaintext.size());
  Key key{};
  key.fill(7);
  std::uint64_t counter = 0;
  for (auto _ : state) {
    const AeadNonce nonce = counter_nonce(counter++);
    aead->seal(key, nonce, header, plaintext, sealed.data());
    benchmark::DoNotOptimize(aead->open(key, nonce, header, sealed, opened.data()));
    benchmark::ClobberMemory();
  }
}
BENCHMARK_CAPTURE(seal_and_open, libsodium, sodium_aead())->Arg(150)->Arg(1167);
BENCHMARK_CAPTURE(seal_and_open, libcrypto, &libcrypto_aead())->Arg(150)->Arg(1167);

void x25519_shared_secret(benchmark::State& state) {
  SystemRandom random;
  const KeyPair one = generate_key_pair(random);
  const KeyPair two = generate_key_pair(random);
  for (auto _ : state) benchmark::DoNotOptimize(x25519(one.secret, two.public_key));
}
BENCHMARK(x25519_shared_secret);

// All that a hub computes for one hello that it answers: message 1 of 134 bytes, a fresh key pair,
// message 2 of 25 bytes.
void noise_responder_handshake(benchmark::State& state) {
  SystemRandom random;
  const KeyPair hub = generate_key_pair(random);
  NoiseInitiator initiator({}, hub.public_key, generate_key_pair(random));
  std::vector<std::uint8_t> hello;
  const std::vector<std::uint8_t> hello_payload(134);
  const std::vector<std::uint8_t> welcome_payload(25);
  if (!initiator.write_message1(hello_payload, hello)) state.SkipWithError("no message 1");
  std::vector<std::uint8_t> payload;
  std::vector<std::uint8_t> welcome;
  for (auto _ : state) {
    welcome.clear();
    const auto responder = NoiseResponder::read_message1({}, hub, hello, payload);
    benchmark::DoNotOptimize(
        responder->write_message2(generate_key_pair(random), welcome_payload, welcome));
  }
}
BENCHMARK(noise_responder_handshake);

// All that a hub computes for one login proof: the client has done the stretching.
void login_proof_check(benchmark::State& state) {
  SystemRandom random;
  LoginTranscript transcript;
  transcript.id_key = "alice";
  Verifier verifier;
  Key salted{};
  const ScramKeys keys = scram_keys(salted);
  verifier.stored_key = keys.stored_key;
  verifier.server_key = keys.server_key;
  const Key proof = client_proof(keys, auth_message(transcript));
  for (auto _ : state) {
    const auto auth = auth_message(transcript);
    benchmark::DoNotOptimize(verify_client_proof(verifier, auth, proof));
    benchmark::DoNotOptimize(server_signature(verifier.server_key, auth));
  }
}
BENCHMARK(login_proof_check);

}  // namespace
}  // namespace hub::bench
