// The other half of SealedLink: what comes over the connection, the login on it, and the ways to
// lose it.
#include <utility>

#include "client/core/sealed_link.hpp"
#include "client/core/sealed_link_keeping.hpp"
#include "client/core/session.hpp"
#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

using namespace std::chrono_literals;

namespace {
/// After a refusal that may pass.
constexpr Duration kTryAgain = 5s;
}  // namespace

bool SealedLink::on_connection_datagram(Bytes datagram, TimePoint now) {
  const auto header = sealed::read_transport_header(datagram);
  if (!header || !connection_) return header.has_value();
  const auto taken = connection_->on_datagram(Path{}, *header, datagram, now);
  using Taken = sealed::Connection::Taken;
  if (taken == Taken::kForged || taken == Taken::kReplayed) return true;
  liveness_.on_heard(now);
  gave_up_ = false;
  unanswered_since_.reset();
  elsewhere_at_.reset();
  initiator_.reset();  // the old connection answers after all
  if (std::exchange(said_silent_, false)) note("the hub answers again");
  come_back();
  if (taken == Taken::kClosed) {
    on_closed(connection_->close_reason(), now);
    return true;
  }
  if (taken == Taken::kViolation) {
    flush(now);
    end_session(now);
    return true;
  }
  for (const channel::Delivered& delivered : connection_->take_delivered()) {
    const auto message = sealed::read_message(delivered.bytes);
    if (message) on_message(*message, now);
    if (!connection_ || distrusted_) return true;
  }
  send_waiting(now);
  return true;
}

void SealedLink::on_message(const sealed::Message& message, TimePoint now) {
  switch (message.opcode) {
    case Opcode::kLoginChallenge:
    case Opcode::kLoginOk:
    case Opcode::kLoginFailed:
      follow(login_.on_message(message.opcode, message.payload), now);
      return;
    case Opcode::kForward:
    case Opcode::kEarlierPosts:
      if (!online_) return;  // for the device that there was before a second login
      if (fault("mark_before_print")) {
        shown_ = message.id;
        keep_mark();
      }
      break;
    case Opcode::kPostAck:
    case Opcode::kSubscribeOk:
    case Opcode::kSubscribeFailed:
    case Opcode::kUnsubscribeOk:
    case Opcode::kUnsubscribeFailed:
    case Opcode::kRefused:
      if (message.id != 0 && settle(message, now)) return;
      [[fallthrough]];
    default:
      wanting_since_.reset();
      asked_ = false;
      break;
    case Opcode::kRetrieveAck:  // more is to come
      if (wanting_since_) wanting_since_ = now;
      break;
  }
  if (message.opcode == Opcode::kLogoutAck || message.opcode == Opcode::kMustLoginFirst) {
    online_ = wants_online_ = false;
    tags_.clear();  // what the outbox has is of an earlier session now
  }
  if (message.opcode == Opcode::kLogoutAck && device_) {
    keeping([&](auto& out) { device_->forget_secret(out); });
  }
  outputs_.push_back(Deliver{{message.opcode, 0, message.id, std::string(message.payload)}});
}

// --- Login ---

void SealedLink::follow(const LoginExchange::Step& step, TimePoint now) {
  if (const auto* message = std::get_if<LoginExchange::SendMessage>(&step)) {
    hand_over(message->opcode, 0, message->payload);
  } else if (const auto* stretch = std::get_if<LoginExchange::Stretch>(&step)) {
    outputs_.push_back(StretchPassword{*stretch});
  } else if (const auto* logged_in = std::get_if<LoginExchange::LoggedIn>(&step)) {
    on_logged_in(*logged_in, now);
  } else if (const auto* failed = std::get_if<LoginExchange::Failed>(&step)) {
    on_login_refused(failed->why, now);
  } else if (const auto* distrusted = std::get_if<LoginExchange::Distrusted>(&step)) {
    connection_->close(sealed::CloseReason::kGoodbye);
    flush(now);
    distrusted_ = true;
    outputs_.push_back(Distrust{kExitWrongKey, distrusted->word, distrusted->text});
  }
}

void SealedLink::on_stretched(std::uint64_t ticket, const std::optional<Key>& salted,
                              TimePoint now) {
  if (!connection_) return;
  follow(login_.stretched(ticket, salted), now);
  flush(now);
}

