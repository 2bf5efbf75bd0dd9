#include "protocol/device.hpp"

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::optional<std::uint8_t> hex_value(char digit) {
  const char lower = digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
  const auto value = kHexDigits.find(lower);
  if (value == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint8_t>(value);
}

Key keyed(const Key& resume_key, std::string_view who, const Key& handshake_hash,
          const DeviceId& device) {
  return hmac_sha256(
      resume_key,
      {text_bytes(who), fault("resume_not_bound_to_handshake") ? Bytes{} : Bytes(handshake_hash),
       device});
}

}  // namespace

std::string to_string(const DeviceId& id) {
  std::string out;
  out.reserve(2 * id.size());
  for (const std::uint8_t byte : id) {
    out += kHexDigits[byte >> 4];
    out += kHexDigits[byte & 0x0F];
  }
  return out;
}

std::optional<DeviceId> parse_device_id(std::string_view text) {
  DeviceId id{};
  if (text.size() != 2 * id.size()) return std::nullopt;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto high = hex_value(text[2 * i]);
    const auto low = hex_value(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    id[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return id;
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
