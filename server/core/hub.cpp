#include "server/core/hub.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "protocol/deadline.hpp"
#include "protocol/fault.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

constexpr std::size_t kRateSlots = 4096;
/// Hellos a second against those that one prefix may send without a cookie: with one, from one
/// prefix; and without one, from all prefixes together; and cookies given to one prefix.
constexpr std::uint32_t kProvenHellos = 10;
constexpr std::uint32_t kCalmHellos = 20;
constexpr std::uint32_t kCookies = 80;

sealed::ResponderConfig responder_config(const HubConfig& config) {
  sealed::ResponderConfig out;
  out.hellos_per_second = config.hellos_per_second;
  out.proven_hellos_per_second = kProvenHellos * config.hellos_per_second;
  out.calm_hellos_per_second = kCalmHellos * config.hellos_per_second;
  out.cookies_per_second = kCookies * config.hellos_per_second;
  out.answers_per_second = config.answers_per_second;
  return out;
}

}  // namespace

Hub::Impl::Impl(const HubConfig& given, HubIdentity identity, Random& randomness, Counters& counted)
    : config(given),
      random(randomness),
      counters(counted),
      recent(given.recent_posts),
      answer_rate(kRateSlots, randomness),
      login_rate(kRateSlots, randomness),
      throttle(randomness),
      keys(identity.keys),
      history_id(identity.history_id),
      responder(responder_config(given), std::move(identity.keys.accepted), identity.reset_key,
                identity.generation, randomness),
      reset_rate(kRateSlots, randomness) {
  random.fill(nobodys_resume_key);
}

Hub::Hub(const HubConfig& config, HubIdentity identity, Random& random, Counters& counters)
    : impl_(std::make_unique<Impl>(config, std::move(identity), random, counters)) {}
Hub::~Hub() = default;

void Hub::restore(const RestoredHistory& history, std::span<const RestoredSession> sessions,
                  Now now) {
  impl_->restore(history);
  impl_->restore(sessions, now);
}
void Hub::on_datagram(const Path& path, Bytes datagram, Now now) {
  impl_->on_datagram(path, datagram, now);
}
void Hub::on_verdict(const LoginVerdict& verdict, Now now) { impl_->on_verdict(verdict, now); }
void Hub::on_store_output(const store::Output& output, Now now) {
  impl_->on_store_output(output, now);
}
void Hub::on_store_health(const store::Health& health) { impl_->on_store_health(health); }
void Hub::on_read(const ReadResult& result, Now now) { impl_->on_read(result, now); }
void Hub::on_control(ControlTag tag, const control::Command& command, Now now) {
  impl_->on_control(tag, command, now);
}
std::optional<TimePoint> Hub::next_timeout() const { return impl_->next_timeout(); }
void Hub::on_timeout(Now now) { impl_->on_timeout(now); }
std::size_t Hub::pending() const { return impl_->pending.size() + impl_->paused_runs.size(); }
Outbox& Hub::outbox() { return impl_->out; }

Outbox& Hub::end_turn(Now now) {
  impl_->flush_links(now);
  return impl_->out;
}

bool Hub::Impl::admits(const Path& path) const {
  switch (config.classic) {
    case ClassicAccess::kOff:
      return false;
    case ClassicAccess::kLoopback:
      return path.remote.ip.is_loopback() || fault("classic_from_anywhere");
    case ClassicAccess::kAny:
      return true;
  }
  return false;
}

// The first byte tells the framings apart: classic magic is printable.
void Hub::Impl::on_datagram(const Path& path, Bytes bytes, Now now) {
  ++counters.datagrams_received;
  if (!bytes.empty() && sealed::is_sealed(bytes.front())) {
    on_sealed(path, bytes, now);
  } else {
    on_classic(path, bytes, now);
  }
}

// One order for every classic datagram: form, source, session by token and address, the command.
void Hub::Impl::on_classic(const Path& path, Bytes bytes, Now now) {
  const auto decoded = classic::decode(bytes);
  if (!decoded) {
    switch (decoded.error()) {
      case classic::Drop::kShort:
        ++counters.drop_short;
        break;
      case classic::Drop::kOversized:
        ++counters.drop_oversized;
        break;
      case classic::Drop::kBadMagic:
        ++counters.drop_bad_magic;
        break;
    }
    return;
  }
  if (!admits(path)) {
    ++counters.drop_classic_refused;
    return;
  }
  const classic::Header& header = decoded->header;
  const ReturnAddress from{path, header.magic, {}};
  const Incoming in{from,
                    header.opcode,
                    header.token,
                    header.msg_id,
                    classic::payload_text(*decoded),
                    {classic::retrieve_count(*decoded), 0},
                    now};
  const Command* command = find_command(header.opcode);
  if (command != nullptr && !command->needs_session) {
    if (command->needs_payload && in.text.empty()) {
      ++counters.drop_empty_payload;
    } else {
      (this->*command->of_anybody)(in);
    }
    return;
  }
  Session* session = find_session(path, header.token);
  if (session == nullptr) {
    answer_must_login(path, header, now);
    return;
  }
  session->classic->path.local = path.local;
  session->classic->magic = header.magic;
  serve(*session, command, in);
}

