// The messages inside a sealed connection: one message of the channel each.
//
//   message := opcode(1) message_id(8) payload
//
// Opcodes and payloads are those of protocol/message.hpp, without a token: the connection says
// whose a message is. message_id is 0 but for forwards, their acks and retrieve acks. These have no
// twin in the classic framing:
//
//   0x11 login start      client_nonce(32) client_ID
//   0x82 login challenge  server_nonce(32) salt(16) memory_bytes(8) passes(4)
//   0x12 login proof      client_proof(32) [mark(8)]: up to which post the client was served
//   before;
//                         without it, what comes from now on
//   0x80 login ok         server_signature(32) session_timeout_ms(4) newest_post(8)
//                         [next_server_key(32)]
//   0x81 login failed     reason(1): 0 wrong or unknown, 1 too many tries, 2 no room
//   0xF1 refused          opcode(1) word     why a request of that opcode was not done
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/message.hpp"
#include "protocol/scram.hpp"
#include "protocol/types.hpp"

namespace hub {

/// Why a sealed login failed. Unknown, disabled and wrong are one.
enum class LoginRefusal : std::uint8_t { kWrong = 0, kTooManyTries = 1, kNoRoom = 2 };

}  // namespace hub

namespace hub::sealed {

struct Message {
  Opcode opcode = Opcode::kSessionReset;
  MessageId id = 0;
  std::string_view payload;  // into the bytes read
};
std::optional<Message> read_message(Bytes bytes);
std::vector<std::uint8_t> write_message(const Message& message);
/// Appends it.
void write_message(const Message& message, std::vector<std::uint8_t>& out);

struct LoginStart {
  LoginNonce nonce{};
  std::string id;  // not judged
};
std::optional<LoginStart> read_login_start(std::string_view payload);
std::string write_login_start(const LoginStart& start);

struct LoginChallenge {
  LoginNonce nonce{};
  Salt salt{};
  KdfParams kdf;  // not judged
};
std::optional<LoginChallenge> read_login_challenge(std::string_view payload);
std::string write_login_challenge(const LoginChallenge& challenge);

struct LoginProof {
  Key proof{};
  std::optional<MessageId> mark;
};
std::optional<LoginProof> read_login_proof(std::string_view payload);
std::string write_login_proof(const LoginProof& proof);

struct LoginOk {
  Key signature{};
  std::chrono::milliseconds session_timeout{0};
  MessageId newest_post = 0;    // a login without a mark is served what comes after it
  std::optional<Key> next_key;  // of the server: will do as well from now on
};
std::optional<LoginOk> read_login_ok(std::string_view payload);
std::string write_login_ok(const LoginOk& ok);

/// A refusal's payload; the word is one of control::word_of().
struct Refusal {
  Opcode request = Opcode::kSessionReset;
  std::string_view word;
};
std::optional<Refusal> read_refusal(std::string_view payload);
std::string write_refusal(const Refusal& refusal);

}  // namespace hub::sealed
