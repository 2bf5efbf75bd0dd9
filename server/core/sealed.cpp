// Sealed datagrams: handshakes of strangers, connections, the messages they carry, and their flush
// at the end of each turn.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

using sealed::Answer;
using sealed::CloseReason;
using Taken = sealed::Connection::Taken;

constexpr std::chrono::seconds kLoginTime{10};  // a connection without a login
constexpr std::size_t kSpareLinks = 4096;       // connections beyond the sessions allowed

std::uint64_t& counter_of(Counters& counters, Answer answer) {
  switch (answer) {
    case Answer::kWelcome:
      return counters.hellos_welcomed;
    case Answer::kCookie:
      return counters.cookies_asked;
    case Answer::kVersions:
      return counters.versions_refused;
    case Answer::kKeys:
      return counters.key_answers_sent;
    case Answer::kNothingRate:
      return counters.drop_unauthenticated_rate;
    case Answer::kNothingCookie:
      return counters.drop_bad_cookie;
    case Answer::kNothingForged:
      return counters.drop_bad_hello;
    case Answer::kNothingFull:
      return counters.drop_half_open_full;
    case Answer::kNothingMalformed:
      break;
  }
  return counters.drop_sealed_malformed;
}

}  // namespace

void Hub::Impl::on_sealed(const Path& path, Bytes bytes, Now now) {
  switch (static_cast<sealed::Type>(bytes.front() & ~1u)) {
    case sealed::Type::kTransport:
      on_transport(path, bytes, now);
      return;
    default:
      on_stranger(path, bytes, now);
  }
}

void Hub::Impl::on_stranger(const Path& path, Bytes bytes, Now now) {
  auto& buffer = out.datagrams.buffer();
  const std::size_t before = buffer.size();
  const Answer answer = responder.on_stranger(path.remote, bytes, now.mono, buffer);
  ++counter_of(counters, answer);
  if (buffer.size() > before) out.datagrams.commit(path, buffer.size() - before);
}

void Hub::Impl::on_transport(const Path& path, Bytes bytes, Now now) {
  const auto header = sealed::read_transport_header(bytes);
  if (!header) {
    ++counters.drop_sealed_malformed;
    return;
  }
  Link* link = links.find(header->id);
  LinkTable::NewLink begun;  // a half-open connection, until its first datagram authenticates
  if (link == nullptr) {
    const sealed::HalfOpenConnection* half_open = responder.find(header->id, now.mono);
    if (half_open == nullptr) {
      answer_unknown_link(path, header->id, bytes.size(), now);
      return;
    }
    const Path greeted{path.local, half_open->from};
    begun = links.make(half_open->established, greeted, random, now.mono);
    link = begun.get();
  }
  const Taken taken = link->connection.on_datagram(path, *header, bytes, now.mono);
  if (taken == Taken::kForged || taken == Taken::kReplayed) {
    ++(taken == Taken::kForged ? counters.drop_forged : counters.drop_replayed);
    return;
  }
  if (begun != nullptr) {
    link = admit(std::move(begun), now);
    if (link == nullptr) return;
  }
  links.touch(*link);
  if (taken == Taken::kViolation) {
    ++counters.connections_violated;
    log(LogLevel::kWarning,
        fmt::format("connection from {} closed: it breaks the protocol", to_string(path.remote)));
  }
  if (taken != Taken::kFresh) return;  // closed: flush() buries it
  if (link->session != nullptr && !fault("sealed_traffic_is_no_activity")) {
    sessions.touch(*link->session, now);
  }
  on_mark(*link, now);
  on_messages(*link, now);
}

/// A half-open connection has proved its address and its keys: it becomes one, if there is room.
Link* Hub::Impl::admit(LinkTable::NewLink begun, Now now) {
  const IpAddress prefix = begun->connection.path().remote.ip.prefix();
  const bool crowded = links.strangers_from(prefix) >= config.max_strangers + away_of(prefix) ||
                       links.size() >= std::size_t{config.max_sessions} + kSpareLinks;
  if (crowded && !fault("strangers_unbounded")) {
    ++counters.drop_strangers;
    return nullptr;
  }
  responder.take(begun->connection.id());
  ++counters.connections_opened;
  begun->wait_for_login(now.mono + kLoginTime);
  if (fault("stranger_window_wide")) begun->connection.widen();
  return &links.add(std::move(begun), prefix);
}

