// Sealed delivery. A session is live: each due post goes into its connection as it is committed. Or
// it is behind, since its connection takes posts more slowly than they come: then nothing is queued
// for it. It reads pages of what it missed from the store, and is live again in the turn in which
// what it was served reaches the ring of recent posts. So there is no gap and no repeat at the
// seam: `served` says up to which post everything due was handed over, on both sides of it.
#include <algorithm>
#include <utility>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

/// What may be unacknowledged in the talk lane: above it a live session falls behind, and one that
/// is behind waits before it reads on.
constexpr std::size_t kLiveQueue = std::size_t{48} * 1024;
constexpr std::size_t kCatchUpQueue = std::size_t{16} * 1024;
/// Of retrieve replies in the bulk lane.
constexpr std::size_t kBulkQueue = std::size_t{32} * 1024;
constexpr std::chrono::seconds kReadAgain{1};

}  // namespace

void Hub::Impl::forward_sealed(Session& session, const store::Post& post,
                               std::string_view payload) {
  if ((session.behind && !fault("forward_while_behind")) || post.id <= session.served) return;
  const std::size_t queued = session.link->connection.channel().talk_queued_bytes();
  if (queued + payload.size() > kLiveQueue && !fault("slow_follower_queued")) {
    fall_behind(session, post.id - 1);
  } else {
    send_forward(session, post.id, payload);
  }
}

void Hub::Impl::fall_behind(Session& session, MessageId served) {
  ++counters.sessions_fell_behind;
  session.behind = true;
  session.served = served;
  links.touch(*session.link);
}

void Hub::Impl::continue_behind(Session& session, Now now) {
  if (session.reading) return;
  if (session.link->connection.channel().talk_queued_bytes() > kCatchUpQueue) return;
  if (recent.reaches(session.served) || fault("live_too_early")) {
    go_live(session);
    return;
  }
  session.reading =
      read(CatchUpJob{0, session.account(), session.served}, PendingCatchUp{session.id});
  if (session.reading) return;
  ++counters.drop_busy_reader;
  if (!fault("busy_reader_not_asked_again")) links.arm(*session.link, now.mono + kReadAgain);
}

void Hub::Impl::on_catch_up(const CatchUpRead& missed, Now now) {
  const auto asked = pending.find(missed.tag);
  if (asked == pending.end()) return;
  Session* session = sessions.by_id(std::get<PendingCatchUp>(asked->second).session);
  pending.erase(asked);
  --pending_reads;
  if (session == nullptr) return;
  session->reading = false;
  if (!missed.page) {
    ++counters.drop_store_failed;
    log(LogLevel::kError, "what a session missed cannot be read: " + missed.page.error().message);
    links.arm(*session->link, now.mono + kReadAgain);
    return;
  }
  ++counters.catch_up_pages;
  // The page may be newer than the follow index; up to the newest post that came through the stream
  // the index is the judge, so that who unfollowed meanwhile gets nothing more.
  const MessageId up_to = std::min(missed.page->up_to, recent.newest());
  const Followed followed = followed_by(session->account());
  for (const store::Post& post : missed.page->posts) {
    const bool is_due = followed.is_due(post.author, post.id) || fault("unfollowed_caught_up");
    const bool is_skipped = fault("catch_up_skips_one") && &post == &missed.page->posts.back();
    if (post.id > up_to || !is_due || is_skipped) continue;
    send_forward(*session, post.id, format_post(post.author_name, post.text));
  }
  session->served = std::max(session->served, up_to);
  links.touch(*session->link);
}

Hub::Impl::Followed Hub::Impl::followed_by(AccountId account) const {
  Followed followed;
  for (const auto& followee : follows.followees(account)) {
    followed.since.emplace(followee.account, followee.since);
  }
  return followed;
}

void Hub::Impl::go_live(Session& session) {
  const Followed followed = followed_by(session.account());
  for (const RecentPosts::Entry& post : recent.entries()) {
    if (post.id <= session.served || !followed.is_due(post.author, post.id)) continue;
    if (session.link->connection.channel().talk_queued_bytes() > kCatchUpQueue) return;
    send_forward(session, post.id, post.payload);
    session.served = post.id;
  }
  session.served = std::max(session.served, recent.newest());
  session.behind = false;
}

/// Each run of retrieve replies is a stream of its own in the bulk lane.
void Hub::Impl::stream_retrieve(Session& session, const RetrievePage& page) {
  Link& link = *session.link;
  if (link.streams == nullptr) link.streams = std::make_unique<std::deque<RetrieveStream>>();
  link.streams->push_back({link.connection.channel().open_bulk(), *page.posts, 0});
  links.touch(link);
}

void Hub::Impl::feed_streams(Link& link) {
  channel::Channel& channel = link.connection.channel();
  const auto send_bulk = [&](const RetrieveStream& run, const sealed::Message& message, bool last) {
    return channel.send_bulk(run.stream, sealed::write_message(message), last);
  };
  while (!link.streams->empty() && channel.bulk_queued_bytes() < kBulkQueue) {
    RetrieveStream& run = link.streams->front();
    if (run.next < run.posts.size()) {
      const store::Post& post = run.posts[run.next];
      const std::string payload = format_post(post.author_name, post.text);
      if (!send_bulk(run, {Opcode::kRetrieveAck, post.id, payload}, false)) return;
      ++run.next;
    } else {
      if (!send_bulk(run, {Opcode::kRetrieveEnd, 0, {}}, true)) return;
      ++counters.retrieves_served;
      link.streams->pop_front();
    }
  }
  if (link.streams->empty()) link.streams.reset();
}

/// Nobody is there to read them any more. The connection goes on, and a stream that is not ended
/// would keep its place in it.
void Hub::Impl::end_streams(Link& link) {
  if (link.streams == nullptr) return;
  const auto unread = std::exchange(link.streams, nullptr);
  if (link.connection.is_closed() || fault("streams_not_ended")) return;
  for (const RetrieveStream& run : *unread) {
    const auto end = sealed::write_message({Opcode::kRetrieveEnd, 0, {}});
    if (!link.connection.channel().send_bulk(run.stream, end, true)) {
      ++counters.connections_overrun;
      close_link(link, sealed::CloseReason::kBusy);
      return;
    }
  }
}

}  // namespace hub::server
