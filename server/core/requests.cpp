#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "protocol/client_id.hpp"
#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/text.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

const Hub::Impl::Command* Hub::Impl::find_command(Opcode opcode) {
  using I = Impl;
  //                                          session  payload
  static constexpr std::array kCommands = {
      Command{Opcode::kLogin, false, true, &I::request_login, nullptr},
      Command{Opcode::kSessionReset, false, false, &I::request_reset, nullptr},
      Command{Opcode::kSubscribe, true, true, nullptr, &I::request_subscribe},
      Command{Opcode::kUnsubscribe, true, true, nullptr, &I::request_unsubscribe},
      Command{Opcode::kPost, true, true, nullptr, &I::request_post},
      Command{Opcode::kForwardAck, true, false, nullptr, &I::request_forward_ack},
      Command{Opcode::kRetrieve, true, false, nullptr, &I::request_retrieve},
      Command{Opcode::kLogout, true, false, nullptr, &I::request_logout},
      Command{Opcode::kSpuriousServer, true, false, nullptr, &I::request_spurious_server},
  };
  for (const Command& command : kCommands) {
    if (command.opcode == opcode) return &command;
  }
  return nullptr;
}

void Hub::Impl::serve(Session& session, const Command* command, const Incoming& in) {
  sessions.touch(session, in.now);
  note_asked(session, in.now);
  const std::uint64_t number = number_of(session, in);
  if (number != 0 && number <= session.highest_asked && !fault("numbers_may_fall")) {
    on_spurious(session, in.opcode);
    return;
  }
  session.highest_asked = std::max(session.highest_asked, number);
  if (command == nullptr) {
    on_spurious(session, in.opcode);
  } else if (session.leaving && in.opcode != Opcode::kForwardAck) {
    // Whether there will still be a session to serve it is with the store.
    refuse_busy_store(session, in.opcode, number);
  } else if (command->needs_payload && in.text.empty() && !is_repeat(session, number)) {
    ++counters.drop_empty_payload;
    refuse(session, in.opcode, control::Refusal::kInvalid, number);
  } else if (command->of_session != nullptr) {
    (this->*command->of_session)(session, in);
  }
}

std::uint64_t Hub::Impl::number_of(const Session& session, const Incoming& in) {
  const bool changes_something = in.opcode == Opcode::kPost || in.opcode == Opcode::kSubscribe ||
                                 in.opcode == Opcode::kUnsubscribe;
  return session.is_sealed() && changes_something ? in.id : 0;
}

void Hub::Impl::refuse(Session& session, Opcode request, std::string_view word,
                       std::uint64_t number) {
  if (!session.is_sealed()) return;
  if (fault("refusal_without_number")) number = 0;
  send(session, Opcode::kRefused, number, sealed::write_refusal({request, word}));
}

void Hub::Impl::refuse(Session& session, Opcode request, control::Refusal why,
                       std::uint64_t number) {
  refuse(session, request, control::word_of(why), number);
}

void Hub::Impl::refuse_busy_store(Session& session, Opcode request, std::uint64_t number) {
  ++counters.drop_busy_store;
  if (is_repeat(session, number) && !fault("repeat_refused_busy")) {
    ++counters.connections_busy;
    close_link(*session.link, sealed::CloseReason::kBusy);
  } else {
    refuse(session, request, control::Refusal::kBusy, number);
  }
}

void Hub::Impl::request_subscribe(Session& session, const Incoming& in) {
  follow(session, in, true);
}

void Hub::Impl::request_unsubscribe(Session& session, const Incoming& in) {
  follow(session, in, false);
}

void Hub::Impl::follow(Session& session, const Incoming& in, bool add) {
  const std::uint64_t number = number_of(session, in);
  // A failure is an answer: under a number the store has to remember it.
  if (!ClientId::parse(in.text) && number == 0) {
    send(session, add ? Opcode::kSubscribeFailed : Opcode::kUnsubscribeFailed);
    return;
  }
  const PendingFollow why{session.id, add, number};
  const store::Numbered once{number != 0 ? session.device : 0, number};
  const std::string target(in.text);
  const bool taken = add ? write(store::Follow{session.account, target, once}, why)
                         : write(store::Unfollow{session.account, target, once}, why);
  if (!taken) refuse_busy_store(session, in.opcode, number);
}

