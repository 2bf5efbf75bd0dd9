#include <algorithm>
#include <utility>

#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

SessionTraffic& traffic_of(Session& session) {
  auto& traffic = session.classic->traffic;
  if (traffic == nullptr) traffic = std::make_unique<SessionTraffic>();
  return *traffic;
}

void drop_idle_traffic(Session& session) {
  auto& traffic = session.classic->traffic;
  if (traffic != nullptr && traffic->idle()) traffic.reset();
}

}  // namespace

void Hub::Impl::forward(const store::Post& post) {
  const auto followers = follows.online_followers(post.author);
  const channel::Payload message = forward_of(post);
  recent.add(post, message);
  const std::string_view payload = sealed::read_message(message.bytes())->payload;
  if (fault("forward_to_non_follower")) {
    for (Session* session : sessions.page(0, sessions.size())) {
      if (session->is_sealed()) {
        send_forward(*session, post.id, message);
      } else {
        send_forward(*session, post.id, payload);
      }
    }
    return;
  }
  for (const AccountId follower : followers) {
    for (Session* session : sessions.of_account(follower)) {
      if (fault("stalled_follower_holds_others") && session->behind) return;
      if (session->is_sealed()) {
        forward_sealed(*session, post.id, message);
      } else if (session->classic->holds_forwards() && !fault("forward_not_held")) {
        hold_forward(*session, post.id, payload);
      } else {
        send_forward(*session, post.id, payload);
      }
    }
  }
}

void Hub::Impl::send_forward(Session& session, MessageId id, std::string_view payload) {
  note_forward(session, id);
  send(session, Opcode::kForward, id, payload);
  failpoint("forward_queued");
}

void Hub::Impl::send_forward(Session& session, MessageId id, channel::Payload message) {
  note_forward(session, id);
  send_talk(*session.link, std::move(message));
  failpoint("forward_queued");
}

void Hub::Impl::note_forward(Session& session, MessageId id) {
  if (!session.unacknowledged.add(id, config.max_unacknowledged)) ++counters.forward_forgotten;
  ++counters.forwards_sent;
  session.sent = std::max(session.sent, id);
}

void Hub::Impl::hold_forward(Session& session, MessageId id, std::string_view payload) {
  SessionTraffic& traffic = traffic_of(session);
  if (traffic.held.size() >= config.max_pending_forwards) {
    ++counters.drop_pending_forward;
    return;
  }
  traffic.held.push_back({id, std::string(payload), session.classic->posts_asked});
}

void Hub::Impl::release_forwards(Session& session) {
  if (session.is_sealed() || session.classic->traffic == nullptr) return;
  const ClassicSide& classic = *session.classic;
  auto& held = classic.traffic->held;
  while (!held.empty() && !classic.retrieving() &&
         held.front().after_posts <= classic.posts_answered) {
    if (recent.may_show(held.front().id) || fault("taken_back_posts_released")) {
      send_forward(session, held.front().id, held.front().payload);
    }
    held.pop_front();
  }
  drop_idle_traffic(session);
}

void Hub::Impl::request_retrieve(Session& session, const Incoming& in) {
  if (session.is_sealed()) {
    request_stream(session, in);
    return;
  }
  SessionTraffic& traffic = traffic_of(session);
  const bool is_first = !traffic.retrieving();
  const std::size_t under_way = traffic.waiting.size() + (traffic.run ? 1 : 0);
  if (under_way >= kMaxRetrieves && !fault("retrieves_unbounded")) {
    ++counters.drop_retrieve_queue;
    return;
  }
  traffic.waiting.push_back(in.range.count);
  if (is_first) start_retrieve(session);
}

/// Begins the first waiting retrieve: asks the reader, or ends it at once where n is 0.
void Hub::Impl::start_retrieve(Session& session) {
  SessionTraffic& traffic = traffic_of(session);
  while (!traffic.waiting.empty()) {
    const std::uint32_t n = traffic.waiting.front();
    if (n > 0 && read(RetrieveJob{0, session.account, n, 0}, PendingRetrieve{session.id})) {
      return;
    }
    traffic.waiting.pop_front();
    if (n > 0) {
      ++counters.drop_busy_reader;
    } else {
      send(session, Opcode::kRetrieveEnd);
      ++counters.retrieves_served;
    }
  }
  release_forwards(session);
}

void Hub::Impl::on_retrieve_page(const RetrievePage& page, Now now) {
  auto found = pending.find(page.tag);
  if (found == pending.end()) return;
  Session* session = sessions.by_id(std::get<PendingRetrieve>(found->second).session);
  pending.erase(found);
  --pending_reads;
  if (session == nullptr) return;
  if (!page.posts) {
    ++counters.drop_store_failed;
    log(LogLevel::kError, "a retrieve could not be read: " + page.posts.error().message);
  }
  if (session->is_sealed()) {
    on_sealed_page(*session, page, now);
  } else {
    on_classic_page(*session, page, now);
  }
}

void Hub::Impl::on_classic_page(Session& session, const RetrievePage& page, Now now) {
  SessionTraffic& traffic = traffic_of(session);
  if (!traffic.waiting.empty()) traffic.waiting.pop_front();
  if (!page.posts) {
    start_retrieve(session);
    return;
  }
  traffic.run = RetrieveRun{*page.posts, 0};
  continue_run(session, now);
}

void Hub::Impl::continue_run(Session& session, Now now) {
  if (session.classic->traffic == nullptr || !session.classic->traffic->run) return;
  RetrieveRun& run = *session.classic->traffic->run;
  const std::size_t end = std::min(run.posts.size(), run.next + kRetrieveBurst);
  for (; run.next < end; ++run.next) {
    const store::Post& post = run.posts[run.next];
    send(session, Opcode::kRetrieveAck, post.id, format_post(post.author_name, post.text));
  }
  if (run.next < run.posts.size()) {
    paused_runs.push_back({now.mono + kRetrievePause, session.id});
  } else {
    finish_run(session);
  }
}

void Hub::Impl::finish_run(Session& session) {
  const bool full_page = session.classic->traffic->run->posts.size() >= kClassicMaxRetrieve;
  session.classic->traffic->run.reset();
  if (!(full_page && fault("full_retrieve_has_no_end"))) send(session, Opcode::kRetrieveEnd);
  if (fault("retrieve_ends_twice")) send(session, Opcode::kRetrieveEnd);
  ++counters.retrieves_served;
  start_retrieve(session);
}

}  // namespace hub::server
