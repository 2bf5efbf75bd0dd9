#include "protocol/sealed/handshake.hpp"

#include <algorithm>

#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "protocol/wire.hpp"

namespace hub::sealed {

namespace {

using wire::Reader;
using wire::Writer;

constexpr std::size_t kCookieAt = 6;
constexpr std::size_t kNoiseAt = kCookieAt + 16;
constexpr std::size_t kHelloPayloadBytes = 133;
constexpr std::size_t kWelcomePayloadBytes = 25;
constexpr std::size_t kWelcomeBytes = 1 + 8 + kNoiseOverheadBytes + kWelcomePayloadBytes;
constexpr std::size_t kMaxVersions = 16;
constexpr std::size_t kMaxKeys = 2;

static_assert(kHelloBytes == kNoiseAt + kNoiseOverheadBytes + kHelloPayloadBytes);
static_assert(kHelloBytes >= kWelcomeBytes && kHelloBytes >= 1 + 16 + 1 + kMaxKeys * 32);

/// Reads on behind the type; nothing where the datagram is of another one.
std::optional<Reader> open(Bytes datagram, Type type) {
  Reader reader(datagram);
  if (reader.u8() != static_cast<std::uint8_t>(type) || !reader.ok()) return std::nullopt;
  return reader;
}

Writer begin(std::vector<std::uint8_t>& out, Type type) {
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(type));
  return writer;
}

std::vector<std::uint8_t> copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

bool is_zero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

KeyId key_id_of(const Key& public_key) { return Reader(sha256({Bytes(public_key)})).array<4>(); }

std::vector<std::uint8_t> prologue(std::uint8_t version, const KeyId& key) {
  std::vector<std::uint8_t> out;
  Writer writer(out);
  writer.bytes(text_bytes("hub/1"));
  writer.u8(static_cast<std::uint8_t>(Type::kHello));
  writer.u8(version);
  writer.bytes(key);
  return out;
}

ResetToken reset_token(const Key& reset_key, ConnectionId id) {
  std::vector<std::uint8_t> bytes;
  Writer(bytes).u64(id);
  return Reader(hmac_sha256(reset_key, {Bytes(bytes)})).array<16>();
}

std::optional<Hello> read_hello(Bytes datagram) {
  auto reader = open(datagram, Type::kHello);
  // Another version's hello may be longer; none is shorter, since it is answered.
  if (!reader || datagram.size() < kHelloBytes || datagram.size() > kBaseDatagramBytes) {
    return std::nullopt;
  }
  Hello hello;
  hello.version = reader->u8();
  if (hello.version == kSealedVersion && datagram.size() != kHelloBytes) return std::nullopt;
  hello.key_id = reader->array<4>();
  hello.cookie = reader->array<16>();
  hello.noise = reader->rest();
  hello.echo = Reader(hello.noise).array<16>();
  return hello;
}

std::optional<HelloPayload> read_hello_payload(Bytes payload) {
  Reader reader(payload);
  HelloPayload out;
  out.client_id = reader.u64();
  const std::size_t count = reader.u8();
  out.versions = copy(reader.bytes(count));
  if (!reader.ok() || payload.size() != kHelloPayloadBytes || count == 0 || count > kMaxVersions ||
      !is_zero(reader.rest())) {
    return std::nullopt;
  }
  return out;
}

std::optional<CookieMessage> read_cookie(Bytes datagram) {
  auto reader = open(datagram, Type::kCookie);
  if (!reader) return std::nullopt;
  CookieMessage out;
  out.echo = reader->array<16>();
  out.cookie = reader->array<16>();
  if (!reader->at_end()) return std::nullopt;
  return out;
}

std::optional<Welcome> read_welcome(Bytes datagram) {
  auto reader = open(datagram, Type::kWelcome);
  if (!reader || datagram.size() != kWelcomeBytes) return std::nullopt;
  Welcome out;
  out.client_id = reader->u64();
  out.noise = reader->rest();
  return out;
}

std::optional<WelcomePayload> read_welcome_payload(Bytes payload) {
  Reader reader(payload);
  WelcomePayload out;
  out.server_id = reader.u64();
  out.reset = reader.array<16>();
  out.version = reader.u8();
  if (!reader.at_end()) return std::nullopt;
  return out;
}

std::optional<Versions> read_versions(Bytes datagram) {
  auto reader = open(datagram, Type::kVersions);
  if (!reader) return std::nullopt;
  Versions out;
  out.echo = reader->array<16>();
  const std::size_t count = reader->u8();
  out.versions = copy(reader->bytes(count));
  if (!reader->at_end() || count == 0 || count > kMaxVersions) return std::nullopt;
  return out;
}

std::optional<Echo> read_key_request(Bytes datagram) {
  auto reader = open(datagram, Type::kKeyRequest);
  if (!reader || datagram.size() != kHelloBytes) return std::nullopt;
  return reader->array<16>();
}

std::optional<KeyAnswer> read_key_answer(Bytes datagram) {
  auto reader = open(datagram, Type::kKeyAnswer);
  if (!reader) return std::nullopt;
  KeyAnswer out;
  out.echo = reader->array<16>();
  const std::size_t count = reader->u8();
  if (count == 0 || count > kMaxKeys) return std::nullopt;
  for (std::size_t i = 0; i < count; ++i) out.keys.push_back(reader->array<32>());
  if (!reader->at_end()) return std::nullopt;
  return out;
}

std::optional<Reset> read_reset(Bytes datagram) {
  auto reader = open(datagram, Type::kReset);
  if (!reader) return std::nullopt;
  Reset out;
  out.id = reader->u64();
  out.token = reader->array<16>();
  if (!reader->at_end()) return std::nullopt;
  return out;
}

void write_hello(const KeyId& key, const Cookie& cookie, Bytes noise,
                 std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kHello);
  writer.u8(kSealedVersion);
  writer.bytes(key);
  writer.bytes(cookie);
  writer.bytes(noise);
}