Session* Hub::Impl::find_session(const Path& path, Token token) const {
  Session* session = sessions.by_token(token);
  if (session == nullptr && fault("token_not_checked")) {
    const auto there = sessions.at_address(path.remote);
    return there.empty() ? nullptr : there.front();
  }
  if (session == nullptr) return nullptr;
  // In plaintext the address is part of the proof.
  if (session->classic->path.remote != path.remote && !fault("address_not_checked")) return nullptr;
  return session;
}

void Hub::Impl::answer_must_login(const Path& path, const classic::Header& asked, Now now) {
  // What only a server may send is never answered: two broken peers must not talk for ever.
  if (is_from_server(asked.opcode) && !fault("server_opcodes_answered")) {
    ++counters.drop_server_opcode;
    return;
  }
  if (!answer_rate.take(path.remote.ip, config.answers_per_second, now.mono)) {
    ++counters.drop_unauthenticated_rate;
    return;
  }
  ++counters.must_login_first_sent;
  classic::Header header;
  header.magic = asked.magic;
  header.opcode = Opcode::kMustLoginFirst;
  header.token = asked.token;  // so that the asker knows which of its sessions is meant
  send(path, header, fault("long_answer_to_strangers") ? "log in first" : "");
}

void Hub::Impl::send(const Path& path, const classic::Header& header, std::string_view payload) {
  const std::size_t size = classic::encode(header, payload, out.datagrams.buffer());
  out.datagrams.commit(path, size);
}

void Hub::Impl::send(Session& session, Opcode opcode, MessageId msg_id, std::string_view payload) {
  if (session.is_sealed()) {
    send_talk(*session.link, opcode, msg_id, payload);
    return;
  }
  classic::Header header;
  if (!fault("magic_not_echoed")) header.magic = session.classic->magic;
  header.opcode = opcode;
  header.token = session.token();
  header.msg_id = static_cast<std::uint32_t>(msg_id);
  send(session.classic->path, header, payload);
}

void Hub::Impl::answer(const ReturnAddress& to, Opcode opcode, Token token,
                       std::string_view payload) {
  if (to.link) {
    Link* link = links.find(*to.link);
    if (link != nullptr) send_talk(*link, opcode, 0, payload);
    return;
  }
  classic::Header header;
  header.magic = to.magic;
  header.opcode = opcode;
  header.token = token;
  send(to.path, header);
}

void Hub::Impl::log(LogLevel level, std::string text) {
  out.log.push_back({level, std::move(text)});
}

void Hub::Impl::on_read(const ReadResult& result, Now now) {
  if (const auto* page = std::get_if<RetrievePage>(&result)) {
    on_retrieve_page(*page, now);
  } else if (const auto* missed = std::get_if<CatchUpRead>(&result)) {
    on_catch_up(*missed, now);
  } else if (const auto* backlog = std::get_if<BacklogRead>(&result)) {
    on_backlog(*backlog, now);
  } else if (const auto* account = std::get_if<AccountFound>(&result)) {
    on_account(*account);
  } else if (const auto* device = std::get_if<DeviceFound>(&result)) {
    on_device(*device, now);
  } else if (const auto* read_keys = std::get_if<KeysRead>(&result)) {
    on_keys(*read_keys);
  }
}

std::optional<TimePoint> Hub::Impl::next_timeout() const {
  std::optional<TimePoint> next;
  if (const Session* oldest = sessions.least_recent()) {
    keep_earliest(next, oldest->last_active + config.session_timeout);
  }
  if (!paused_runs.empty()) keep_earliest(next, paused_runs.front().at);
  if (!resets_due.empty()) keep_earliest(next, next_reset);
  if (!away.empty()) keep_earliest(next, away_until);
  keep_earliest(next, next_save_at());
  keep_earliest(next, links.next_timeout());
  keep_earliest(next, responder.next_timeout());
  return next;
}

void Hub::Impl::on_timeout(Now now) {
  while (!paused_runs.empty() && paused_runs.front().at <= now.mono) {
    const PausedRun paused = paused_runs.front();
    paused_runs.pop_front();
    Session* session = sessions.by_id(paused.session);
    if (session != nullptr) continue_run(*session, now);
  }
  while (Session* oldest = sessions.least_recent()) {
    if (now.mono - oldest->last_active < config.session_timeout || fault("sessions_never_expire")) {
      break;
    }
    ++counters.sessions_timed_out;
    log(LogLevel::kInfo,
        fmt::format("session of {} at {} timed out", oldest->name, to_string(address_of(*oldest))));
    end_session(*oldest, Tell::kClient, Forget::kStored, sealed::CloseReason::kTimeout);
  }
  responder.on_timeout(now.mono);
  on_link_timeouts(now);
  send_paced_resets(now);
  forget_away(now);
  save_progress(now);
}

}  // namespace hub::server
