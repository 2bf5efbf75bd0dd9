#include "protocol/sealed/message.hpp"

#include <algorithm>
#include <limits>

#include "protocol/crypto/hash.hpp"
#include "protocol/wire.hpp"

namespace hub::sealed {

namespace {

std::string text_of(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string_view view_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Mark read_mark(wire::Reader& reader) {
  Mark mark;
  mark.history = reader.u64();
  mark.post = reader.u64();
  return mark;
}

void write_mark(const Mark& mark, wire::Writer& writer) {
  writer.u64(mark.history);
  writer.u64(mark.post);
}

}  // namespace

std::optional<Message> read_message(Bytes bytes) {
  wire::Reader reader(bytes);
  Message out;
  out.opcode = static_cast<Opcode>(reader.u8());
  out.id = reader.u64();
  if (!reader.ok()) return std::nullopt;
  out.payload = view_of(reader.rest());
  return out;
}

std::vector<std::uint8_t> write_message(const Message& message) {
  std::vector<std::uint8_t> out;
  out.reserve(9 + message.payload.size());
  write_message(message, out);
  return out;
}

void write_message(const Message& message, std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(message.opcode));
  writer.u64(message.id);
  writer.bytes(text_bytes(message.payload));
}

std::optional<LoginStart> read_login_start(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  LoginStart out;
  out.nonce = reader.array<32>();
  out.id = view_of(reader.rest());
  if (!reader.ok()) return std::nullopt;
  return out;
}

std::string write_login_start(const LoginStart& start) {
  return text_of({start.nonce.begin(), start.nonce.end()}) + start.id;
}

std::optional<LoginChallenge> read_login_challenge(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  LoginChallenge out;
  out.nonce = reader.array<32>();
  out.salt = reader.array<16>();
  out.kdf.memory_bytes = reader.u64();
  out.kdf.passes = reader.u32();
  if (!reader.at_end()) return std::nullopt;
  return out;
}

std::string write_login_challenge(const LoginChallenge& challenge) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.bytes(challenge.nonce);
  writer.bytes(challenge.salt);
  writer.u64(challenge.kdf.memory_bytes);
  writer.u32(challenge.kdf.passes);
  return text_of(out);
}

std::optional<LoginProof> read_login_proof(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  LoginProof out;
  out.proof = reader.array<32>();
  out.device = reader.array<16>();
  out.resume_key = reader.array<32>();
  out.mark = read_mark(reader);
  if (!reader.at_end()) return std::nullopt;
  return out;
}

std::string write_login_proof(const LoginProof& proof) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.bytes(proof.proof);
  writer.bytes(proof.device);
  writer.bytes(proof.resume_key);
  write_mark(proof.mark, writer);
  return text_of(out);
}

std::optional<Resume> read_resume(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  Resume out;
  out.device = reader.array<16>();
  out.proof = reader.array<32>();
  out.mark = read_mark(reader);
  out.id = view_of(reader.rest());
  if (!reader.ok()) return std::nullopt;
  return out;
}

std::string write_resume(const Resume& resume) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.bytes(resume.device);
  writer.bytes(resume.proof);
  write_mark(resume.mark, writer);
  return text_of(out) + resume.id;
}

std::optional<LoginOk> read_login_ok(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  LoginOk out;
  out.signature = reader.array<32>();
  out.session_timeout = std::chrono::milliseconds(reader.u32());
  out.mark = read_mark(reader);
  out.done = reader.u64();
  if (reader.remaining() > 0) out.next_key = reader.array<32>();
  if (!reader.at_end()) return std::nullopt;
  return out;
}

std::string write_login_ok(const LoginOk& ok) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.bytes(ok.signature);
  writer.u32(static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      ok.session_timeout.count(), 0, std::numeric_limits<std::uint32_t>::max())));
  write_mark(ok.mark, writer);
  writer.u64(ok.done);
  if (ok.next_key) writer.bytes(*ok.next_key);
  return text_of(out);
}

std::optional<EarlierPosts> read_earlier_posts(std::string_view payload) {
  wire::Reader reader(text_bytes(payload));
  EarlierPosts out;
  out.count = reader.u32();
  const std::uint8_t more = reader.u8();
  if (!reader.at_end() || more > 1) return std::nullopt;
  out.more = more == 1;
  return out;
}

std::string write_earlier_posts(const EarlierPosts& earlier) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.u32(earlier.count);
  writer.u8(earlier.more ? 1 : 0);
  return text_of(out);
}

std::optional<Refusal> read_refusal(std::string_view payload) {
  if (payload.empty()) return std::nullopt;
  return Refusal{static_cast<Opcode>(payload.front()), payload.substr(1)};
}

std::string write_refusal(const Refusal& refusal) {
  std::string out(1, static_cast<char>(refusal.request));
  out += refusal.word;
  return out;
}

}  // namespace hub::sealed
