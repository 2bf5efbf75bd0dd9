// The worked example of docs/PROTOCOL.md: a handshake, a login and a post with fixed keys, made by
// the code itself and held against data/sealed_golden.txt, which the page quotes whole.
#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/handshake.hpp"
#include "protocol/sealed/message.hpp"
#include "protocol/sealed/responder.hpp"
#include "protocol/wire.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/paths.hpp"

using namespace hub;
using namespace std::chrono_literals;

namespace {

using Buffer = std::vector<std::uint8_t>;

std::string read_file(const std::string& name) {
  std::ifstream in(test::source_file(name));
  if (!in) throw std::runtime_error("cannot read " + name);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// A name begins a line; the lines of its bytes begin with a space. '#' begins a comment.
std::map<std::string, std::string> read_golden_hex() {
  std::map<std::string, std::string> out;
  std::stringstream in(read_file("data/sealed_golden.txt"));
  std::string name;
  for (std::string line; std::getline(in, line);) {
    line = line.substr(0, line.find('#'));
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    if (line.empty()) continue;
    if (line.front() != ' ') {
      name = line;
      if (!out.emplace(name, "").second) throw std::runtime_error("twice: " + name);
    } else {
      std::copy_if(line.begin(), line.end(), std::back_inserter(out.at(name)),
                   [](char c) { return c != ' '; });
    }
  }
  return out;
}

/// first, first + 1, …
template <std::size_t kCount>
std::array<std::uint8_t, kCount> counting_from(std::uint8_t first) {
  std::array<std::uint8_t, kCount> out{};
  std::iota(out.begin(), out.end(), first);
  return out;
}

KeyPair pair_of(const Key& secret) {
  KeyPair out;
  out.secret = secret;
  out.public_key = public_key_of(secret);
  return out;
}

struct NoRandom final : Random {
  void fill(std::span<std::uint8_t>) override { throw std::runtime_error("nothing is random"); }
};

class Example {
 public:
  Example() {
    shake_hands();
    log_in();
    talk();
    others();
  }
  std::map<std::string, std::string> made;
  Buffer hello;

 private:
  void record(const std::string& name, Bytes bytes) {
    made[name] = test::to_hex(Buffer(bytes.begin(), bytes.end()));
  }

  void shake_hands();
  void log_in();
  void talk();
  void others();
  /// The one datagram that `from` has to send, and its frames; 10 ms later `to` has it.
  void carry(const std::string& name, sealed::Connection& from, sealed::Connection& to,
             const Key& key);
  void client_sends(const std::string& name) { carry(name, *client_, *hub_, keys_.to_responder); }
  void hub_sends(const std::string& name) { carry(name, *hub_, *client_, keys_.to_initiator); }
  static void say(sealed::Connection& from, Opcode opcode, MessageId id, std::string_view payload) {
    REQUIRE(from.channel().send_talk(sealed::write_message({opcode, id, payload})));
  }

  const KeyPair static_ = pair_of(counting_from<32>(0x20));
  const KeyPair client_ephemeral_ = pair_of(counting_from<32>(0x40));
  const KeyPair hub_ephemeral_ = pair_of(counting_from<32>(0x60));
  static constexpr sealed::ConnectionId kClientId = 0x8081828384858687;
  static constexpr sealed::ConnectionId kHubId = 0x9091929394959697;
  static constexpr std::uint64_t kHistory = 0xb0b1b2b3b4b5b6b7;
  NoRandom random_;
  NoiseKeys keys_;
  std::unique_ptr<sealed::Connection> client_;
  std::unique_ptr<sealed::Connection> hub_;
  TimePoint now_{1h};
};

void Example::shake_hands() {
  record("hub_static_secret", static_.secret);
  record("hub_static_public", static_.public_key);
  record("client_ephemeral_secret", client_ephemeral_.secret);
  record("client_ephemeral_public", client_ephemeral_.public_key);
  record("hub_ephemeral_secret", hub_ephemeral_.secret);
  record("hub_ephemeral_public", hub_ephemeral_.public_key);
  const auto key_id = sealed::key_id_of(static_.public_key);
  const Buffer prologue = sealed::prologue(kSealedVersion, key_id);
  record("prologue", prologue);

  constexpr std::array<std::uint8_t, 1> kVersions = {kSealedVersion};
  NoiseInitiator initiator(prologue, static_.public_key, client_ephemeral_);
  Buffer message1;
  const Buffer payload1 = sealed::hello_payload(kClientId, kVersions);
  record("hello_payload", payload1);
  REQUIRE(initiator.write_message1(payload1, message1));
  sealed::write_hello(key_id, {}, message1, hello);
  record("hello", hello);

  Buffer inside;
  const auto responder = NoiseResponder::read_message1(prologue, static_, message1, inside);
  REQUIRE(responder);
  const Key reset_key = counting_from<32>(0xa0);
  record("reset_key", reset_key);
  const auto token = sealed::reset_token(reset_key, kHubId);
  const Buffer payload2 = sealed::welcome_payload({kHubId, token, kSealedVersion});
  record("welcome_payload", payload2);
  Buffer message2;
  responder->write_message2(hub_ephemeral_, payload2, message2);
  Buffer welcome;
  sealed::write_welcome(kClientId, message2, welcome);
  record("welcome", welcome);

  const auto keys = initiator.read_message2(message2, inside);
  REQUIRE(keys);
  keys_ = *keys;
  record("handshake_hash", keys_.handshake_hash);
  record("key_to_hub", keys_.to_responder);
  record("key_to_client", keys_.to_initiator);
  record("key_to_hub_after_rekey", rekey(keys_.to_responder));

  const Path path;
  client_ = std::make_unique<sealed::Connection>(
      sealed::Side::kClient, sealed::Established{keys_, kClientId, kHubId, token}, path, random_,
      now_);
  hub_ = std::make_unique<sealed::Connection>(sealed::Side::kServer,
                                              sealed::Established{keys_, kHubId, kClientId, token},
                                              path, random_, now_);
}

void Example::carry(const std::string& name, sealed::Connection& from, sealed::Connection& to,
                    const Key& key) {
  Buffer datagram;
  REQUIRE(from.poll_transmit(now_, datagram));
  record(name, datagram);
  const auto header = sealed::read_transport_header(datagram);
  REQUIRE(header);
  Buffer frames(datagram.size() - kTransportOverhead);
  REQUIRE(aead().open(key, counter_nonce(header->number),
                      Bytes(datagram).first(kTransportHeaderBytes),
                      Bytes(datagram).subspan(kTransportHeaderBytes), frames.data()));
  record(name + "_frames", frames);
  now_ += 10ms;
  REQUIRE(to.on_datagram({}, *header, datagram, now_) == sealed::Connection::Taken::kFresh);
  to.take_delivered();
  Buffer more;
  CHECK_FALSE(from.poll_transmit(now_, more));
}

void Example::log_in() {
  LoginTranscript transcript;
  transcript.handshake_hash = keys_.handshake_hash;
  transcript.id_key = "alice";
  transcript.client_nonce = counting_from<32>(0xc0);
  transcript.server_nonce = counting_from<32>(0xe0);
  transcript.salt = counting_from<16>(0x00);
  transcript.kdf = {kMinKdfMemory, kMinKdfPasses};
  const auto salted = stretch_password("alice_pw", transcript.salt, transcript.kdf);
  REQUIRE(salted);
  record("salted_password", *salted);
  const ScramKeys scram = scram_keys(*salted);
  record("client_key", scram.client_key);
  record("stored_key", scram.stored_key);
  record("server_key", scram.server_key);
  const auto auth = auth_message(transcript);
  record("auth_message", auth);
  const Key proof = client_proof(scram, auth);
  const Key signature = server_signature(scram.server_key, auth);

  client_->channel().ping();
  say(*client_, Opcode::kLoginStart, 0,
      sealed::write_login_start({transcript.client_nonce, "Alice"}));
  client_sends("client_0");
  now_ += 2ms;
  say(*hub_, Opcode::kLoginChallenge, 0,
      sealed::write_login_challenge({transcript.server_nonce, transcript.salt, transcript.kdf}));
  hub_sends("hub_0");
  now_ += 1ms;
  const auto device = counting_from<16>(0x40);
  const Key resume_secret = counting_from<32>(0x50);
  const Key resume_key = resume_key_of(resume_secret);
  record("resume_key", resume_key);
  say(*client_, Opcode::kLoginProof, 0, sealed::write_login_proof({proof, device, resume_key, {}}));
  client_sends("client_1");
  now_ += 3ms;
  hub_->widen();
  say(*hub_, Opcode::kLoginOk, 0,
      sealed::write_login_ok({signature, 60s, {kHistory, 6}, 0, std::nullopt}));
  hub_sends("hub_1");
  // What the device would say on a connection with this very handshake hash, to come back.
  record("resume_proof", resume_proof(resume_secret, keys_.handshake_hash, device));
  record("resume_signature", resume_signature(resume_key, keys_.handshake_hash, device));
}

void Example::talk() {
  client_->widen();
  say(*client_, Opcode::kPost, 1, "hello");
  client_sends("client_2");
  now_ += 4ms;
  say(*hub_, Opcode::kPostAck, 1, {});
  say(*hub_, Opcode::kForward, 7, "<alice>hello");
  hub_sends("hub_2");
  client_->channel().mark(7);
  now_ += kMaxAckDelay;
  client_->on_timeout(now_);
  client_sends("client_3");
}

void Example::others() {
  Buffer out;
  const auto start = [&out]() -> Buffer& {
    out.clear();
    return out;
  };
  sealed::Echo echo{};
  std::copy_n(client_ephemeral_.public_key.begin(), echo.size(), echo.begin());
  sealed::write_cookie({echo, counting_from<16>(0x10)}, start());
  record("cookie", out);
  sealed::write_versions({echo, {kSealedVersion}}, start());
  record("versions", out);
  const auto nonce = counting_from<16>(0x30);
  sealed::write_key_request(nonce, start());
  record("key_request", out);
  sealed::write_key_answer({nonce, {static_.public_key}}, start());
  record("key_answer", out);
  sealed::write_reset({kHubId, sealed::reset_token(counting_from<32>(0xa0), kHubId)}, start());
  record("reset", out);
}

}  // namespace

TEST_CASE("the worked example's bytes are what the code makes of its fixed keys") {
  const auto golden = read_golden_hex();
  const Example example;
  for (const auto& [name, hex] : example.made) {
    CAPTURE(name);
    const auto found = golden.find(name);
    REQUIRE(found != golden.end());
    CHECK(found->second == hex);
  }
  CHECK(golden.size() == example.made.size());
}

TEST_CASE("a hub welcomes the worked example's hello") {
  SystemRandom random;
  sealed::Responder responder({}, {pair_of(counting_from<32>(0x20))}, {}, 1, random);
  Buffer answer;
  CHECK(responder.on_stranger({}, Example().hello, TimePoint{1h}, answer) ==
        sealed::Answer::kWelcome);
}

TEST_CASE("the protocol page quotes the worked example as it is") {
  CHECK(read_file("docs/PROTOCOL.md").find(read_file("data/sealed_golden.txt")) !=
        std::string::npos);
}