/// Only this hub can make the token, and only for an ID that it does not hold: so whoever sent the
/// datagram (of `size` bytes) learns that its connection is gone. The answer is shorter than any
/// such datagram. Where the hub still knows why, that is said again.
void Hub::Impl::answer_unknown_link(const Path& path, sealed::ConnectionId id, std::size_t size,
                                    Now now) {
  if (!reset_rate.take(path.remote.ip, config.answers_per_second, now.mono)) {
    ++counters.drop_unauthenticated_rate;
    return;
  }
  const Graves::Grave* grave = graves.find(id, now.mono);
  if (grave == nullptr || fault("close_reason_lost")) {
    send_reset(path, id);
    return;
  }
  auto& buffer = out.datagrams.buffer();
  buffer.insert(buffer.end(), grave->datagram.begin(), grave->datagram.end());
  // A new address is owed no more than it sent.
  out.datagrams.commit(size >= grave->datagram.size() ? path : grave->path, grave->datagram.size());
  ++counters.closes_sent_again;
}

void Hub::Impl::send_reset(const Path& path, sealed::ConnectionId id) {
  auto& buffer = out.datagrams.buffer();
  const std::size_t before = buffer.size();
  sealed::write_reset({id, responder.reset_token_of(id)}, buffer);
  out.datagrams.commit(path, buffer.size() - before);
  ++counters.stateless_resets_sent;
}

/// A session that posts too fast is not refused anything: what it asks next is left unread until it
/// may post again, and as its window closes it waits.
void Hub::Impl::on_messages(Link& link, Now now) {
  const sealed::ConnectionId id = link.connection.id();
  while (link.connection.has_delivered()) {
    std::size_t most = SIZE_MAX;
    if (link.session != nullptr && !fault("posts_not_paced")) {
      const RateLimit& posts = link.session->posts;
      most = posts.room(config.posts_per_second, now.mono);
      if (most == 0) {
        ++counters.sessions_paced;
        log_post_rate(*link.session, "it has to wait");
        return links.arm(link, posts.free_at(config.posts_per_second));
      }
    }
    for (const channel::Delivered& delivered : link.connection.take_delivered(most)) {
      on_message(link, delivered.bytes, now);
      if (links.find(id) == nullptr || link.connection.is_closed()) return;
    }
  }
}

void Hub::Impl::on_message(Link& link, Bytes bytes, Now now) {
  const auto message = sealed::read_message(bytes);
  if (!message) {
    ++counters.connections_violated;
    close_link(link, CloseReason::kProtocolError);
    return;
  }
  const ReturnAddress from{link.connection.path(), classic::kMagic, link.connection.id()};
  RetrieveRange range;
  if (message->opcode == Opcode::kRetrieve) range = parse_retrieve(message->payload);
  range.count = std::min(range.count, kMaxRetrieve);
  const Incoming in{from, message->opcode, 0, message->id, message->payload, range, now};
  switch (message->opcode) {
    case Opcode::kLoginStart:
      return login_start(link, message->payload, now);
    case Opcode::kLoginProof:
      return login_proof(link, message->payload, now);
    case Opcode::kResume:
      return request_resume(link, message->payload);
    case Opcode::kSessionReset:
      if (link.session != nullptr) reset_by_client(*link.session);
      return;
    default:
      break;
  }
  if (link.session != nullptr) {
    // A password in the clear, even inside, is no request of this framing.
    const bool known = message->opcode != Opcode::kLogin || fault("classic_login_inside");
    serve(*link.session, known ? find_command(message->opcode) : nullptr, in);
  } else if (is_from_server(message->opcode)) {
    ++counters.drop_server_opcode;
  } else {
    ++counters.must_login_first_sent;
    answer(from, Opcode::kMustLoginFirst);
  }
}