void SealedLink::on_logged_in(const LoginExchange::LoggedIn& logged_in, TimePoint now) {
  if (!device_->agrees(logged_in.mark, logged_in.done, login_.is_resume())) {
    return become_new_device(logged_in, now);
  }
  login_.forget();
  renewing_ = false;
  keeping([&](auto& out) {
    device_->keep_secret(out);
    device_->take_mark(logged_in.mark, logged_in.done, out);
  });
  const bool was_asked = wanted_.has_value();
  wanted_.reset();
  online_ = wants_online_ = true;
  wanting_since_.reset();
  if (!device_->outbox().waiting().empty()) wanting_since_ = now;
  connection_->widen();
  liveness_.set_session_timeout(logged_in.session_timeout, now);
  contact_.remember(logged_in.next_key);
  outputs_.push_back(HubProved{logged_in.next_key});
  if (was_asked) {
    outputs_.push_back(Deliver{{Opcode::kLoginOk, 0, 0, {}}});
  } else {
    note("back online");
  }
  come_back();
  send_waiting(now);
}

void SealedLink::on_login_refused(LoginRefusal why, TimePoint now) {
  const bool is_of_another = renewing_;
  if (is_of_another) {
    connection_->close(sealed::CloseReason::kGoodbye);
    flush(now);
  }
  if (login_.is_resume() && why == LoginRefusal::kWrong) {
    // Logged out elsewhere, a new password, disabled: the secret is of no more use.
    keeping([&](auto& out) { device_->forget_secret(out); });
    return wanted_ ? need_password() : end_session(now);
  }
  if (why == LoginRefusal::kTooManyTries)
    note("too many tries at this account from here: wait a minute");
  if (why == LoginRefusal::kNoRoom) note("the hub has no room just now");
  if (wanted_ && !(login_.is_resume() && why == LoginRefusal::kNoRoom)) {
    wanted_.reset();
    wants_online_ = away_ = false;
    wanting_since_.reset();
    tags_.clear();
    outputs_.push_back(Deliver{{Opcode::kLoginFailed, 0, 0, {}}});
    if (is_of_another) lose_connection(now);
  } else if (why == LoginRefusal::kWrong) {
    end_session(now);
  } else {
    retry_later(now);  // the device needs nobody for it
  }
}

// --- The ways to lose a connection ---

void SealedLink::on_reset(const sealed::Reset& reset, TimePoint now) {
  const bool ours = connection_ && reset.id == connection_->peer_id() &&
                    equal_constant_time(reset.token, connection_->expected_reset());
  if (!ours && !(connection_ && fault("any_reset_accepted"))) return;
  lose_connection(now);
  if (wants_online_) note("the hub was restarted; reconnecting…");
  if (has_business()) want_connection(now);
}

void SealedLink::on_closed(sealed::CloseReason why, TimePoint now) {
  switch (why) {
    case sealed::CloseReason::kTimeout:
    case sealed::CloseReason::kNoLogin:
    case sealed::CloseReason::kGoodbye:
      lose_connection(now);
      if (has_business()) want_connection(now);
      return;
    case sealed::CloseReason::kBusy:
      return retry_later(now);
    case sealed::CloseReason::kReplaced:
      note("the account is logged in more often than it may be at once: the newest ones stay");
      break;
    case sealed::CloseReason::kEnded:
      note("who runs the hub ended this session, disabled the account or gave it a new password");
      break;
    case sealed::CloseReason::kProtocolError:
      note("the hub did not understand this spoke: update the older one of the two");
      break;
    default:
      break;
  }
  if (fault("ended_comes_back")) {
    lose_connection(now);
    return want_connection(now);
  }
  end_session(now);
}

void SealedLink::retry_later(TimePoint now) {
  lose_connection(now);
  if (has_business()) try_again_ = now + kTryAgain;
}

/// The hub ended the session for good: no way back but a login of the person.
void SealedLink::end_session(TimePoint now) {
  login_.forget();
  wanted_.reset();
  wants_online_ = away_ = false;
  waiting_.clear();
  tags_.clear();   // what the outbox has is of an earlier session now
  asked_ = false;  // the reset answers whatever was asked
  lose_connection(now);
  outputs_.push_back(Deliver{{Opcode::kSessionReset, 0, 0, {}}});
}

void SealedLink::lose_connection(TimePoint now) {
  connection_.reset();
  initiator_.reset();
  if (fault("waiting_lost_with_connection")) waiting_.clear();
  login_.abandon();
  online_ = renewing_ = false;
  handed_ = 0;
  unanswered_since_.reset();
  elsewhere_at_.reset();
  if (wants_online_ && !wanting_since_) wanting_since_ = now;
  if (std::exchange(asked_, false)) outputs_.push_back(Lost{});
  go_away();
}

}  // namespace hub::client
