#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

control::Refused busy() {
  return {control::Refusal::kBusy, "the hub has too much to do just now; try again"};
}

}  // namespace

void Hub::Impl::on_control(ControlTag tag, const control::Command& command, Now now) {
  std::visit(
      [&](const auto& asked) {
        using T = std::decay_t<decltype(asked)>;
        if constexpr (std::is_same_v<T, control::ListSessions>) {
          out.answers.push_back({tag, session_page(asked.after, now)});
        } else if constexpr (std::is_same_v<T, control::Stats>) {
          out.answers.push_back({tag, figures()});
        } else if constexpr (std::is_same_v<T, control::ReloadKeys>) {
          if (!read(KeysJob{}, PendingControl{tag})) out.answers.push_back({tag, busy()});
        } else if (!write(asked, PendingControl{tag})) {
          ++counters.drop_busy_store;
          out.answers.push_back({tag, busy()});
        }
      },
      command);
}

void Hub::Impl::on_keys(const KeysRead& read_keys) {
  const auto asked = pending.find(read_keys.tag);
  if (asked == pending.end()) return;
  const ControlTag tag = std::get<PendingControl>(asked->second).tag;
  pending.erase(asked);
  --pending_reads;
  if (!read_keys.keys) {
    out.answers.push_back({tag, control::Refused{control::Refusal::kInvalid, read_keys.error}});
    return;
  }
  keys = *read_keys.keys;
  if (fault("second_key_refused")) keys.accepted.resize(1);
  responder.set_keys(keys.accepted);
  log(LogLevel::kInfo, keys.accepted.size() > 1 ? "the hub's keys were read again: two are valid"
                                                : "the hub's key was read again");
  out.answers.push_back({tag, control::Done{}});
}

control::SessionPage Hub::Impl::session_page(std::uint64_t after, Now now) const {
  control::SessionPage page;
  for (const Session* session : sessions.page(after, kControlPageRows)) {
    control::SessionRow row;
    row.account = session->name;
    row.state = name_of(session->state());
    row.framing = session->framing() == Framing::kClassic ? "classic" : "sealed";
    row.address = to_string(address_of(*session));
    row.online_since = session->online_since;
    row.last_active = std::chrono::time_point_cast<WallTime::duration>(
        now.wall - (now.mono - session->last_active));
    row.unacknowledged = session->unacknowledged.size();
    page.rows.push_back(std::move(row));
    page.next = session->id;
  }
  if (page.rows.size() < kControlPageRows) page.next.reset();
  return page;
}

/// Each change is said once, not with each request that it concerns.
void Hub::Impl::on_store_health(const store::Health& now_is) {
  using Writing = store::Health::Writing;
  if (now_is.writing != health.writing && !fault("full_disk_not_logged")) {
    log(now_is.writing == Writing::kFailed  ? LogLevel::kError
        : now_is.writing == Writing::kTight ? LogLevel::kWarning
                                            : LogLevel::kInfo,
        now_is.said);
  }
  if (now_is.log_is_long != health.log_is_long) {
    log(now_is.log_is_long ? LogLevel::kWarning : LogLevel::kInfo,
        now_is.log_is_long
            ? fmt::format("the database's log has grown to {} MiB: a reader keeps it from being "
                          "written back, such as a backup or somebody's own sqlite3",
                          now_is.log_bytes >> 20)
            : std::string("the database's log is written back again"));
  }
  health = now_is;
}

control::Figures Hub::Impl::figures() const {
  control::Figures out_figures;
  const auto add = [&](std::string_view name, std::uint64_t value) {
    out_figures.numbers.emplace_back(name, static_cast<std::int64_t>(value));
  };
  // Gauges: what is there now.
  add("sessions", sessions.size());
  add("follows_of_online_accounts", follows.follows());
  add("pending_writes", pending_writes);
  add("pending_logins", pending_checks);
  add("pending_reads", pending_reads);
  add("connections", links.size());
  add("half_open_handshakes", responder.half_open());
  add("paused_retrieve_runs", paused_runs.size());
  add("logins_under_way", attempts.size());
  add("devices_away", away.size());
  add("disk_tight", health.writing == store::Health::Writing::kTight ? 1 : 0);
  add("store_failed", health.writing == store::Health::Writing::kFailed ? 1 : 0);
  add("disk_reserve_bytes", health.reserve_bytes);
  add("wal_bytes", health.log_bytes);
  // What the store counts itself.
  add("requests_refused_disk_full", health.refused);
  add("wal_checkpoints", health.checkpoints);
  add("wal_checkpoints_blocked", health.checkpoints_blocked);
  for_each_counter(counters, add);
  return out_figures;
}

}  // namespace hub::server
