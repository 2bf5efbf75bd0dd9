// The session's other half: what the hub sends.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "client/core/exchanges.hpp"
#include "client/core/session.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::client {

namespace {

/// As many forwards as a network may still be repeating.
constexpr std::size_t kRememberedForwards = 64;
constexpr std::size_t kRememberedTokens = 16;

struct RefusalWord {
  std::string_view word;
  std::string_view sentence;
};

constexpr std::array kRefusals = {
    RefusalWord{"busy", "not done: the hub has too much to do just now; ask again later"},
    RefusalWord{"disk_full", "not done: the disk of the hub is full; who runs it has to make room"},
    RefusalWord{"store_failed",
                "not done: the disk of the hub fails; who runs it has to see to it"},
    RefusalWord{"disabled", "not done: the account is disabled; ask who runs the hub"},
    RefusalWord{"not_found", "not done: there is no such account any more"},
    RefusalWord{"invalid", "not done: the hub does not take this text"},
    RefusalWord{"forgotten", "done or refused long ago: the hub no longer knows which"},
    RefusalWord{"not_saved", "not sent: it could not be written down here; is the disk full?"},
};

/// Lower-case letters and underscores: what may stand behind error#.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

}  // namespace

// One order: whose it is, what ends a session in any state, what is asked for, what is excused.
void Session::receive(const Message& message, TimePoint now) {
  if (!is_for_us(message)) return;
  if (message.opcode == Opcode::kMustLoginFirst) return on_must_login(message);
  if (message.opcode == Opcode::kSessionReset) return on_reset();
  if (on_tagged(message) || state_ == State::kOffline) return;
  if (message.opcode == Opcode::kEarlierPosts) return on_earlier_posts(message);
  if (message.opcode == Opcode::kForward && state_ != State::kLoginSent) return on_forward(message);
  const bool expected = on_login_ack(message) || on_reply(message, now) || on_refused(message);
  if (!expected && !is_excused(message.opcode)) on_unexpected(message);
}

// The hub puts the asker's token, or none, into a refusal and the session's into a reset: a token
// of an earlier session tells of that one. A login ack brings the token, so it cannot be known by
// it.
bool Session::is_for_us(const Message& message) const {
  if (message.token == token_ || fault("foreign_token_accepted")) return true;
  switch (message.opcode) {
    case Opcode::kLoginOk:
    case Opcode::kLoginFailed:
      return true;
    case Opcode::kMustLoginFirst:
    case Opcode::kSessionReset:
      return message.token == 0;
    default:
      return false;
  }
}

void Session::on_must_login(const Message& message) {
  const bool asked_offline = state_ == State::kOffline && pending_;
  if (state_ == State::kOffline && !pending_ && accepted_ == Opcode::kMustLoginFirst) return;
  if (message.token == 0 && !asked_offline && std::exchange(late_offline_, false)) return;
  print(error("must_login_first", "log in with login#id"));
  go_offline();
  accepted_ = Opcode::kMustLoginFirst;
}

void Session::on_reset() {
  if (state_ == State::kOffline && !pending_ && accepted_ == Opcode::kSessionReset) return;
  print(error("session_reset", "the hub ended the session: log in again"));
  go_offline();
  accepted_ = Opcode::kSessionReset;
}

// The network may repeat a forward, and the hub wants its ack each time.
void Session::on_forward(const Message& message) {
  SeenPost post{message.id, message.payload};
  // Sealed, nothing comes twice; the same again is of another history, after a restore.
  const bool known = config_.framing == Framing::kClassic && post.id != 0 &&
                     !fault("forward_repeat_printed") &&
                     std::find(forwards_.begin(), forwards_.end(), post) != forwards_.end();
  if (!known) {
    print(forward(message.payload, shown_id(message)));
    forwards_.push_back(std::move(post));
    if (forwards_.size() > kRememberedForwards) forwards_.pop_front();
  }
  if (!fault("forward_not_acknowledged")) send(Opcode::kForwardAck, {}, message.id);
}

