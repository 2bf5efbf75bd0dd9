// A device is one installation of a client, of one account. It is known by a random ID and comes
// back without a password: it made a resume secret s, of which the hub holds the resume key S.
//
//   S            := SHA-256(s)
//   client_proof := s XOR HMAC(S, "client" ‖ handshake_hash ‖ device_ID)
//   hub_proof    := HMAC(S, "server" ‖ handshake_hash ‖ device_ID)
//
// Who holds S alone cannot make a client_proof, and a proof is good for its one connection. Pure;
// any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub {

/// 128 bits by chance; unique in an account.
using DeviceId = std::array<std::uint8_t, 16>;

/// 32 lower-case hexadecimal digits.
std::string to_string(const DeviceId& id);
/// Nothing unless `text` is 32 hexadecimal digits, in either case.
std::optional<DeviceId> parse_device_id(std::string_view text);

Key resume_key_of(const Key& secret);

Key resume_proof(const Key& secret, const Key& handshake_hash, const DeviceId& device);
/// Whether the proof is of the secret whose key this is. Constant time.
bool verify_resume_proof(const Key& resume_key, const Key& handshake_hash, const DeviceId& device,
                         const Key& proof);

/// What the hub answers to a proof that verified.
Key resume_signature(const Key& resume_key, const Key& handshake_hash, const DeviceId& device);
/// The client's side of it: false, and the hub does not know the device.
bool verify_resume_signature(const Key& resume_key, const Key& handshake_hash,
                             const DeviceId& device, const Key& signature);

}  // namespace hub
