// What the store says, in the order of its stream: replies to what was asked of it, and events that
// became true for everybody.
#include <utility>

#include <fmt/format.h>

#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

void Hub::Impl::on_store_output(const store::Output& output, Now now) {
  if (const auto* reply = std::get_if<store::Reply>(&output)) {
    on_reply(*reply, now);
  } else {
    on_event(std::get<store::Event>(output));
  }
}

void Hub::Impl::on_event(const store::Event& event) {
  if (const auto* committed = std::get_if<store::PostCommitted>(&event)) {
    ++counters.posts_committed;
    forward(committed->post);
  } else if (const auto* added = std::get_if<store::FollowAdded>(&event)) {
    follows.add_follow(added->follower, added->followee, recent.newest());
  } else if (const auto* removed = std::get_if<store::FollowRemoved>(&event)) {
    follows.remove_follow(removed->follower, removed->followee);
  } else if (const auto* ended = std::get_if<store::SessionsEnded>(&event)) {
    on_sessions_ended(ended->account);
  } else if (const auto* device = std::get_if<store::DeviceEnded>(&event)) {
    on_device_ended(*device);
  } else if (!fault("taken_back_posts_served")) {
    on_taken_back(event);
  }
}

void Hub::Impl::on_taken_back(const store::Event& event) {
  if (const auto* post = std::get_if<store::PostDeleted>(&event)) {
    take_back({post->post, post->post, 0}, true);
  } else if (const auto* posts = std::get_if<store::PostsDeleted>(&event)) {
    take_back({posts->above + 1, ~MessageId{0}, posts->author}, true);
  } else if (const auto* hidden = std::get_if<store::PostsHidden>(&event)) {
    take_back({0, ~MessageId{0}, hidden->author}, false);
  } else if (const auto* shown = std::get_if<store::PostsShown>(&event)) {
    if (!fault("enabled_author_stays_hidden")) recent.hide(shown->author, false);
  }
}

void Hub::Impl::on_sessions_ended(AccountId account) {
  void_logins(account);
  std::vector<Session*> all;
  for (Session* session : sessions.of_account(account)) all.push_back(session);
  for (Session* session : all) {
    if (fault("disabled_stays_online")) break;
    log(LogLevel::kInfo, fmt::format("session of {} at {} ended by the administrator",
                                     session->name, to_string(address_of(*session))));
    end_session(*session, Tell::kClient, Forget::kAlreadyForgotten);
  }
}

void Hub::Impl::on_device_ended(const store::DeviceEnded& ended) {
  Session* session = sessions.of_device(ended.account, ended.device);
  if (session == nullptr || fault("device_end_keeps_session")) return;
  if (ended.replaced) ++counters.sessions_replaced;
  log(LogLevel::kInfo,
      fmt::format("session of {} at {} ended: {}", session->name, to_string(address_of(*session)),
                  ended.replaced ? "the account has too many devices" : "its device is forgotten"));
  end_session(*session, Tell::kClient, Forget::kAlreadyForgotten,
              ended.replaced ? sealed::CloseReason::kReplaced : sealed::CloseReason::kEnded);
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
    if (refused->why == control::Refusal::kStoreFailed && !store_failed_at) {
      store_failed_at = now.mono;
    }
  }
  if (const auto* login = std::get_if<PendingLogin>(&why)) {
    on_open_reply(*login, reply, now);
  } else if (const auto* sealed_login = std::get_if<PendingSealedLogin>(&why)) {
    failpoint("session_stored");
    on_sealed_open_reply(*sealed_login, reply, now);
  } else if (const auto* post = std::get_if<PendingPost>(&why)) {
    on_post_reply(*post, reply, now);
  } else if (const auto* change = std::get_if<PendingFollow>(&why)) {
    on_follow_reply(*change, reply, now);
  } else if (const auto* logout = std::get_if<PendingLogout>(&why)) {
    on_logout_reply(*logout, reply, now);
  } else if (const auto* asked = std::get_if<PendingControl>(&why)) {
    control::Reply answer = control::Done{};
    if (refused != nullptr) answer = *refused;
    if (const auto* left = std::get_if<store::Progress>(&reply.body)) answer = *left;
    out.answers.push_back({asked->tag, std::move(answer)});
  }
}

