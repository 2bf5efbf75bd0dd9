// From the proof of a password or a resume key to a live session: recorded by the store, whose word
// is the last, and then acknowledged. And logins that are overtaken by what happens meanwhile.
//
// The order of a device's requests. Each session's requests are numbered upwards, and the store is
// told of them in the order they come. From the moment in which a new session is handed to the
// store, no other session of that device may ask for anything: so what `done` says at its opening
// covers all that was asked before, and a number above it has not been done.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

using Fate = LoginAttempt::Fate;
using Stage = LoginAttempt::Stage;

LoginAttempt* Hub::Impl::attempt_on(const Link& link) {
  const auto found = attempts.find(link.connection.id());
  return found != attempts.end() ? &found->second : nullptr;
}

LoginAttempt* Hub::Impl::take_lookup(store::Tag tag, Link*& link) {
  const auto asked = pending.find(tag);
  if (asked == pending.end()) return nullptr;
  link = links.find(std::get<PendingSealedLogin>(asked->second).link);
  pending.erase(asked);
  --pending_reads;
  LoginAttempt* attempt = link != nullptr ? attempt_on(*link) : nullptr;
  const bool is_its = attempt != nullptr && attempt->lookup == tag && !link->connection.is_closed();
  return is_its ? attempt : nullptr;
}

