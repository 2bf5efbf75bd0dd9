// The messages inside a sealed connection: one message of the channel each.
//
//   message := opcode(1) message_id(8) payload
//
// Opcodes and payloads are those of protocol/message.hpp, without a token: the connection says
// whose a message is. message_id names the post in forwards, their acks and retrieve acks. In a
// subscribe, unsubscribe or post it is the request's number, which its reply or refusal repeats: a
// device numbers them upwards, and one that is sent again under its number is done once (0: not
// numbered). It is 0 elsewhere. These have no twin in the classic framing:
//
//   0x11 login start      client_nonce(32) client_ID
//   0x82 login challenge  server_nonce(32) salt(16) memory_bytes(8) passes(4)
//   0x12 login proof      client_proof(32) device_ID(16) resume_key(32) history(8) mark(8)
//   0x13 resume           device_ID(16) client_proof(32) history(8) mark(8) client_ID
//   0x80 login ok         server_signature(32) session_timeout_ms(4) history(8) mark(8) done(8)
//                         [next_server_key(32)]
//   0x81 login failed     reason(1): 0 wrong or unknown, 1 too many tries, 2 no room
//   0xB2 earlier posts    count(4) more(1)   left out of what was missed; message_id is the newest
//   0xF1 refused          opcode(1) word     why a request of that opcode was not done
//
// history names the hub's history, another one after each restore; 0: the client has no mark. mark
// is the newest post that the client has shown; login ok says from which one on it is served. done
// is the highest number of this device's requests that was done.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/device.hpp"
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

/// The requests whose message ID is their number.
constexpr bool is_numbered(Opcode opcode) {
  return opcode == Opcode::kSubscribe || opcode == Opcode::kUnsubscribe || opcode == Opcode::kPost;
}

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

/// Up to which post a device has shown what it was forwarded, and in which history that is.
struct Mark {
  std::uint64_t history = 0;  // 0: it has no mark
  MessageId post = 0;
  bool operator==(const Mark&) const = default;
};

struct LoginProof {
  Key proof{};
  DeviceId device{};
  Key resume_key{};  // protocol/device.hpp: for the next time
  Mark mark;
};
std::optional<LoginProof> read_login_proof(std::string_view payload);
std::string write_login_proof(const LoginProof& proof);

struct Resume {
  DeviceId device{};
  Key proof{};
  Mark mark;
  std::string id;  // the account's; not judged
};
std::optional<Resume> read_resume(std::string_view payload);
std::string write_resume(const Resume& resume);

struct LoginOk {
  Key signature{};
  std::chrono::milliseconds session_timeout{0};
  Mark mark;                    // what is due above it will be forwarded
  std::uint64_t done = 0;       // the highest number of the device's requests that was done
  std::optional<Key> next_key;  // of the server: will do as well from now on
};
std::optional<LoginOk> read_login_ok(std::string_view payload);
std::string write_login_ok(const LoginOk& ok);

/// What a catch-up leaves out, as the payload of kEarlierPosts.
struct EarlierPosts {
  std::uint32_t count = 0;
  bool more = false;  // there are more than were counted
};
std::optional<EarlierPosts> read_earlier_posts(std::string_view payload);
std::string write_earlier_posts(const EarlierPosts& earlier);

/// A refusal's payload; the word is one of control::word_of().
struct Refusal {
  Opcode request = Opcode::kSessionReset;
  std::string_view word;
};
std::optional<Refusal> read_refusal(std::string_view payload);
std::string write_refusal(const Refusal& refusal);

}  // namespace hub::sealed
