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
  if (command == nullptr) {
    on_spurious(session, in.opcode);
  } else if (command->needs_payload && in.text.empty()) {
    ++counters.drop_empty_payload;
    refuse(session, in.opcode, control::Refusal::kInvalid);
  } else if (command->of_session != nullptr) {
    (this->*command->of_session)(session, in);
  }
}

void Hub::Impl::refuse(Session& session, Opcode request, control::Refusal why) {
  if (session.is_sealed())
    send(session, Opcode::kRefused, 0, sealed::write_refusal({request, control::word_of(why)}));
}

void Hub::Impl::request_subscribe(Session& session, const Incoming& in) {
  follow(session, in, true);
}

void Hub::Impl::request_unsubscribe(Session& session, const Incoming& in) {
  follow(session, in, false);
}

void Hub::Impl::follow(Session& session, const Incoming& in, bool add) {
  if (!ClientId::parse(in.text)) {
    send(session, add ? Opcode::kSubscribeFailed : Opcode::kUnsubscribeFailed);
    return;
  }
  const PendingFollow pending_follow{session.id, add};
  const std::string target(in.text);
  const bool taken = add ? write(store::Follow{session.account(), target}, pending_follow)
                         : write(store::Unfollow{session.account(), target}, pending_follow);
  if (taken) return;
  ++counters.drop_busy_store;
  refuse(session, in.opcode, control::Refusal::kBusy);
}

void Hub::Impl::request_post(Session& session, const Incoming& in) {
  failpoint("post_received");
  if (!is_text(in.text)) {
    ++counters.drop_bad_text;
    refuse(session, in.opcode, control::Refusal::kInvalid);
    return;
  }
  if (!session.posts.take(config.posts_per_second, in.now.mono)) {
    ++counters.drop_post_rate;
    if (!std::exchange(session.post_rate_logged, true)) {
      log(LogLevel::kWarning,
          fmt::format("{} at {} posts faster than {} a second; what is too much is dropped",
                      session.record.name, to_string(address_of(session)),
                      config.posts_per_second));
    }
    refuse(session, in.opcode, control::Refusal::kLimit);
    return;
  }
  store::AppendPost post{session.account(), session.record.name, std::string(in.text)};
  if (!write(std::move(post), PendingPost{session.id})) {
    ++counters.drop_busy_store;
    refuse(session, in.opcode, control::Refusal::kBusy);
    return;
  }
  ++session.posts_asked;
  if (fault("reply_before_commit")) send(session, Opcode::kPostAck);
}

void Hub::Impl::request_forward_ack(Session& session, const Incoming& in) {
  if (session.unacknowledged.acknowledge(static_cast<std::uint32_t>(in.id))) {
    ++counters.forwards_acknowledged;
  } else {
    ++counters.forward_ack_unknown;
  }
}

void Hub::Impl::request_logout(Session& session, const Incoming& in) {
  const PendingLogout logout{in.from, session.token()};
  if (fault("logout_keeps_session")) {
    answer(logout.from, Opcode::kLogoutAck, logout.token);
    return;
  }
  // The session is over at once; the ack waits until a restart could not bring it back.
  if (!write(close_request(session), logout)) {
    ++counters.drop_busy_store;
    refuse(session, in.opcode, control::Refusal::kBusy);
    return;
  }
  end_session(session, Tell::kNobody, Forget::kAlreadyForgotten);
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
      fmt::format("session of {} at {} reset: unexpected opcode 0x{:02X} ({})", session.record.name,
                  to_string(address_of(session)), static_cast<unsigned>(opcode), name_of(opcode)));
  end_session(session, Tell::kClient, Forget::kStored, sealed::CloseReason::kProtocolError);
}

bool Hub::Impl::write(decltype(store::Request::body) body, Pending why) {
  if (pending_writes >= config.max_pending_writes) return false;
  const store::Tag tag = next_tag++;
  pending.emplace(tag, std::move(why));
  ++pending_writes;
  out.writes.push_back({tag, std::move(body)});
  return true;
}