/// True where a login ack means something now: an answer, or the renewed token of a repeated login.
bool Session::on_login_ack(const Message& message) {
  const bool ok = message.opcode == Opcode::kLoginOk;
  if (!ok && message.opcode != Opcode::kLoginFailed) return false;
  if (state_ == State::kLoginSent) {
    open_logins_ = std::max(0, open_logins_ - 1);
    print(ack("login_ack", ok));
    accepted_ = message.opcode;
    if (!ok) {
      go_offline();
      return true;
    }
    pending_.reset();
    state_ = State::kOnline;
    token_ = message.token;
    login_tokens_ = {token_};
    return true;
  }
  const bool seen =
      std::find(login_tokens_.begin(), login_tokens_.end(), message.token) != login_tokens_.end();
  if (ok && seen) return open_logins_ > 0 || login_tokens_.size() > 1;
  // Right after the first ack, a second one tells that the network repeated the login itself.
  if (open_logins_ == 0 && !(ok && accepted_ == Opcode::kLoginOk)) return false;
  open_logins_ = std::max(0, open_logins_ - 1);
  if (ok && !fault("renewed_token_ignored")) {
    token_ = message.token;
    login_tokens_.push_back(token_);
    if (login_tokens_.size() > kRememberedTokens) login_tokens_.erase(login_tokens_.begin());
  }
  return true;
}

bool Session::on_reply(const Message& message, TimePoint now) {
  const Opcode opcode = message.opcode;
  const Exchange* exchange = exchange_of_reply(opcode);
  if (exchange == nullptr || state_ != exchange->waiting) return false;
  if (opcode == Opcode::kRetrieveAck) {
    on_retrieved(message, now);
    return true;
  }
  pending_.reset();
  accepted_ = opcode;
  if (opcode == Opcode::kRetrieveEnd) {
    print(end_of_retrieve(retrieved_, config_.framing == Framing::kSealed ? last_retrieved_ : 0));
  } else {
    print(ack(exchange->word, opcode == exchange->ok));
  }
  state_ = State::kOnline;
  if (opcode == Opcode::kLogoutAck) go_offline();
  return true;
}

/// The hub says which request it did not do, and why (sealed).
bool Session::on_refused(const Message& message) {
  if (message.opcode != Opcode::kRefused || config_.framing != Framing::kSealed) return false;
  const auto refusal = sealed::read_refusal(message.payload);
  if (!refusal || !pending_ || pending_->request != refusal->request) return true;  // of the past
  pending_.reset();
  accepted_ = message.opcode;
  print(refusal_record(message));
  if (state_ != State::kOffline) state_ = State::kOnline;
  return true;
}

Record Session::refusal_record(const Message& message) {
  const auto refusal = sealed::read_refusal(message.payload);
  if (!refusal || !is_word(refusal->word)) return error("refused", "the hub did not do it");
  const auto* known = std::find_if(kRefusals.begin(), kRefusals.end(),
                                   [&](const auto& each) { return each.word == refusal->word; });
  return error(refusal->word, known != kRefusals.end() ? std::string(known->sentence)
                                                       : fmt::format("the hub did not do it ({})",
                                                                     name_of(refusal->request)));
}

/// More was missed than a catch-up brings. It is told before the posts that come.
void Session::on_earlier_posts(const Message& message) {
  const auto earlier = sealed::read_earlier_posts(message.payload);
  if (config_.framing != Framing::kSealed || !earlier) return on_unexpected(message);
  print(left_out(fmt::format("{}{} earlier posts are not shown: use retrieve#{}",
                             earlier->more ? "more than " : "", earlier->count,
                             std::min(earlier->count, kMaxRetrieve))));
  send(Opcode::kForwardAck, {}, message.id);
}

MessageId Session::shown_id(const Message& post) const { return config_.show_ids ? post.id : 0; }

void Session::on_retrieved(const Message& message, TimePoint now) {
  pending_->deadline = reply_deadline(now);
  last_retrieved_ = message.id;
  if (config_.framing == Framing::kSealed) {  // nothing comes twice there
    print(retrieved(message.payload, shown_id(message)));
    ++retrieved_;
    return;
  }
  SeenPost post{message.id, message.payload};
  const bool known = post.id != 0 && std::find(run_.begin(), run_.end(), post) != run_.end();
  if (known) return;
  print(retrieved(message.payload, shown_id(message)));
  ++retrieved_;
  run_.push_back(std::move(post));
  if (run_.size() > kClassicMaxRetrieve) run_.pop_front();
}

bool Session::is_excused(Opcode opcode) const {
  if (fault("repeat_reply_is_spurious")) return false;
  if (accepted_ == opcode) return true;
  if (accepted_ == Opcode::kRetrieveEnd && opcode == Opcode::kRetrieveAck) return true;
  const Exchange* exchange = exchange_of_reply(opcode);
  return exchange != nullptr && late_.count(exchange->request) > 0 &&
         !fault("late_reply_is_spurious");
}

void Session::on_unexpected(const Message& message) {
  print(error("unexpected_message",
              fmt::format("0x{:02X} ({}): the session is reset",
                          static_cast<unsigned>(message.opcode), name_of(message.opcode))));
  if (!fault("spurious_not_reset")) send(Opcode::kSessionReset, {});
  go_offline();
}

}  // namespace hub::client