void Hub::Impl::request_post(Session& session, const Incoming& in) {
  failpoint("post_received");
  const std::uint64_t number = number_of(session, in);
  const bool is_new = !is_repeat(session, number) || fault("repeat_judged_again");
  if (is_new && !may_post(session, in, number)) return;
  const store::Numbered once{number != 0 ? session.device : 0, number};
  store::AppendPost post{session.account, session.name, std::string(in.text), once};
  if (!write(std::move(post), PendingPost{session.id, number})) {
    refuse_busy_store(session, in.opcode, number);
    return;
  }
  if (!session.is_sealed()) ++session.classic->posts_asked;
  if (fault("reply_before_commit")) send(session, Opcode::kPostAck, number);
}

bool Hub::Impl::may_post(Session& session, const Incoming& in, std::uint64_t number) {
  if (!is_text(in.text)) {
    ++counters.drop_bad_text;
    refuse(session, in.opcode, control::Refusal::kInvalid, number);
    return false;
  }
  if (session.posts.take(config.posts_per_second, in.now.mono)) return true;
  ++counters.drop_post_rate;
  log_post_rate(session, "what is too much is dropped");
  return false;  // classic: a sealed one has been paced (on_messages)
}

void Hub::Impl::log_post_rate(Session& session, std::string_view consequence) {
  if (std::exchange(session.post_rate_logged, true)) return;
  log(LogLevel::kWarning,
      fmt::format("{} at {} posts faster than {} a second; {}", session.name,
                  to_string(address_of(session)), config.posts_per_second, consequence));
}

void Hub::Impl::request_forward_ack(Session& session, const Incoming& in) {
  if (session.is_sealed()) {
    note_shown(session, in.id, in.now);
    return;
  }
  if (session.unacknowledged.acknowledge(static_cast<std::uint32_t>(in.id))) {
    ++counters.forwards_acknowledged;
  } else {
    ++counters.forward_ack_unknown;
  }
}

void Hub::Impl::request_logout(Session& session, const Incoming& in) {
  if (fault("logout_keeps_session")) {
    answer(in.from, Opcode::kLogoutAck, session.token());
    return;
  }
  store::CloseSession close = close_request(session);
  close.logged_out = session.is_sealed() && !fault("logout_keeps_resume_key");
  if (!write(close, PendingLogout{session.id, in.from})) {
    refuse_busy_store(session, in.opcode, 0);
    return;
  }
  // It goes on until a restart could not bring it back: the store may refuse.
  session.leaving = true;
  if (fault("logout_before_store")) {
    end_session(session, Tell::kNobody, Forget::kAlreadyForgotten);
  }
}

void Hub::Impl::request_spurious_server(Session& session, const Incoming& in) {
  if (config.debug_messages) {
    send(session, Opcode::kSubscribeOk);
  } else {
    on_spurious(session, in.opcode);
  }
}

void Hub::Impl::on_spurious(Session& session, Opcode opcode) {
  if (fault("spurious_ignored")) return;
  ++counters.sessions_reset_spurious;
  log(LogLevel::kWarning,
      fmt::format("session of {} at {} reset: unexpected opcode 0x{:02X} ({})", session.name,
                  to_string(address_of(session)), static_cast<unsigned>(opcode), name_of(opcode)));
  end_session(session, Tell::kClient, Forget::kStored, sealed::CloseReason::kProtocolError);
}

bool Hub::Impl::write(decltype(store::Request::body) body, Pending&& why) {
  if (pending_writes >= config.max_pending_writes) return false;
  const store::Tag tag = next_tag++;
  pending.emplace(tag, std::move(why));
  ++pending_writes;
  out.writes.push_back({tag, std::move(body)});
  return true;
}

}  // namespace hub::server