channel::Payload Hub::Impl::message_of(Opcode opcode, MessageId msg_id, std::string_view payload) {
  message_bytes.clear();
  sealed::write_message({opcode, msg_id, payload}, message_bytes);
  return channel::Payload(message_bytes);
}

channel::Payload Hub::Impl::forward_of(const store::Post& post) {
  forward_text.clear();
  format_post(post.author_name, post.text, forward_text);
  return message_of(Opcode::kForward, post.id, forward_text);
}

bool Hub::Impl::send_talk(Link& link, Opcode opcode, MessageId msg_id, std::string_view payload) {
  return send_talk(link, message_of(opcode, msg_id, payload));
}

bool Hub::Impl::send_talk(Link& link, channel::Payload message) {
  if (link.connection.is_closed()) return false;
  links.touch(link);
  if (link.connection.channel().send_talk(std::move(message))) return true;
  // It asks and does not listen: nothing it is owed may be left out, so this ends here.
  ++counters.connections_overrun;
  close_link(link, CloseReason::kBusy);
  return false;
}

// Buried by flush(), after its close frame: who called may still hold the link.
void Hub::Impl::close_link(Link& link, CloseReason why) {
  link.connection.close(why);
  links.touch(link);
}

void Hub::Impl::drop_link(Link& link) {
  if (link.session != nullptr) end_session(*link.session, Tell::kNobody, Forget::kStored);
  attempts.erase(link.connection.id());
  links.remove(link);
}

/// Where the client must not come back by itself, it has to learn why. `last_words`: the close
/// frame's datagram, nothing where it was the client that closed.
void Hub::Impl::bury(Link& link, Bytes last_words, Now now) {
  const CloseReason why = link.connection.close_reason();
  const bool for_good = why == CloseReason::kEnded || why == CloseReason::kReplaced ||
                        why == CloseReason::kProtocolError;
  const bool was_stranger = link.is_stranger();
  if (last_words.empty() || !for_good || was_stranger || !link.connection.is_path_proven()) return;
  graves.add(
      link.connection.id(),
      {link.connection.path(), {last_words.begin(), last_words.end()}, now.mono + Graves::kKept});
}

void Hub::Impl::flush_links(Now now) {
  while (links.has_touched()) {
    const std::vector<Link*>& touched = links.take_touched();
    for (std::size_t i = 0; i < touched.size(); ++i) {
      // A post touches a thousand links: more memory than the nearest caches hold.
      if (i + 2 < touched.size()) touched[i + 2]->connection.prefetch();
      flush(*touched[i], now);
    }
  }
}

void Hub::Impl::flush(Link& link, Now now) {
  if (!link.connection.is_closed()) {
    if (link.streams != nullptr) feed_streams(link, now);
    if (link.session != nullptr && link.session->behind) continue_behind(*link.session, now);
  }
  auto& buffer = out.datagrams.buffer();
  std::size_t last = 0;  // bytes of the last datagram
  while (true) {
    const std::size_t before = buffer.size();
    const auto path = link.connection.poll_transmit(now.mono, buffer);
    if (!path) break;
    last = buffer.size() - before;
    out.datagrams.commit(*path, last);
  }
  if (link.connection.is_closed()) {
    bury(link, Bytes(buffer).last(last), now);
    drop_link(link);
    return;
  }
  if (link.session == nullptr) {
    if (!link.login_until()) link.wait_for_login(now.mono + kLoginTime);
    links.arm(link, *link.login_until());
  }
  if (const auto next = link.connection.next_timeout()) links.arm(link, *next);
}

void Hub::Impl::on_link_timeouts(Now now) {
  for (Link* link : links.take_due(now.mono)) {
    link->connection.on_timeout(now.mono);
    // Without a time yet, its session has ended in this very turn.
    const auto login_until = link->login_until();
    const bool idle_stranger = link->session == nullptr && login_until && now.mono >= *login_until;
    if (idle_stranger && !fault("strangers_stay")) {
      ++counters.strangers_timed_out;
      close_link(*link, CloseReason::kNoLogin);
    }
    links.touch(*link);
    if (!link->connection.is_closed()) on_messages(*link, now);  // that were left for a while
  }
}

}  // namespace hub::server
