// The messages that travel, whatever the framing: their opcodes, directions and payloads.
//
//   opcode              message                     direction  payload
//   0x00                session reset               both       none
//   0x10 / 0x80 / 0x81  login / ok / failed         c>s / s>c  client_ID&password (classic)
//   0x20 / 0x90 / 0x91  subscribe / ok / failed     c>s / s>c  target client ID
//   0x21 / 0xA0 / 0xA1  unsubscribe / ok / failed   c>s / s>c  target client ID
//   0x30 / 0xB0         post / post ack             c>s / s>c  text line / none
//   0xB1 / 0x31         forward / forward ack       s>c / c>s  <client_ID>text / none
//   0x40 / 0xC0 / 0xC1  retrieve / ack / end        c>s / s>c  n / <client_ID>text / none
//   0x1F / 0x8F         logout / logout ack         c>s / s>c  none
//   0xF0                must-login-first error      s>c        none
//
// In the sealed framing alone (protocol/sealed/message.hpp):
//   0x11, 0x12 / 0x82   login start, proof / its challenge
//   0x13                resume                      c>s        of a device that logged in before
//   0xB2                earlier posts               s>c        how many are left out
//   0xF1                refused                     s>c        opcode(1) word
//
// Below 0x80 from the client, 0x80 and above from the server; session reset goes both ways.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub {

enum class Opcode : std::uint8_t {
  kSessionReset = 0x00,
  kLogin = 0x10,
  kLoginStart = 0x11,  // sealed
  kLoginProof = 0x12,  // sealed
  kResume = 0x13,      // sealed
  kLogout = 0x1F,
  kSubscribe = 0x20,
  kUnsubscribe = 0x21,
  kPost = 0x30,
  kForwardAck = 0x31,
  kRetrieve = 0x40,
  kSpuriousServer = 0x7E,  // asks a hub run with --debug-messages for an unasked-for reply
  kSpuriousClient = 0x7F,  // unknown to every hub, on purpose
  kLoginOk = 0x80,
  kLoginFailed = 0x81,
  kLoginChallenge = 0x82,  // sealed
  kLogoutAck = 0x8F,
  kSubscribeOk = 0x90,
  kSubscribeFailed = 0x91,
  kUnsubscribeOk = 0xA0,
  kUnsubscribeFailed = 0xA1,
  kPostAck = 0xB0,
  kForward = 0xB1,
  kEarlierPosts = 0xB2,  // sealed
  kRetrieveAck = 0xC0,
  kRetrieveEnd = 0xC1,
  kMustLoginFirst = 0xF0,
  kRefused = 0xF1,  // sealed
};

/// True for the opcodes of the tables above; the two spurious ones are not in it.
bool is_known(Opcode opcode);

/// True for what only a server may send: 0x80 and above.
constexpr bool is_from_server(Opcode opcode) { return static_cast<std::uint8_t>(opcode) >= 0x80; }

/// "login", "post ack", …; "unknown" for what the table does not have. For logs.
std::string_view name_of(Opcode opcode);

/// A login's payload, split at its first '&'. Neither part is checked further.
struct Credentials {
  std::string_view id;
  std::string_view password;
};
std::optional<Credentials> split_credentials(std::string_view payload);

/// `<author>text`, the payload of forwards and of retrieved posts.
std::string format_post(std::string_view author, std::string_view text);
/// Appends it.
void format_post(std::string_view author, std::string_view text, std::string& out);

/// The leading decimal digits of `text` as retrieve's n. Nothing where there is no digit;
/// saturates, so that 99999999999 is "very many".
std::optional<std::uint32_t> parse_count(std::string_view text);

/// A sealed retrieve's payload, `n` or `n&before`: the newest n posts with IDs below `before`. What
/// stands behind the digits of either is not looked at; a `before` without digits asks for nothing.
struct RetrieveRange {
  std::uint32_t count = 0;
  MessageId before = 0;  // 0: from the newest
};
RetrieveRange parse_retrieve(std::string_view text);

}  // namespace hub
