// After a restart. The newest posts are in memory as before. Classic sessions go on. The keys of
// sealed connections are gone with the process: each of their clients is told by a stateless reset
// at the address where it was last, so that even one that only listens comes back at once. A
// datagram may be lost, so who is still away is told again, twice. All at a pace at which they can
// come back, and how ever many of them share an address: so many are let in beyond the limits that
// strangers have.
//
// What the store has of such a session stays until its device is back (its new session takes the
// place) or the session timeout has passed: another restart in between has to know of it.
#include <algorithm>

#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

constexpr std::chrono::milliseconds kResetPause{10};
constexpr int kResetsATurn = 40;  // 10,000 in 2.5 s
constexpr int kResetRounds = 3;
constexpr std::chrono::seconds kResetRound{1};
constexpr std::size_t kForgetsATurn = 64;
constexpr std::uint32_t kHellosEach = 2;  // expected of a device: the first may fail

}  // namespace

void Hub::Impl::restore(const RestoredHistory& history) {
  recent.start_at(history.newest, history.end.is_all);
  for (const store::HistoryPost& each : history.end.posts) {
    channel::Payload message;
    if (!each.is_deleted) message = forward_of(each.post);
    recent.add(fault("hidden_posts_restored_as_shown") ? store::HistoryPost{each.post} : each,
               std::move(message));
  }
}

void Hub::Impl::restore(std::span<const RestoredSession> stored, Now now) {
  for (const RestoredSession& each : stored) {
    if (fault("restart_forgets_sessions")) break;
    const store::StoredSession& record = each.session;
    if (record.framing == Framing::kSealed) {
      restore_sealed(record, now);
      continue;
    }
    if (sessions.by_token(static_cast<Token>(record.token)) != nullptr ||
        sessions.classic_of(record.account) != nullptr) {
      continue;  // the store's keys forbid both
    }
    sessions.add(record, now);
    follows.add_account(record.account, each.followees);
  }
}

void Hub::Impl::restore_sealed(const store::StoredSession& record, Now now) {
  away_until = now.mono + config.session_timeout;
  reset_round = now.mono;
  const AwayDevice device{record.account, record.token, Path{record.local, record.remote}, 0};
  if (away.emplace(record.device, device).second) {
    const IpAddress prefix = record.remote.ip.prefix();
    resets_due.push_back(record.device);
    ++away_by_prefix[prefix];
    if (!fault("nobody_expected_back")) responder.expect(prefix, kHellosEach);
  }
  if (fault("row_forgotten_at_restart")) {
    close_stored({record.account, record.token, Framing::kSealed});
  }
}

void Hub::Impl::send_paced_resets(Now now) {
  if (resets_due.empty() || now.mono < next_reset) return;
  for (int i = 0; i < kResetsATurn && !resets_due.empty();) {
    const store::DeviceNumber number = resets_due.front();
    resets_due.pop_front();
    const auto device = away.find(number);
    if (device == away.end()) continue;  // back already
    send_reset(device->second.path, device->second.link);
    if (++device->second.resets < kResetRounds && !fault("reset_sent_once")) {
      resets_again.push_back(number);
    }
    ++i;
  }
  next_reset = now.mono + kResetPause;
  if (!resets_due.empty() || resets_again.empty()) return;
  resets_due.swap(resets_again);
  next_reset = std::max(next_reset, reset_round + kResetRound);
  reset_round = next_reset;
}

void Hub::Impl::came_back(store::DeviceNumber number) {
  const auto device = away.find(number);
  if (device == away.end()) return;
  const auto prefix = away_by_prefix.find(device->second.path.remote.ip.prefix());
  if (--prefix->second == 0) away_by_prefix.erase(prefix);
  away.erase(device);
  if (away.empty()) responder.expect_nobody();
}

/// Who is not back by now would have timed out.
void Hub::Impl::forget_away(Now now) {
  if (now.mono < away_until) return;
  for (std::size_t i = 0; i < kForgetsATurn && !away.empty(); ++i) {
    const auto& [number, device] = *away.begin();
    close_stored({device.account, device.link, Framing::kSealed});
    came_back(number);
  }
  away_until = now.mono + kResetPause;
}

std::size_t Hub::Impl::away_of(const IpAddress& prefix) const {
  const auto found = away_by_prefix.find(prefix);
  return found != away_by_prefix.end() ? found->second : 0;
}

}  // namespace hub::server