void Hub::Impl::on_post_reply(const PendingPost& post, const store::Reply& reply, Now now) {
  Session* session = sessions.by_id(post.session);
  if (session == nullptr) return;
  if (!session->is_sealed()) ++session->classic->posts_answered;
  const std::uint64_t number = fault("ack_number_missing") ? 0 : post.number;
  const bool committed = std::holds_alternative<store::Posted>(reply.body);
  if ((committed || fault("failed_post_acknowledged")) && !fault("reply_before_commit")) {
    send(*session, Opcode::kPostAck, number);
    failpoint("ack_queued");
  } else if (const auto* refused = std::get_if<store::Refused>(&reply.body)) {
    tell_refusal(*session, Opcode::kPost, *refused, number, now);
  } else if (const auto* repeated = std::get_if<store::Repeated>(&reply.body)) {
    // Of a post there is no failure that is an answer.
    answer_repeat(*session, Opcode::kPost, *repeated, Opcode::kPostAck, Opcode::kPostAck, number);
  }
  release_forwards(*session);
}

void Hub::Impl::on_follow_reply(const PendingFollow& change, const store::Reply& reply, Now now) {
  Session* session = sessions.by_id(change.session);
  if (session == nullptr) return;
  const Opcode asked = change.add ? Opcode::kSubscribe : Opcode::kUnsubscribe;
  const Opcode ok = change.add ? Opcode::kSubscribeOk : Opcode::kUnsubscribeOk;
  const Opcode failed = change.add ? Opcode::kSubscribeFailed : Opcode::kUnsubscribeFailed;
  const auto* refused = std::get_if<store::Refused>(&reply.body);
  // A disk that failed is no answer to the question; the classic framing has no word for it.
  if (refused != nullptr && store::is_store_failure(*refused)) {
    tell_refusal(*session, asked, *refused, change.number, now);
    return;
  }
  if (const auto* repeated = std::get_if<store::Repeated>(&reply.body)) {
    answer_repeat(*session, asked, *repeated, ok, failed, change.number);
    return;
  }
  if (refused != nullptr && refused->why == control::Refusal::kLimit) {
    log(LogLevel::kWarning, fmt::format("{}: {}", session->name, refused->message));
  }
  send(*session, refused == nullptr ? ok : failed, change.number);
}

/// Of what was in the batch that met a failing disk nobody knows (store.hpp).
bool Hub::Impl::may_be_there(const store::Refused& refused, Now now) const {
  return refused.why == control::Refusal::kStoreFailed && store_failed_at == now.mono;
}

/// Who is told "refused" may rely on it that nothing was done. That cannot be said of a repeat, nor
/// of what may turn out to be there. Such a client has to come back and ask again.
void Hub::Impl::tell_refusal(Session& session, Opcode request, const store::Refused& refused,
                             std::uint64_t number, Now now) {
  const bool is_sure = !may_be_there(refused, now) && !is_repeat(session, number);
  if (number == 0 || is_sure || fault("unsure_is_refused")) {
    refuse(session, request, refused.why, number);
    return;
  }
  ++counters.connections_busy;
  close_link(*session.link, sealed::CloseReason::kBusy);
}

void Hub::Impl::answer_repeat(Session& session, Opcode request, const store::Repeated& repeated,
                              Opcode ok, Opcode failed, std::uint64_t number) {
  using Outcome = store::Repeated::Outcome;
  ++counters.requests_repeated;
  const bool any_is_ok = fault("every_repeat_is_ok");
  switch (any_is_ok ? Outcome::kOk : repeated.outcome) {
    case Outcome::kOk:
      send(session, ok, number);
      break;
    case Outcome::kFailed:
      send(session, failed, number);
      break;
    case Outcome::kRefused:
      refuse(session, request, "refused", number);
      break;
    case Outcome::kForgotten:
      refuse(session, request, "forgotten", number);
      break;
  }
}

/// The session ends when the store has forgotten it, and goes on where it has not: at both ends.
void Hub::Impl::on_logout_reply(const PendingLogout& logout, const store::Reply& reply, Now now) {
  Session* session = sessions.by_id(logout.session);
  if (session == nullptr) return;  // it ended otherwise meanwhile, and its client was told so
  const auto* refused = std::get_if<store::Refused>(&reply.body);
  if (refused == nullptr) {
    const Token token = session->token();
    end_session(*session, Tell::kNobody, Forget::kAlreadyForgotten);
    answer(logout.from, Opcode::kLogoutAck, token);
    return;
  }
  session->leaving = false;
  if (session->is_sealed() && may_be_there(*refused, now) && !fault("unsure_is_refused")) {
    // Its client comes back with the resume key, and learns after the restart whether that is gone.
    ++counters.connections_busy;
    close_link(*session->link, sealed::CloseReason::kBusy);
  } else {
    refuse(*session, Opcode::kLogout, refused->why, 0);
  }
}

}  // namespace hub::server