void Hub::Impl::on_store_output(const store::Output& output, Now now) {
  if (const auto* reply = std::get_if<store::Reply>(&output)) {
    on_reply(*reply, now);
    return;
  }
  const auto& event = std::get<store::Event>(output);
  if (const auto* committed = std::get_if<store::PostCommitted>(&event)) {
    ++counters.posts_committed;
    forward(committed->post);
  } else if (const auto* added = std::get_if<store::FollowAdded>(&event)) {
    follows.add_follow(added->follower, added->followee, recent.newest());
  } else if (const auto* removed = std::get_if<store::FollowRemoved>(&event)) {
    follows.remove_follow(removed->follower, removed->followee);
  } else if (const auto* ended = std::get_if<store::SessionsEnded>(&event)) {
    const std::vector<Session*> all = sessions.of_account(ended->account);
    for (Session* session : all) {
      if (fault("disabled_stays_online")) break;
      log(LogLevel::kInfo, fmt::format("session of {} at {} ended by the administrator",
                                       session->record.name, to_string(address_of(*session))));
      end_session(*session, Tell::kClient, Forget::kAlreadyForgotten);
    }
  }
}

void Hub::Impl::on_reply(const store::Reply& reply, Now now) {
  auto found = pending.find(reply.tag);
  if (found == pending.end()) return;
  const Pending why = std::move(found->second);
  pending.erase(found);
  --pending_writes;
  if (!deferred_closes.empty() && write(deferred_closes.back(), PendingClose{})) {
    deferred_closes.pop_back();
  }
  const auto* refused = std::get_if<store::Refused>(&reply.body);
  if (refused != nullptr && store::is_store_failure(*refused)) {
    ++counters.drop_store_failed;
  }
  if (const auto* login = std::get_if<PendingLogin>(&why)) {
    on_open_reply(*login, reply, now);
  } else if (const auto* sealed_login = std::get_if<PendingSealedLogin>(&why)) {
    failpoint("session_stored");
    on_sealed_open_reply(*sealed_login, reply, now);
  } else if (const auto* post = std::get_if<PendingPost>(&why)) {
    on_post_reply(*post, reply);
  } else if (const auto* change = std::get_if<PendingFollow>(&why)) {
    on_follow_reply(*change, reply);
  } else if (const auto* logout = std::get_if<PendingLogout>(&why)) {
    on_logout_reply(*logout, reply);
  } else if (const auto* asked = std::get_if<PendingControl>(&why)) {
    control::Reply answer = control::Done{};
    if (refused != nullptr) answer = *refused;
    if (const auto* left = std::get_if<store::Progress>(&reply.body)) answer = *left;
    out.answers.push_back({asked->tag, std::move(answer)});
  }
}

void Hub::Impl::on_post_reply(const PendingPost& post, const store::Reply& reply) {
  Session* session = sessions.by_id(post.session);
  if (session == nullptr) return;
  ++session->posts_answered;
  const bool committed = std::holds_alternative<store::Posted>(reply.body);
  if ((committed || fault("failed_post_acknowledged")) && !fault("reply_before_commit")) {
    send(*session, Opcode::kPostAck);
    failpoint("ack_queued");
  } else if (const auto* refused = std::get_if<store::Refused>(&reply.body)) {
    refuse(*session, Opcode::kPost, refused->why);
  }
  release_forwards(*session);
}

void Hub::Impl::on_follow_reply(const PendingFollow& change, const store::Reply& reply) {
  Session* session = sessions.by_id(change.session);
  if (session == nullptr) return;
  const auto* refused = std::get_if<store::Refused>(&reply.body);
  // A disk that failed is no answer to the question; the classic framing has no word for it.
  if (refused != nullptr && store::is_store_failure(*refused)) {
    refuse(*session, change.add ? Opcode::kSubscribe : Opcode::kUnsubscribe, refused->why);
    return;
  }
  if (refused != nullptr && refused->why == control::Refusal::kLimit) {
    log(LogLevel::kWarning, fmt::format("{}: {}", session->record.name, refused->message));
  }
  if (change.add) {
    send(*session, refused == nullptr ? Opcode::kSubscribeOk : Opcode::kSubscribeFailed);
  } else {
    send(*session, refused == nullptr ? Opcode::kUnsubscribeOk : Opcode::kUnsubscribeFailed);
  }
}

void Hub::Impl::on_logout_reply(const PendingLogout& logout, const store::Reply& reply) {
  if (const auto* refused = std::get_if<store::Refused>(&reply.body)) {
    if (logout.from.link)
      answer(logout.from, Opcode::kRefused, 0,
             sealed::write_refusal({Opcode::kLogout, control::word_of(refused->why)}));
  } else {
    answer(logout.from, Opcode::kLogoutAck, logout.token);
  }
}

}  // namespace hub::server
