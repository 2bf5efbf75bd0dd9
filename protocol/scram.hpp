// Proof of a password over a sealed connection, without sending it: SCRAM's exchange (RFC 5802,
// section 3) with SHA-256 and the keys of password.hpp. No channel binding flag and no text
// attributes: the handshake hash is the channel binding, and AuthMessage is binary.
//
//   ClientSignature := HMAC(StoredKey, AuthMessage)
//   ClientProof     := ClientKey XOR ClientSignature
//   ServerSignature := HMAC(ServerKey, AuthMessage)
//
//   AuthMessage := field("hub login 1")
//                  field(handshake_hash)        32 bytes
//                  field(id_key)                1 to 31 bytes, the lower-cased client ID
//                  field(client_nonce)          32 bytes
//                  field(server_nonce)          32 bytes
//                  field(salt)                  16 bytes
//                  field(memory_bytes)          8 bytes, big-endian
//                  field(passes)                4 bytes, big-endian
//   field(x)    := length of x (2 bytes, big-endian), then x
//
// Pure, but for stretch_password() none of it is slow; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/password.hpp"
#include "protocol/types.hpp"

namespace hub {

using LoginNonce = std::array<std::uint8_t, 32>;

/// What both sides must have seen alike for a proof to verify.
struct LoginTranscript {
  Key handshake_hash{};
  std::string id_key;  // lower-cased ID
  LoginNonce client_nonce{};
  LoginNonce server_nonce{};
  Salt salt{};
  KdfParams kdf;
};

/// AuthMessage above.
std::vector<std::uint8_t> auth_message(const LoginTranscript& transcript);

/// ClientProof. `keys` are scram_keys() of the stretched password.
Key client_proof(const ScramKeys& keys, Bytes auth);

/// Whether SHA-256(proof XOR ClientSignature) is StoredKey. Constant time; the same work for a
/// decoy_verifier() as for an account's.
bool verify_client_proof(const Verifier& verifier, Bytes auth, const Key& proof);

/// ServerSignature: what the server answers to a proof that verified.
Key server_signature(const Key& server_key, Bytes auth);

/// The client's side of it, in constant time: false, and the server does not know the verifier.
bool verify_server_signature(const Key& server_key, Bytes auth, const Key& signature);

}  // namespace hub
