// What is said before there is a connection, byte by byte. Everything here is public or sealed by
// Noise; nothing of it is kept by a hub but half-open handshakes (responder.hpp).
//
//   hello        0x01 version(1) key_id(4) cookie(16) e(32) sealed(133 + 16)        203 bytes
//                  sealed: client_connection_id(8) count(1) versions(count) zeros
//   cookie       0x02 echo(16) cookie(16)                                            33 bytes
//   welcome      0x03 client_connection_id(8) e(32) sealed(25 + 16)                  82 bytes
//                  sealed: server_connection_id(8) reset_token(16) version(1)
//   versions     0x04 echo(16) count(1) versions(count)
//   key request  0x05 nonce(16) zeros                                               203 bytes
//   key answer   0x06 echo(16) count(1) public_key(32) each                    50 or 82 bytes
//   reset        0x07 connection_id(8) token(16)                                     25 bytes
//
//   version      of the protocol; 1
//   key_id       the first 4 bytes of SHA-256 of the server's public key
//   cookie       zeros, or what a cookie message brought: it proves the sender's address
//   echo         the first 16 bytes of the e it answers; of a key request its nonce. It shows that
//                the answer comes from somebody who saw the question
//   e, sealed    the messages of Noise_NK_25519_AESGCM_SHA256; the prologue is
//                "hub/1" 0x01 version key_id
//
// Hello and key request are longer than any answer to them, so that a forged source address gets
// fewer bytes than were sent. In every version the fields up to e stand where they stand here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/crypto/noise.hpp"
#include "protocol/crypto/x25519.hpp"
#include "protocol/sealed/connection_id.hpp"
#include "protocol/types.hpp"

namespace hub::sealed {

enum class Type : std::uint8_t {
  kHello = 0x01,
  kCookie = 0x02,
  kWelcome = 0x03,
  kVersions = 0x04,
  kKeyRequest = 0x05,
  kKeyAnswer = 0x06,
  kReset = 0x07,
  kTransport = 0x08,  // and 0x09
};

/// True for a first byte that the sealed framing owns.
constexpr bool is_sealed(std::uint8_t first) { return first < 0x20; }

using KeyId = std::array<std::uint8_t, 4>;
using Cookie = std::array<std::uint8_t, 16>;
using Echo = std::array<std::uint8_t, 16>;
using ResetToken = std::array<std::uint8_t, 16>;

KeyId key_id_of(const Key& public_key);
std::vector<std::uint8_t> prologue(std::uint8_t version, const KeyId& key);

/// The first 16 bytes of HMAC-SHA256(reset key, connection ID) (RFC 9000, section 10.3).
ResetToken reset_token(const Key& reset_key, ConnectionId id);

// --- Reading: nothing where the bytes are not exactly such a message ----------------------------

struct Hello {
  std::uint8_t version = 0;
  KeyId key_id{};
  Cookie cookie{};
  Echo echo{};
  Bytes noise;  // e and the sealed payload, into the bytes read
};
std::optional<Hello> read_hello(Bytes datagram);

/// The inside of a hello.
struct HelloPayload {
  ConnectionId client_id = 0;
  std::vector<std::uint8_t> versions;  // that the client speaks
};
std::optional<HelloPayload> read_hello_payload(Bytes payload);

struct CookieMessage {
  Echo echo{};
  Cookie cookie{};
};
std::optional<CookieMessage> read_cookie(Bytes datagram);

struct Welcome {
  ConnectionId client_id = 0;
  Bytes noise;
};
std::optional<Welcome> read_welcome(Bytes datagram);

struct WelcomePayload {
  ConnectionId server_id = 0;
  ResetToken reset{};
  std::uint8_t version = 0;
};
std::optional<WelcomePayload> read_welcome_payload(Bytes payload);

struct Versions {
  Echo echo{};
  std::vector<std::uint8_t> versions;
};
std::optional<Versions> read_versions(Bytes datagram);

std::optional<Echo> read_key_request(Bytes datagram);  // its nonce

struct KeyAnswer {
  Echo echo{};
  std::vector<Key> keys;  // one or two
};
std::optional<KeyAnswer> read_key_answer(Bytes datagram);

struct Reset {
  ConnectionId id = 0;
  ResetToken token{};
};
std::optional<Reset> read_reset(Bytes datagram);

// --- Writing: each appends to `out` -------------------------------------------------------------

/// `noise` is message 1 over hello_payload().
void write_hello(const KeyId& key, const Cookie& cookie, Bytes noise,
                 std::vector<std::uint8_t>& out);
std::vector<std::uint8_t> hello_payload(ConnectionId client_id,
                                        std::span<const std::uint8_t> versions);
void write_cookie(const CookieMessage& message, std::vector<std::uint8_t>& out);
void write_welcome(ConnectionId client_id, Bytes noise, std::vector<std::uint8_t>& out);
std::vector<std::uint8_t> welcome_payload(const WelcomePayload& payload);
void write_versions(const Versions& message, std::vector<std::uint8_t>& out);
void write_key_request(const Echo& nonce, std::vector<std::uint8_t>& out);
void write_key_answer(const KeyAnswer& message, std::vector<std::uint8_t>& out);
void write_reset(const Reset& message, std::vector<std::uint8_t>& out);

}  // namespace hub::sealed
