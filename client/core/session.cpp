#include "client/core/session.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "client/core/exchanges.hpp"
#include "client/core/overloaded.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/password.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::client {

namespace {

/// How long a logout nobody asked for may keep somebody who is leaving.
constexpr std::chrono::milliseconds kFarewell{500};

std::string payload_of(const Retrieve& retrieve) {
  if (retrieve.before == 0) return fmt::format("{}", retrieve.n);
  return fmt::format("{}&{}", retrieve.n, retrieve.before);
}

}  // namespace

std::string_view name_of(State state) {
  switch (state) {
    case State::kOffline:
      return "OFFLINE";
    case State::kLoginSent:
      return "LOGIN_SENT";
    case State::kOnline:
      return "ONLINE";
    case State::kPostSent:
      return "POST_SENT";
    case State::kSubscribeSent:
      return "SUBSCRIBE_SENT";
    case State::kUnsubscribeSent:
      return "UNSUBSCRIBE_SENT";
    case State::kRetrieveSent:
      return "RETRIEVE_SENT";
    case State::kLogoutSent:
      return "LOGOUT_SENT";
  }
  return "";
}

void Session::on_line(std::string_view line, TimePoint now) {
  if (finished_ || leaving_) return;
  auto command = parse_line(line, config_.framing);
  if (!command) {
    print(error(command.error().word, command.error().sentence));
    return;
  }
  if (fault("typed_line_not_queued")) {
    perform(*command, now);
    return;
  }
  if (waiting_.size() >= config_.max_waiting) {
    print(
        error("too_many_waiting",
              fmt::format("{} lines are waiting already; this one is not kept", waiting_.size())));
    return;
  }
  if (act_while_away(*command, now)) return;
  waiting_.push_back(std::move(*command));
  start_waiting(now);
}

void Session::on_password(std::optional<std::string> password, TimePoint now) {
  const auto asking = std::exchange(asking_, std::nullopt);
  if (!asking || finished_) return;
  if (!password) {
    print(error("no_password", "no login was sent"));
  } else if (!is_password(*password)) {
    print(error("bad_password", fmt::format("a password is 1 to {} bytes", kMaxPasswordBytes)));
  } else {
    log_in(Login{*asking, std::move(password)}, now);
  }
  start_waiting(now);
}

void Session::on_message(const Message& message, TimePoint now) {
  if (finished_) return;
  heard_ = true;
  receive(message, now);
  start_waiting(now);
}

void Session::on_lost(TimePoint now) {
  // A login goes on with the next connection.
  if (finished_ || !pending_ || pending_->request == Opcode::kLogin) return;
  fail_pending();
  start_waiting(now);
}

void Session::on_timeout(TimePoint now) {
  if (finished_ || !pending_ || !pending_->deadline || now < *pending_->deadline) return;
  give_up_waiting(now);
  start_waiting(now);
}

void Session::on_input_end(TimePoint now) {
  config_.can_ask = false;  // nobody is left to answer, a waiting login#id neither
  if (asking_) on_password(std::nullopt, now);
  if (finished_ || leaving_) return;
  if (away_ && config_.queues) waiting_.clear();  // nobody is there to see what they would bring
  waiting_.push_back(Quit{});
  start_waiting(now);
}

void Session::on_stop(TimePoint now) {
  if (finished_ || leaving_) return;
  asking_.reset();
  if (pending_ && pending_->tag != 0) queued_.push_back({pending_->request, pending_->tag});
  if (config_.queues && state_ != State::kOffline && state_ != State::kLoginSent) keep_what_waits();
  waiting_.clear();
  if (pending_) late_.insert(pending_->request);
  pending_.reset();
  leave(now);
}

std::optional<TimePoint> Session::next_timeout() const {
  if (finished_ || !pending_) return std::nullopt;
  return pending_->deadline;
}

bool Session::wants_input() const {
  return !finished_ && !leaving_ && !pending_ && !asking_ && waiting_.empty();
}

int Session::exit_code() const {
  if (gave_up_) return kExitNoAnswer;
  if (!failed_) return kExitSuccess;
  return heard_ || !unanswered_ ? kExitFailure : kExitNoAnswer;
}

void Session::start_waiting(TimePoint now) {
  while (!finished_ && !leaving_ && !pending_ && !asking_ && !waiting_.empty() &&
         may_go(waiting_.front())) {
    const bool is_login = std::holds_alternative<Login>(waiting_.front());
    if (config_.needs_login && state_ == State::kOffline && !is_login) {
      print(error("not_sent", "without a login nothing was sent, and nothing is kept"));
      return leave(now);
    }
    const Command command = std::move(waiting_.front());
    waiting_.pop_front();
    perform(command, now);
  }
}

void Session::perform(const Command& command, TimePoint now) {
  std::visit(Overloaded{
                 [&](const Login& login) { log_in(login, now); },
                 [&](const Post& post) { request(Opcode::kPost, post.text, now); },
                 [&](const Subscribe& s) { request(Opcode::kSubscribe, s.target.text(), now); },
                 [&](const Unsubscribe& u) { request(Opcode::kUnsubscribe, u.target.text(), now); },
                 [&](const Retrieve& r) { request(Opcode::kRetrieve, payload_of(r), now); },
                 [&](const Logout&) { request(Opcode::kLogout, {}, now); },
                 [&](const SpuriousClient&) { request(Opcode::kSpuriousClient, {}, now); },
                 [&](const SpuriousServer&) { request(Opcode::kSpuriousServer, {}, now); },
                 [&](const Reset&) {
                   send(Opcode::kSessionReset, {});
                   go_offline();
                   print(note("session reset sent"));
                 },
                 [&](const ShowState&) { print(state_record(name_of(state_), id_)); },
                 [&](const Help&) { print(help()); },
                 [&](const Quit&) { leave(now); },
                 [](const Nothing&) {},
             },
             command);
}