void Hub::Impl::record_session(Link& link, LoginAttempt& attempt, Now now) {
  const bool replaces =
      link.session != nullptr || sessions.of_device(attempt.account, attempt.device) != nullptr;
  if (!replaces && !has_room_for_one(attempt.name)) {
    return refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
  links.logged_in(link);  // whoever can prove that is no stranger
  if (!fault("old_session_asks_on")) supersede_sessions(link, attempt);
  store::StoredSession record;
  record.account = attempt.account;
  record.name = attempt.name;
  record.framing = Framing::kSealed;
  record.token = link.connection.id();
  // Who is just moving as they log in is where they log in from.
  record.remote = link.connection.path().remote;
  record.local = link.connection.path().local;
  link.connection.settle_here();
  record.online_since = now.wall;
  using Proof = store::DeviceLogin::Proof;
  store::DeviceLogin device{attempt.device, attempt.resume_key, Proof::kResumeKey, {}};
  if (!attempt.is_resume) {
    device.proof = Proof::kPassword;
    device.verified_by = attempt.verifier.stored_key;
    // A new device may take another's place: the store has to know which of them are used.
    for (Session* other : sessions.of_account(attempt.account)) save(*other);
  }
  // Of the same connection nothing may be closed once its new session is recorded.
  const bool is_busy = !deferred_closes.empty();
  if (is_busy || !write(store::OpenSession{std::move(record), device},
                        PendingSealedLogin{link.connection.id()})) {
    ++counters.drop_busy_store;
    return refuse_sealed_login(link, LoginRefusal::kNoRoom);
  }
  attempt.stage = Stage::kRecording;
}

void Hub::Impl::supersede_sessions(const Link& link, const LoginAttempt& attempt) {
  // A mark gets to the store before the device is read there.
  Session* const old = sessions.of_device(attempt.account, attempt.device);
  if (old != nullptr && old->link != &link) {
    ++counters.sessions_replaced;
    log(LogLevel::kInfo,
        fmt::format("session of {} at {} replaced by its device at {}", old->name,
                    to_string(address_of(*old)), to_string(link.connection.path().remote)));
    end_session(*old, Tell::kClient, Forget::kStored, sealed::CloseReason::kReplaced);
  }
  // The store finds a session by its connection, so whoever's it is, it goes first.
  if (link.session != nullptr && !fault("two_sessions_of_a_connection")) {
    end_session(*link.session, Tell::kNobody, Forget::kStored);
  }
  for (auto& [id, other] : attempts) {
    if (&other != &attempt && other.stage == Stage::kRecording &&
        other.account == attempt.account && other.device == attempt.device) {
      other.fate = Fate::kReplaced;
    }
  }
}

void Hub::Impl::on_sealed_open_reply(const PendingSealedLogin& login, const store::Reply& reply,
                                     Now now) {
  const auto* opened = std::get_if<store::SessionOpened>(&reply.body);
  Link* link = links.find(login.link);
  const auto found = attempts.find(login.link);
  if (link == nullptr || link->connection.is_closed() || found == attempts.end()) {
    if (opened != nullptr) close_stored({opened->session.account, login.link, Framing::kSealed});
    return;
  }
  const LoginAttempt attempt = found->second;
  if (opened != nullptr && attempt.fate == Fate::kGoesOn) {
    attempts.erase(found);
    begin_session(*link, attempt, *opened, now);
    return;
  }
  if (opened != nullptr) close_stored({opened->session.account, login.link, Framing::kSealed});
  const auto* refused = std::get_if<store::Refused>(&reply.body);
  if (attempt.fate == Fate::kReplaced) {
    attempts.erase(found);
    close_link(*link, sealed::CloseReason::kReplaced);
  } else if (refused != nullptr && store::is_store_failure(*refused)) {
    refuse_sealed_login(*link, LoginRefusal::kNoRoom);
  } else if (attempt.is_resume) {
    refuse_resume(*link);
  } else {
    refuse_sealed_login(*link, LoginRefusal::kWrong);
  }
}

void Hub::Impl::begin_session(Link& link, const LoginAttempt& attempt,
                              const store::SessionOpened& opened, Now now) {
  const AccountId account = opened.session.account;
  if (sessions.of_account(account).empty()) follows.add_account(account, opened.followees);
  Session& session = sessions.add_sealed(opened.session, link, now);
  link.session = &session;
  link.waiting.reset();
  const store::Device device = opened.device.value_or(store::Device{});
  session.device_id = attempt.device;
  session.done_at_open = device.done;
  came_back(device.number);
  const MessageId newest = recent.newest();
  const bool is_believed = (attempt.mark.history == history_id && history_id != 0) ||
                           (attempt.mark.history != 0 && fault("mark_of_other_history_believed"));
  session.mark = std::min(is_believed ? attempt.mark.post : device.mark, newest);
  session.saved_mark = device.mark;
  // A client that was here before goes on where it was.
  session.served = fault("mark_ignored") ? newest : session.mark;
  session.behind = session.served < newest;
  session.must_count = newest - session.served > kMaxCatchUp && !fault("catch_up_not_bounded");
  note_progress(session, now);
  link.connection.widen();
  if (!attempt.is_resume) throttle.give_back(attempt.transcript.id_key, attempt.tried_from);
  throttle.remember(attempt.transcript.id_key, link.connection.path().remote.ip);
  ++(attempt.is_resume ? counters.resumes_ok : counters.logins_ok);
  log(LogLevel::kInfo,
      fmt::format("{} {} from {}, sealed", session.name,
                  attempt.is_resume ? "is back" : "logged in", to_string(address_of(session))));
  sealed::LoginOk ok;
  ok.signature =
      attempt.is_resume
          ? resume_signature(attempt.resume_key, link.connection.handshake_hash(), attempt.device)
          : server_signature(attempt.verifier.server_key, auth_message(attempt.transcript));
  ok.session_timeout =
      std::chrono::duration_cast<std::chrono::milliseconds>(config.session_timeout);
  ok.mark = {history_id, session.served};
  ok.done = device.done;
  ok.next_key = keys.announced;
  send_talk(link, Opcode::kLoginOk, 0, sealed::write_login_ok(ok));
}

void Hub::Impl::refuse_sealed_login(Link& link, LoginRefusal why) {
  const auto attempt = attempts.find(link.connection.id());
  const bool is_resume = attempt != attempts.end() && attempt->second.is_resume;
  ++(is_resume ? counters.resumes_failed : counters.logins_failed);
  if (attempt != attempts.end()) attempts.erase(attempt);
  send_talk(link, Opcode::kLoginFailed, 0, std::string(1, static_cast<char>(why)));
}

/// What is being looked up may be of this account, and read before the end; what is challenged was
/// read before it; and what is being recorded comes after it, however the store judges it.
void Hub::Impl::void_logins(AccountId account) {
  if (fault("ended_login_goes_on")) return;
  for (auto& [id, attempt] : attempts) {
    if (attempt.stage == Stage::kLookup) {
      attempt.ended.push_back(account);
    } else if (attempt.account == account && attempt.stage == Stage::kChallenged) {
      attempt.account = 0;
    } else if (attempt.account == account) {
      attempt.fate = Fate::kEnded;
    }
  }
  for (auto& [tag, why] : pending) {
    if (auto* login = std::get_if<PendingLogin>(&why)) login->ended.push_back(account);
  }
}

}  // namespace hub::server