std::vector<std::uint8_t> hello_payload(ConnectionId client_id,
                                        std::span<const std::uint8_t> versions) {
  std::vector<std::uint8_t> out;
  Writer writer(out);
  writer.u64(client_id);
  writer.u8(static_cast<std::uint8_t>(versions.size()));
  writer.bytes(versions);
  out.resize(kHelloPayloadBytes, 0);
  return out;
}

void write_cookie(const CookieMessage& message, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kCookie);
  writer.bytes(message.echo);
  writer.bytes(message.cookie);
}

void write_welcome(ConnectionId client_id, Bytes noise, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kWelcome);
  writer.u64(client_id);
  writer.bytes(noise);
}

std::vector<std::uint8_t> welcome_payload(const WelcomePayload& payload) {
  std::vector<std::uint8_t> out;
  Writer writer(out);
  writer.u64(payload.server_id);
  writer.bytes(payload.reset);
  writer.u8(payload.version);
  return out;
}

void write_versions(const Versions& message, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kVersions);
  writer.bytes(message.echo);
  writer.u8(static_cast<std::uint8_t>(message.versions.size()));
  writer.bytes(message.versions);
}

void write_key_request(const Echo& nonce, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kKeyRequest);
  writer.bytes(nonce);
  writer.zeros(kHelloBytes - 1 - nonce.size());
}

void write_key_answer(const KeyAnswer& message, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kKeyAnswer);
  writer.bytes(message.echo);
  writer.u8(static_cast<std::uint8_t>(message.keys.size()));
  for (const Key& key : message.keys) writer.bytes(key);
}

void write_reset(const Reset& message, std::vector<std::uint8_t>& out) {
  Writer writer = begin(out, Type::kReset);
  writer.u64(message.id);
  writer.bytes(message.token);
}

}  // namespace hub::sealed
