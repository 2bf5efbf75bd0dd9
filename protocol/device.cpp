#include "protocol/device.hpp"

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/hex.hpp"

namespace hub {

namespace {

Key keyed(const Key& resume_key, std::string_view who, const Key& handshake_hash,
          const DeviceId& device) {
  return hmac_sha256(
      resume_key,
      {text_bytes(who), fault("resume_not_bound_to_handshake") ? Bytes{} : Bytes(handshake_hash),
       device});
}

}  // namespace

std::string to_string(const DeviceId& id) { return hex_text(id); }

std::optional<DeviceId> parse_device_id(std::string_view text) {
  DeviceId id{};
  return parse_hex_text(text, id) ? std::optional(id) : std::nullopt;
}

Key resume_key_of(const Key& secret) { return sha256({secret}); }

Key resume_proof(const Key& secret, const Key& handshake_hash, const DeviceId& device) {
  return exclusive_or(secret, keyed(resume_key_of(secret), "client", handshake_hash, device));
}

bool verify_resume_proof(const Key& resume_key, const Key& handshake_hash, const DeviceId& device,
                         const Key& proof) {
  Key secret = exclusive_or(proof, keyed(resume_key, "client", handshake_hash, device));
  const bool right = equal_constant_time(resume_key_of(secret), resume_key);
  wipe(secret);
  return right || fault("resume_proof_not_checked");
}

Key resume_signature(const Key& resume_key, const Key& handshake_hash, const DeviceId& device) {
  return keyed(resume_key, "server", handshake_hash, device);
}

bool verify_resume_signature(const Key& resume_key, const Key& handshake_hash,
                             const DeviceId& device, const Key& signature) {
  return equal_constant_time(resume_signature(resume_key, handshake_hash, device), signature) ||
         fault("resume_signature_not_checked");
}

}  // namespace hub
