// A sealed login: SCRAM (RFC 5802) over the channel, from its first message to a live session.
//
//   login start -> account looked up (or a decoy made) -> challenge
//   login proof -> checked here: two HMACs           -> session recorded -> login ok, or failed
//
// An unknown ID, a disabled account and a wrong password are one path, byte for byte.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

void Hub::Impl::login_start(Link& link, std::string_view payload, Now now) {
  if (link.attempt != nullptr && link.attempt->recording) return;  // it is being answered
  const auto start = sealed::read_login_start(payload);
  const auto id = start ? ClientId::parse(start->id) : std::nullopt;
  if (!id) return refuse_sealed_login(link, LoginRefusal::kWrong);
  if (!throttle.may_try(id->key(), link.connection.path().remote.ip, now.mono)) {
    ++counters.drop_login_throttled;
    return refuse_sealed_login(link, LoginRefusal::kTooManyTries);
  }
  auto attempt = std::make_unique<LoginAttempt>();
  attempt->transcript.handshake_hash = link.connection.handshake_hash();
  attempt->transcript.id_key = id->key();
  attempt->transcript.client_nonce = start->nonce;
  random.fill(attempt->transcript.server_nonce);
  attempt->lookup = next_tag;
  link.attempt = std::move(attempt);
  if (!read(AccountJob{0, id->text()}, PendingSealedLogin{link.connection.id()})) {
    ++counters.drop_busy_reader;
    refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
}

void Hub::Impl::on_account(const AccountFound& found, Now) {
  const auto asked = pending.find(found.tag);
  if (asked == pending.end()) return;
  Link* link = links.find(std::get<PendingSealedLogin>(asked->second).link);
  pending.erase(asked);
  --pending_reads;
  LoginAttempt* attempt = link != nullptr ? link->attempt.get() : nullptr;
  if (attempt == nullptr || attempt->lookup != found.tag) return;  // gone, or begun anew
  if (found.failed) {
    log(LogLevel::kError, "a login could not be checked: the database cannot be read");
    return refuse_sealed_login(*link, LoginRefusal::kNoRoom);
  }
  attempt->account = found.account;
  attempt->name = found.name;
  attempt->verifier = found.verifier;
  attempt->transcript.salt = found.verifier.salt;
  attempt->transcript.kdf = found.verifier.kdf;
  attempt->challenged = true;
  send_talk(*link, Opcode::kLoginChallenge, 0,
            sealed::write_login_challenge({attempt->transcript.server_nonce,
                                           attempt->transcript.salt, attempt->transcript.kdf}));
}

void Hub::Impl::login_proof(Link& link, std::string_view payload, Now now) {
  LoginAttempt* attempt = link.attempt.get();
  const auto proof = sealed::read_login_proof(payload);
  if (attempt == nullptr || !attempt->challenged || attempt->recording || !proof) return;
  const auto auth = auth_message(attempt->transcript);
  const bool right = verify_client_proof(attempt->verifier, auth, proof->proof);
  if ((!right && !fault("login_proof_ignored")) || attempt->account == 0) {
    const bool told_apart = attempt->account == 0 && fault("unknown_told_apart");
    return refuse_sealed_login(link, told_apart ? LoginRefusal::kNoRoom : LoginRefusal::kWrong);
  }
  if (!has_room_for(attempt->account, attempt->name, Framing::kSealed)) {
    return refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
  store::StoredSession record;
  record.account = attempt->account;
  record.name = attempt->name;
  record.framing = Framing::kSealed;
  record.token = link.connection.id();
  record.remote = link.connection.path().remote;
  record.local = link.connection.path().local;
  record.online_since = now.wall;
  if (!write(store::OpenSession{std::move(record)}, PendingSealedLogin{link.connection.id()})) {
    ++counters.drop_busy_store;
    return refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
  attempt->mark = proof->mark;
  attempt->recording = true;
}

void Hub::Impl::on_sealed_open_reply(const PendingSealedLogin& login, const store::Reply& reply,
                                     Now now) {
  const auto* opened = std::get_if<store::SessionOpened>(&reply.body);
  Link* link = links.find(login.link);
  const bool gone = link == nullptr || link->connection.is_closed() || link->attempt == nullptr;
  if (gone) {
    if (opened != nullptr) close_stored({opened->session.account, login.link, Framing::kSealed});
    return;
  }
  if (opened == nullptr) {
    const auto* refused = std::get_if<store::Refused>(&reply.body);
    const bool disk = refused != nullptr && store::is_store_failure(*refused);
    return refuse_sealed_login(*link, disk ? LoginRefusal::kNoRoom : LoginRefusal::kWrong);
  }
  const auto attempt = std::move(link->attempt);
  const AccountId account = opened->session.account;
  // The same connection logs in again: the store's row has been replaced, or it is another's.
  if (link->session != nullptr) {
    const bool same = link->session->account() == account;
    end_session(*link->session, Tell::kNobody, same ? Forget::kAlreadyForgotten : Forget::kStored);
  }
  make_room_for_device(account);
  if (sessions.of_account(account).empty()) follows.add_account(account, opened->followees);
  Session& session = sessions.add_sealed(opened->session, *link, now);
  session.served = recent.newest();
  link->session = &session;
  // A client that was here before goes on where it was.
  if (attempt->mark && *attempt->mark < recent.newest() && !fault("mark_ignored")) {
    fall_behind(session, *attempt->mark);
  }
  link->connection.widen();
  links.logged_in(*link);
  throttle.remember(attempt->transcript.id_key, link->connection.path().remote.ip);
  ++counters.logins_ok;
  log(LogLevel::kInfo, fmt::format("{} logged in from {}, sealed", session.record.name,
                                   to_string(address_of(session))));
  const auto timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(config.session_timeout);
  const Key signature =
      server_signature(attempt->verifier.server_key, auth_message(attempt->transcript));
  send_talk(*link, Opcode::kLoginOk, 0,
            sealed::write_login_ok({signature, timeout, recent.newest(), keys.announced}));
}

/// The account's sealed session that was silent longest makes room for one more.
void Hub::Impl::make_room_for_device(AccountId account) {
  std::vector<Session*> devices;
  for (Session* session : sessions.of_account(account)) {
    if (session->is_sealed()) devices.push_back(session);
  }
  if (devices.size() < config.max_devices) return;
  const auto oldest = std::min_element(
      devices.begin(), devices.end(),
      [](const Session* a, const Session* b) { return a->last_active < b->last_active; });
  ++counters.sessions_replaced;
  end_session(**oldest, Tell::kClient, Forget::kStored, sealed::CloseReason::kReplaced);
}

void Hub::Impl::refuse_sealed_login(Link& link, LoginRefusal why) {
  ++counters.logins_failed;
  link.attempt.reset();
  send_talk(link, Opcode::kLoginFailed, 0, std::string(1, static_cast<char>(why)));
}

}  // namespace hub::server
