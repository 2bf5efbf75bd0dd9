#include "protocol/scram.hpp"

#include <string_view>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

namespace {

constexpr std::string_view kLabel = "hub login 1";

void append_number(std::uint64_t value, unsigned bytes, std::vector<std::uint8_t>& out) {
  while (bytes-- > 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
}

void append_field(Bytes field, std::vector<std::uint8_t>& out) {
  append_number(field.size(), 2, out);
  out.insert(out.end(), field.begin(), field.end());
}

void append_number_field(std::uint64_t value, unsigned bytes, std::vector<std::uint8_t>& out) {
  append_number(bytes, 2, out);
  append_number(value, bytes, out);
}

}  // namespace

std::vector<std::uint8_t> auth_message(const LoginTranscript& transcript) {
  std::vector<std::uint8_t> out;
  append_field(text_bytes(kLabel), out);
  append_field(fault("login_not_bound_to_handshake") ? Bytes{} : Bytes(transcript.handshake_hash),
               out);
  append_field(text_bytes(transcript.id_key), out);
  append_field(transcript.client_nonce, out);
  append_field(transcript.server_nonce, out);
  append_field(transcript.salt, out);
  append_number_field(transcript.kdf.memory_bytes, 8, out);
  append_number_field(transcript.kdf.passes, 4, out);
  return out;
}

Key client_proof(const ScramKeys& keys, Bytes auth) {
  return exclusive_or(keys.client_key, hmac_sha256(keys.stored_key, {auth}));
}

bool verify_client_proof(const Verifier& verifier, Bytes auth, const Key& proof) {
  Key client_key = exclusive_or(proof, hmac_sha256(verifier.stored_key, {auth}));
  const Key stored_key = sha256({client_key});
  wipe(client_key);
  if (fault("proof_first_byte_only")) return stored_key[0] == verifier.stored_key[0];
  return equal_constant_time(stored_key, verifier.stored_key);
}

Key server_signature(const Key& server_key, Bytes auth) { return hmac_sha256(server_key, {auth}); }

bool verify_server_signature(const Key& server_key, Bytes auth, const Key& signature) {
  return equal_constant_time(server_signature(server_key, auth), signature) ||
         fault("server_signature_not_checked");
}

}  // namespace hub