void Session::log_in(const Login& login, TimePoint now) {
  if (state_ != State::kOffline) {
    print(error("already_logged_in", fmt::format("as {}: logout# first", id_)));
    return;
  }
  const bool sealed = config_.framing == Framing::kSealed;
  if (!login.password && !sealed) {
    if (config_.can_ask) {
      asking_ = login.id;
      outputs_.push_back(AskPassword{login.id.text()});
    } else {
      print(error("no_password", kNoTerminal));
    }
    return;
  }
  id_ = login.id.text();
  state_ = State::kLoginSent;
  // Sealed, this installation may have logged in before: then it needs no password.
  request(Opcode::kLogin, login.password ? fmt::format("{}&{}", id_, *login.password) : id_, now);
}

void Session::request(Opcode opcode, std::string payload, TimePoint now) {
  accepted_.reset();
  run_.clear();
  retrieved_ = 0;
  // Whoever is not logged in has no device that could keep it.
  const bool is_kept = config_.framing == Framing::kSealed && state_ != State::kOffline &&
                       sealed::is_numbered(opcode);
  const std::uint64_t tag = is_kept ? next_tag_++ : 0;
  send(opcode, payload, tag);
  pending_ = Pending{opcode, reply_deadline(now), std::move(payload), 1, tag};
  const Exchange* exchange = exchange_of_request(opcode);
  if (opcode == Opcode::kLogin) ++open_logins_;
  if (state_ == State::kOnline && exchange != nullptr) state_ = exchange->waiting;
}

// A login can be sent again without harm. Anything else might then happen twice.
void Session::give_up_waiting(TimePoint now) {
  const bool again = pending_->request == Opcode::kLogin ||
                     (pending_->request == Opcode::kPost && fault("post_sent_again"));
  if (again && pending_->sends < kLoginSends) {
    send(pending_->request, pending_->payload);
    pending_->deadline = reply_deadline(now);
    ++pending_->sends;
    if (pending_->request == Opcode::kLogin) ++open_logins_;
    return;
  }
  fail_pending();
}

/// No reply will come to what was asked.
void Session::fail_pending(bool was_sent) {
  const Opcode request = pending_->request;
  // What a lost connection did not bring does not come over the next one.
  const bool may_come_late = config_.framing == Framing::kClassic;
  pending_.reset();
  if (leaving_) {
    finish();
    return;
  }
  unanswered_ = true;
  print(error("no_reply", request == Opcode::kLogin ? "the hub did not answer"
                          : was_sent                ? "the hub may or may not have done it"
                                                    : "the hub did not answer: it was not sent"));
  if (state_ == State::kLoginSent) {
    go_offline();
  } else if (state_ == State::kOffline) {
    late_offline_ = may_come_late;
  } else {
    if (may_come_late) late_.insert(request);
    state_ = State::kOnline;
  }
}

/// Sealed, leaving is no logout: this device comes back as who it was.
void Session::leave(TimePoint now) {
  if (const std::size_t left = kept(); left > 0) {
    print(error("queued",
                fmt::format("{} not answered yet: kept, and sent at the next login",
                            left == 1 ? "1 request is" : fmt::format("{} requests are", left))));
  }
  leaving_ = true;
  const bool is_offline = state_ == State::kOffline || state_ == State::kLoginSent;
  if (is_offline || config_.framing == Framing::kSealed) {
    finish();
    return;
  }
  send(Opcode::kLogout, {});
  state_ = State::kLogoutSent;
  pending_ = Pending{Opcode::kLogout, now + kFarewell, {}, 1, 0};
}

void Session::finish() {
  finished_ = true;
  pending_.reset();
  outputs_.push_back(Exit{exit_code()});
}

void Session::go_offline() {
  const bool was_online = state_ != State::kOffline && state_ != State::kLoginSent;
  if (was_online) open_logins_ = 0;  // after a login that failed, acks may still come
  state_ = State::kOffline;
  token_ = 0;
  id_.clear();
  pending_.reset();
  late_.clear();
  login_tokens_.clear();
  forwards_.clear();
  run_.clear();
  queued_.clear();  // kept all the same: the next login sends them
  away_ = false;
  if (leaving_ && !finished_) finish();
}

void Session::print(Record record) {
  if (leaving_ && record.kind != RecordKind::kForward) return;
  failed_ = failed_ || is_failure(record);
  outputs_.push_back(Print{std::move(record)});
}

/// The exit code tells of this run only.
void Session::print_of_earlier(Record record) {
  const bool failed = failed_;
  print(std::move(record));
  if (!fault("earlier_requests_fail_this_run")) failed_ = failed;
}

void Session::send(Opcode opcode, std::string payload, MessageId id) {
  outputs_.push_back(Send{{opcode, token_, id, std::move(payload)}});
}

std::optional<TimePoint> Session::reply_deadline(TimePoint now) const {
  if (config_.framing == Framing::kSealed) return std::nullopt;
  return now + kReplyTimeout;
}

}  // namespace hub::client
