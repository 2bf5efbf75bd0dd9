// A sealed login: SCRAM (RFC 5802) over the channel, from its first message to the proof.
//
//   login start -> account looked up (or a decoy made) -> challenge
//   login proof -> checked here: two HMACs           -> recorded (sealed_open.cpp), or failed
//
// An unknown ID, a disabled account and a wrong password are one path, byte for byte.
#include <utility>

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

using Stage = LoginAttempt::Stage;

void Hub::Impl::login_start(Link& link, std::string_view payload, Now now) {
  const LoginAttempt* other = attempt_on(link);
  if (other != nullptr && other->stage == Stage::kRecording) return;  // it is being answered
  attempts.erase(link.connection.id());
  const auto start = sealed::read_login_start(payload);
  const auto id = start ? ClientId::parse(start->id) : std::nullopt;
  if (!id) return refuse_sealed_login(link, LoginRefusal::kWrong);
  if (!throttle.may_try(id->key(), link.connection.path().remote.ip, now.mono)) {
    ++counters.drop_login_throttled;
    return refuse_sealed_login(link, LoginRefusal::kTooManyTries);
  }
  LoginAttempt attempt;
  attempt.transcript.handshake_hash = link.connection.handshake_hash();
  attempt.transcript.id_key = id->key();
  attempt.tried_from = link.connection.path().remote.ip;
  attempt.transcript.client_nonce = start->nonce;
  random.fill(attempt.transcript.server_nonce);
  attempt.lookup = next_tag;
  attempts.emplace(link.connection.id(), std::move(attempt));
  if (!read(AccountJob{0, id->text()}, PendingSealedLogin{link.connection.id()})) {
    ++counters.drop_busy_reader;
    refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
}

void Hub::Impl::on_account(const AccountFound& found) {
  Link* link = nullptr;
  LoginAttempt* attempt = take_lookup(found.tag, link);
  if (attempt == nullptr) return;
  if (found.failed) {
    log(LogLevel::kError, "a login could not be checked: the database cannot be read");
    return refuse_sealed_login(*link, LoginRefusal::kNoRoom);
  }
  // What was read may be from before the account was disabled or given a new password.
  attempt->account = is_among(attempt->ended, found.account) ? 0 : found.account;
  attempt->name = found.name;
  attempt->verifier = found.verifier;
  attempt->transcript.salt = found.verifier.salt;
  attempt->transcript.kdf = found.verifier.kdf;
  attempt->stage = Stage::kChallenged;
  send_talk(*link, Opcode::kLoginChallenge, 0,
            sealed::write_login_challenge({attempt->transcript.server_nonce,
                                           attempt->transcript.salt, attempt->transcript.kdf}));
}

void Hub::Impl::login_proof(Link& link, std::string_view payload, Now now) {
  LoginAttempt* attempt = attempt_on(link);
  const auto proof = sealed::read_login_proof(payload);
  if (attempt == nullptr || attempt->stage != Stage::kChallenged || !proof) return;
  const auto auth = auth_message(attempt->transcript);
  const bool right = verify_client_proof(attempt->verifier, auth, proof->proof);
  if ((!right && !fault("login_proof_ignored")) || attempt->account == 0) {
    const bool told_apart = attempt->account == 0 && fault("unknown_told_apart");
    return refuse_sealed_login(link, told_apart ? LoginRefusal::kNoRoom : LoginRefusal::kWrong);
  }
  attempt->device = proof->device;
  attempt->resume_key = proof->resume_key;
  attempt->mark = proof->mark;
  record_session(link, *attempt, now);
}

}  // namespace hub::server
