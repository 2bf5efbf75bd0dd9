// Sealed delivery. A session is live: each due post goes into its connection as it is committed. Or
// it is behind, since its connection takes posts more slowly than they come: then nothing is queued
// for it. It reads pages of what it missed from the store, and is live again in the turn in which
// what it was served reaches the recent posts in memory. So there is no gap and no repeat at the
// seam: `served` says up to which post everything due was handed over, on both sides of it. What is
// deleted or disabled before it was handed over is not due any more, on both sides too.
//
// One that comes back with a mark begins behind. Where much lies above the mark it is counted
// first: of more than kMaxCatchUp due posts the older ones are left out, and the client is told how
// many before anything is forwarded. What is left out was handed over so: `served` moves there.
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
constexpr std::chrono::seconds kReadAgain{1};

}  // namespace

void Hub::Impl::forward_sealed(Session& session, MessageId id, const channel::Payload& message) {
  if ((session.behind && !fault("forward_while_behind")) || id <= session.served) return;
  const std::size_t queued = session.link->connection.channel().talk_queued_bytes();
  if (queued + message.size() > kLiveQueue && !fault("slow_follower_queued")) {
    fall_behind(session, id - 1);
  } else {
    send_forward(session, id, message);
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
  const PendingCatchUp why{session.id, {}};
  if (session.must_count) {
    session.reading = read(BacklogJob{0, session.account, session.served}, why);
  } else if (recent.reaches(session.served) || fault("live_too_early")) {
    go_live(session);
    return;
  } else {
    session.reading = read(CatchUpJob{0, session.account, session.served}, why);
  }
  if (session.reading) return;
  ++counters.drop_busy_reader;
  if (!fault("busy_reader_not_asked_again")) links.arm(*session.link, now.mono + kReadAgain);
}

Session* Hub::Impl::take_catch_up(store::Tag tag, std::vector<TakenBack>* taken_back) {
  const auto asked = pending.find(tag);
  if (asked == pending.end()) return nullptr;
  auto& why = std::get<PendingCatchUp>(asked->second);
  Session* session = sessions.by_id(why.session);
  if (taken_back != nullptr) *taken_back = std::move(why.taken_back);
  pending.erase(asked);
  --pending_reads;
  if (session != nullptr) session->reading = false;
  return session;
}

void Hub::Impl::on_backlog(const BacklogRead& counted, Now now) {
  Session* session = take_catch_up(counted.tag);
  if (session == nullptr) return;
  if (!counted.backlog) {
    ++counters.drop_store_failed;
    log(LogLevel::kError,
        "what a session missed cannot be counted: " + counted.backlog.error().message);
    if (fault("failed_count_skipped")) session->must_count = false;
    links.arm(*session->link, now.mono + kReadAgain);
    return;
  }
  session->must_count = false;
  const store::Backlog& backlog = *counted.backlog;
  if (backlog.left_out > 0 && !fault("backlog_not_told")) {
    ++counters.catch_ups_cut;
    send(*session, Opcode::kEarlierPosts, backlog.from,
         sealed::write_earlier_posts({backlog.left_out, backlog.more}));
    session->sent = std::max(session->sent, backlog.from);
  }
  session->served = std::max(session->served, backlog.from);
  links.touch(*session->link);
}

void Hub::Impl::on_catch_up(const CatchUpRead& missed, Now now) {
  std::vector<TakenBack> taken_back;
  Session* session = take_catch_up(missed.tag, &taken_back);
  if (session == nullptr) return;
  if (!missed.page) {
    ++counters.drop_store_failed;
    log(LogLevel::kError, "what a session missed cannot be read: " + missed.page.error().message);
    links.arm(*session->link, now.mono + kReadAgain);
    return;
  }
  ++counters.catch_up_pages;
  // The page may be newer than the follow index; up to the newest post that came through the stream
  // the index is the judge, so that who unfollowed meanwhile gets nothing more.
  const MessageId read_up_to =
      fault("page_of_older_snapshot") ? recent.newest() : missed.page->up_to;
  const MessageId up_to = std::min(read_up_to, recent.newest());
  const Followed followed = followed_by(session->account);
  for (const store::Post& post : missed.page->posts) {
    const bool is_due = followed.is_due(post.author, post.id) || fault("unfollowed_caught_up");
    const bool is_skipped = fault("catch_up_skips_one") && &post == &missed.page->posts.back();
    const bool is_gone =
        std::any_of(taken_back.begin(), taken_back.end(),
                    [&](const TakenBack& what) { return what.covers(post.author, post.id); });
    if (post.id > up_to || !is_due || is_skipped || is_gone) continue;
    send_forward(*session, post.id, forward_of(post));
  }
  session->served = std::max(session->served, up_to);
  links.touch(*session->link);
}

void Hub::Impl::take_back(const TakenBack& what, bool for_ever) {
  if (for_ever) {
    recent.erase(what);
  } else {
    recent.hide(what.author, true);
  }
  if (fault("page_under_way_served")) return;
  for (auto& [tag, why] : pending) {
    if (auto* page = std::get_if<PendingCatchUp>(&why)) page->taken_back.push_back(what);
  }
}

Hub::Impl::Followed Hub::Impl::followed_by(AccountId account) const {
  Followed followed;
  for (const auto& followee : follows.followees(account)) {
    followed.since.emplace(followee.account, followee.since);
  }
  return followed;
}

void Hub::Impl::go_live(Session& session) {
  const Followed followed = followed_by(session.account);
  for (auto it = recent.above(session.served); it != recent.end(); ++it) {
    const RecentPosts::Entry& post = *it;
    if (!followed.is_due(post.author, post.id) || !post.is_shown()) continue;
    if (session.link->connection.channel().talk_queued_bytes() > kCatchUpQueue) return;
    send_forward(session, post.id, post.message);
    session.served = post.id;
  }
  session.served = std::max(session.served, recent.newest());
  session.behind = false;
}

}  // namespace hub::server
