// What the store learns lazily of a sealed session: up to which post its client has shown what it
// was sent, where it is, and that somebody uses it. The client keeps its mark itself; the store's
// copy serves one that lost it, a reset after a restart goes to the address, and of devices that
// are all online the one used least recently makes room for another (so that is told before a login
// too). So once a minute is enough, in small portions, and only where there is news: keep-alives
// are none. A session's end takes the mark along (close_request()).
#include <algorithm>

#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

constexpr std::chrono::minutes kSaveInterval{1};
constexpr int kSavesATurn = 64;
constexpr std::chrono::milliseconds kSavePause{10};
constexpr std::chrono::seconds kSaveAgain{1};  // where the store's inbox is full

bool has_news(const Session& session) {
  return session.mark > session.saved_mark || session.link->connection.has_moved() ||
         (session.has_asked && !fault("used_device_not_saved"));
}

}  // namespace

void Hub::Impl::on_mark(Link& link, Now now) {
  const auto mark = link.connection.take_mark();
  if (link.session == nullptr) return;
  if (mark) note_shown(*link.session, *mark, now);
  note_progress(*link.session, now);
}

/// A forward ack of this framing: everything up to it was shown. It says nothing of what was not
/// sent; a mark of the session before, on the same connection, may come late.
void Hub::Impl::note_shown(Session& session, MessageId up_to, Now now) {
  counters.forwards_acknowledged += session.unacknowledged.acknowledge_up_to(up_to);
  session.mark = std::max(session.mark, std::min(up_to, session.sent));
  note_progress(session, now);
}

void Hub::Impl::note_progress(Session& session, Now now) {
  if (session.save_queued || !has_news(session) || fault("mark_not_saved")) return;
  session.save_queued = true;
  saves_due.push_back({now.mono + kSaveInterval, session.id});
}

void Hub::Impl::note_asked(Session& session, Now now) {
  if (!session.is_sealed()) return;
  session.has_asked = true;
  note_progress(session, now);
}

bool Hub::Impl::save(Session& session) {
  if (!session.is_sealed() || !has_news(session)) return true;
  sealed::Connection& connection = session.link->connection;
  // A path that is not proven yet may be anybody's.
  const Path& path = connection.proven_path();
  const store::SaveProgress news{session.account, connection.id(), session.mark, path.remote,
                                 path.local};
  if (!write(news, PendingProgress{})) return false;
  if (!fault("move_saved_for_ever")) connection.settle_move();
  session.saved_mark = std::max(session.saved_mark, session.mark);
  session.has_asked = false;
  ++counters.progress_saved;
  return true;
}

void Hub::Impl::save_progress(Now now) {
  if (now.mono < next_save) return;
  int saved = 0;
  while (saved < kSavesATurn && !saves_due.empty() && saves_due.front().at <= now.mono) {
    Session* session = sessions.by_id(saves_due.front().session);
    if (session != nullptr && has_news(*session)) {
      if (!save(*session)) {
        next_save = now.mono + kSaveAgain;
        return;
      }
      ++saved;
    }
    if (session != nullptr) session->save_queued = false;
    saves_due.pop_front();
  }
  if (saved == kSavesATurn) next_save = now.mono + kSavePause;
}

std::optional<TimePoint> Hub::Impl::next_save_at() const {
  if (saves_due.empty()) return std::nullopt;
  return std::max(saves_due.front().at, next_save);
}

}  // namespace hub::server
