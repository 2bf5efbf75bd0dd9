#include "client/core/login_exchange.hpp"

#include <utility>

#include <fmt/format.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

namespace {

void wipe_text(std::string& text) {
  wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

}  // namespace

LoginExchange::Step LoginExchange::start(const ClientId& id, std::string password,
                                         const Device& device, const Key& handshake_hash) {
  begin(id, device, handshake_hash);
  kept_.reset();
  password_ = std::move(password);
  return ask_for_challenge();
}

LoginExchange::Step LoginExchange::resume(const ClientId& id, const Device& device,
                                          const Key& handshake_hash) {
  begin(id, device, handshake_hash);
  kept_.reset();
  resuming_ = true;
  stage_ = Stage::kProving;
  return SendMessage{
      Opcode::kResume,
      sealed::write_resume(
          {device.id, resume_proof(device.secret, handshake_hash, device.id), device.mark, id_})};
}

LoginExchange::Step LoginExchange::again(const Device& device, const Key& handshake_hash) {
  if (!kept_) return Nothing{};
  begin(*ClientId::parse(kept_->id), device, handshake_hash);
  return ask_for_challenge();
}

void LoginExchange::begin(const ClientId& id, const Device& device, const Key& handshake_hash) {
  wipe_text(password_);
  trying_.reset();
  resuming_ = false;
  id_ = id.text();
  device_ = device;
  transcript_ = {};
  transcript_.handshake_hash = handshake_hash;
  transcript_.id_key = id.key();
}

LoginExchange::Step LoginExchange::ask_for_challenge() {
  stage_ = Stage::kStarted;
  random_.fill(transcript_.client_nonce);
  return SendMessage{Opcode::kLoginStart,
                     sealed::write_login_start({transcript_.client_nonce, id_})};
}

void LoginExchange::abandon() {
  stage_ = Stage::kIdle;
  wipe_text(password_);
}

LoginExchange::Step LoginExchange::on_message(Opcode opcode, std::string_view payload) {
  switch (opcode) {
    case Opcode::kLoginChallenge:
      return on_challenge(payload);
    case Opcode::kLoginOk:
      return on_ok(payload);
    case Opcode::kLoginFailed: {
      if (stage_ == Stage::kIdle) return Nothing{};
      stage_ = Stage::kIdle;
      wipe_text(password_);
      Failed failed;
      if (!payload.empty() && payload[0] >= 0 && payload[0] <= 2) {
        failed.why = static_cast<LoginRefusal>(payload[0]);
      }
      return failed;
    }
    default:
      return Nothing{};
  }
}

LoginExchange::Step LoginExchange::on_challenge(std::string_view payload) {
  const auto challenge = sealed::read_login_challenge(payload);
  if (stage_ != Stage::kStarted || !challenge) return Nothing{};
  transcript_.server_nonce = challenge->nonce;
  transcript_.salt = challenge->salt;
  transcript_.kdf = challenge->kdf;
  if (kept_) {
    trying_ = kept_;
    const bool fits = kept_->salt == challenge->salt && kept_->kdf == challenge->kdf;
    if (fits) return prove();
    stage_ = Stage::kIdle;  // changed in this very moment: only its owner can go on
    return Failed{};
  }
  if (!is_acceptable_to_client(challenge->kdf, config_.allow_weak_kdf)) {
    stage_ = Stage::kIdle;
    wipe_text(password_);
    return Distrusted{
        "weak_password_protection",
        fmt::format("the hub asks to stretch the password with {} KiB and {} passes, which a false "
                    "hub could use to guess it; nothing was sent. If that is how the hub was set "
                    "up, its operator can change it (hubadmin init --kdf-memory); to accept it all "
                    "the same, start spoke with --accept-weak-kdf",
                    challenge->kdf.memory_bytes / 1024, challenge->kdf.passes)};
  }
  stage_ = Stage::kStretching;
  return Stretch{++ticket_, std::exchange(password_, {}), challenge->salt, challenge->kdf};
}

LoginExchange::Step LoginExchange::stretched(std::uint64_t ticket,
                                             const std::optional<Key>& salted) {
  if (stage_ != Stage::kStretching || ticket != ticket_) return Nothing{};
  if (!salted) {
    stage_ = Stage::kIdle;
    return Distrusted{"no_memory",
                      fmt::format("there is not enough memory to stretch the password: {} MiB are "
                                  "needed",
                                  transcript_.kdf.memory_bytes / 1024 / 1024)};
  }
  trying_ = Keys{id_, transcript_.salt, transcript_.kdf, scram_keys(*salted)};
  return prove();
}

LoginExchange::Step LoginExchange::prove() {
  stage_ = Stage::kProving;
  const Key proof = client_proof(trying_->keys, auth_message(transcript_));
  return SendMessage{
      Opcode::kLoginProof,
      sealed::write_login_proof({proof, device_.id, resume_key_of(device_.secret), device_.mark})};
}

LoginExchange::Step LoginExchange::on_ok(std::string_view payload) {
  if (stage_ != Stage::kProving) return Nothing{};
  stage_ = Stage::kIdle;
  const auto ok = sealed::read_login_ok(payload);
  const bool proved = ok && is_signed(ok->signature);
  if (!proved && !fault("server_proof_not_required")) {
    return Distrusted{"false_hub",
                      "whoever answers at this address does not know the account's verifier: it is "
                      "not the hub, or not the one this account is on; the connection is closed"};
  }
  kept_ = std::exchange(trying_, std::nullopt);
  LoggedIn logged_in;
  if (ok) {
    logged_in.session_timeout = ok->session_timeout;
    logged_in.mark = ok->mark;
    logged_in.done = ok->done;
    logged_in.next_key = ok->next_key;
  }
  return logged_in;
}

bool LoginExchange::is_signed(const Key& signature) const {
  if (resuming_) {
    return verify_resume_signature(resume_key_of(device_.secret), transcript_.handshake_hash,
                                   device_.id, signature);
  }
  return verify_server_signature(trying_->keys.server_key, auth_message(transcript_), signature);
}

}  // namespace hub::client
