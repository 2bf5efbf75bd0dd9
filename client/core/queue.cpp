// The session's third part: what is kept while the hub is away, and answered later.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "client/core/exchanges.hpp"
#include "client/core/session.hpp"
#include "protocol/fault.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::client {

namespace {

struct KeptRequest {
  Opcode opcode;
  std::string payload;
};

/// Nothing for what is not kept.
std::optional<KeptRequest> kept_request(const Command& command) {
  if (const auto* post = std::get_if<Post>(&command)) return KeptRequest{Opcode::kPost, post->text};
  if (const auto* s = std::get_if<Subscribe>(&command)) {
    return KeptRequest{Opcode::kSubscribe, s->target.text()};
  }
  if (const auto* u = std::get_if<Unsubscribe>(&command)) {
    return KeptRequest{Opcode::kUnsubscribe, u->target.text()};
  }
  return std::nullopt;
}

/// Nothing of it concerns the hub, or it must not wait for one.
bool is_local(const Command& command) {
  return std::holds_alternative<ShowState>(command) || std::holds_alternative<Help>(command) ||
         std::holds_alternative<Quit>(command) || std::holds_alternative<Nothing>(command);
}

/// As it was typed, more or less.
std::string typed(Opcode opcode, std::string_view payload) {
  return fmt::format("{}#{}", name_of(opcode), payload);
}

}  // namespace

/// True where that was all there is to do about it.
bool Session::act_while_away(const Command& command, TimePoint now) {
  if (!away_ || !config_.queues) return false;
  if (auto kept = kept_request(command)) {
    queue(kept->opcode, std::move(kept->payload));
    return true;
  }
  if (!is_local(command)) {
    print(note("the hub is away: this waits until it answers"));
    return false;
  }
  perform(command, now);
  return true;
}

void Session::queue(Opcode opcode, std::string payload) {
  const std::uint64_t tag = next_tag_++;
  print(note(fmt::format("queued: {}", typed(opcode, payload))));
  queued_.push_back({opcode, tag});
  send(opcode, std::move(payload), tag);
}

/// While the hub is away a person's requests wait, and then until what was queued is answered: so
/// they see what it did.
bool Session::may_go(const Command& command) const {
  if (!config_.queues || is_local(command)) return true;
  return !away_ && (queued_.empty() || fault("queue_overtaken"));
}

std::size_t Session::kept() const {
  return queued_.size() + (pending_ && pending_->tag != 0 ? 1 : 0);
}

void Session::on_away(TimePoint now) {
  if (finished_ || leaving_) return;
  away_ = true;
  if (!config_.queues) return;
  if (pending_ && pending_->tag != 0) {
    print(note(fmt::format("queued: {}", typed(pending_->request, pending_->payload))));
    queued_.push_back({pending_->request, pending_->tag});
    pending_.reset();
    if (state_ != State::kOffline && state_ != State::kLoginSent) state_ = State::kOnline;
  }
  keep_what_waits();
  const bool leaves = std::any_of(waiting_.begin(), waiting_.end(), [](const Command& each) {
    return std::holds_alternative<Quit>(each);
  });
  if (leaves) return leave(now);
  start_waiting(now);
}

/// What was typed behind a request that is not answered is not lost with this program any more.
void Session::keep_what_waits() {
  std::deque<Command> left;
  for (Command& command : std::exchange(waiting_, {})) {
    if (auto kept = kept_request(command)) {
      queue(kept->opcode, std::move(kept->payload));
    } else {
      left.push_back(std::move(command));
    }
  }
  waiting_ = std::move(left);
}

void Session::on_back(TimePoint now) {
  if (finished_) return;
  away_ = false;
  start_waiting(now);
}

void Session::on_gave_up(const GaveUp& gave_up, TimePoint now) {
  if (finished_ || !pending_) return;
  gave_up_ = true;
  if (pending_->request == Opcode::kLogin && gave_up.keeps) {
    // Logged in as far as this device is concerned: what is asked next is kept for the hub.
    pending_.reset();
    open_logins_ = 0;
    print(error("no_reply", "the hub did not answer"));
    state_ = State::kOnline;
  } else if (pending_->tag == 0 || !gave_up.keeps) {
    fail_pending(gave_up.was_sent);
  } else {
    print(error("queued", "the hub did not answer; it is kept, and sent at the next login"));
    pending_.reset();
    if (state_ != State::kOffline) state_ = State::kOnline;
  }
  start_waiting(now);
}

void Session::on_password_needed(TimePoint now) {
  if (finished_ || state_ != State::kLoginSent) return;
  const auto id = ClientId::parse(id_);
  pending_.reset();
  open_logins_ = 0;
  go_offline();
  if (config_.can_ask && id) {
    asking_ = *id;
    outputs_.push_back(AskPassword{id->text()});
  } else {
    print(error("no_password", kNoTerminal));
  }
  start_waiting(now);
}

/// The reply to a request that is kept and not awaited. False: it is none.
bool Session::on_tagged(const Message& message) {
  if (config_.framing != Framing::kSealed || message.id == 0) return false;
  const Exchange* exchange = exchange_of_reply(message.opcode);
  const bool is_reply = message.opcode == Opcode::kRefused ||
                        (exchange != nullptr && sealed::is_numbered(exchange->request));
  if (!is_reply) return false;
  if (pending_ && pending_->tag == message.id) return false;
  const auto queued = std::find_if(queued_.begin(), queued_.end(),
                                   [&](const Queued& each) { return each.tag == message.id; });
  if (queued == queued_.end()) return true;
  queued_.erase(queued);
  if (exchange != nullptr) {
    print(ack(exchange->word, message.opcode == exchange->ok));
  } else {
    print(refusal_record(message));
  }
  return true;
}

void Session::on_settled(const Settled& settled, TimePoint) {
  if (finished_) return;
  const std::string what = typed(settled.request.opcode, settled.request.payload);
  const Exchange* exchange = exchange_of_reply(settled.reply.opcode);
  if (exchange != nullptr && settled.reply.opcode == exchange->ok) {
    print(note(fmt::format("sent now: {}", what)));
  } else if (exchange != nullptr) {
    print_of_earlier(error("failed", fmt::format("of an earlier time: {}", what)));
  } else {
    print(note(fmt::format("of an earlier time: {}", what)));
    print_of_earlier(refusal_record(settled.reply));
  }
}

void Session::on_not_sent(const NotSent& not_sent, TimePoint now) {
  if (finished_) return;
  std::erase_if(queued_, [&](const Queued& each) { return each.tag == not_sent.tag; });
  if (pending_ && pending_->tag != 0 && pending_->tag == not_sent.tag) {
    pending_.reset();
    if (state_ != State::kOffline && state_ != State::kLoginSent) state_ = State::kOnline;
  }
  Record record =
      error("not_sent", fmt::format("{}: it may have been done already; ask again if it was not",
                                    typed(not_sent.request.opcode, not_sent.request.payload)));
  not_sent.tag == 0 ? print_of_earlier(std::move(record)) : print(std::move(record));
  start_waiting(now);
}

}  // namespace hub::client
