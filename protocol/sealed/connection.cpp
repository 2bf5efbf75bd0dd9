#include "protocol/sealed/connection.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/hash.hpp"
#include "protocol/deadline.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::sealed {

namespace {

constexpr int kTrialPtos = 3;
constexpr std::uint64_t kAmplification = 3;  // RFC 9000, section 8.1
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kPathDatagramBytes = kTransportOverhead + 9;
constexpr std::size_t kMaxPathMessages = 4;  // more have been asked in vain; the oldest are dropped

channel::Config channel_config(bool wide) {
  channel::Config config;
  config.talk_window = wide ? kTalkWindow : kInitialTalkWindow;
  config.bulk_window = wide ? kBulkWindow : kInitialBulkWindow;
  return config;
}

}  // namespace

Connection::Connection(Side side, const Established& made, const Path& path, Random& random,
                       TimePoint now, const KeyLimits& limits)
    : random_(random),
      ours_(made.ours),
      theirs_(made.theirs),
      send_key_(side == Side::kClient ? made.keys.to_responder : made.keys.to_initiator, now,
                limits),
      receive_key_(side == Side::kClient ? made.keys.to_initiator : made.keys.to_responder),
      handshake_hash_(made.keys.handshake_hash),
      path_(path),
      last_heard_(now),
      side_(side) {
  if (side == Side::kClient) rare().reset = made.reset;
}

Connection::~Connection() = default;

Connection::Taken Connection::on_datagram(const Path& path, const TransportHeader& header,
                                          Bytes datagram, TimePoint now) {
  if (header.id != ours_ || is_closed()) return Taken::kForged;
  std::array<std::uint8_t, kMaxDatagramBytes> plain;
  if (fault("roam_before_authentication")) roam(path, datagram.size(), true, now);
  const auto frames = receive_key_.open(header, datagram, kTrialPtos * pto(), now, plain);
  if (!frames) return Taken::kForged;
  const bool newest = is_newest(header.number);
  if (!replay_.accept(header.number)) return Taken::kReplayed;
  roam(path, datagram.size(), newest, now);
  last_heard_ = now;
  const auto received = channel().on_packet(header.number, *frames, send_key_.next_number(), now);
  if (!received) {
    close(CloseReason::kProtocolError);
    return Taken::kViolation;
  }
  if (received->close_reason) {
    closed_ = static_cast<CloseReason>(*received->close_reason);
    if (closed_ == CloseReason::kNone) closed_ = CloseReason::kProtocolError;
    return Taken::kClosed;
  }
  on_path_frames(path, received->path_frames);
  return Taken::kFresh;
}

// --- Roaming -------------------------------------------------------------------------------------

// The client moves by set_path(): it knows where it is, and its socket hears the hub alone.
void Connection::roam(const Path& path, std::size_t bytes, bool newest, TimePoint now) {
  if (side_ == Side::kClient) return;
  if (path.remote == path_.remote) {
    if (newest && path.local != path_.local) {
      path_.local = path.local;
      moved_ = true;
    }
    if (Trial* const running = trial()) running->received += bytes;
    return;
  }
  if (!newest && !fault("move_without_newer")) return;
  if (trial() != nullptr && path.remote == trial()->proven.remote) {
    if (!fault("never_goes_back")) go_back(now);
    return;
  }
  begin_trial(path, now);
  if (Trial* const begun = trial()) begun->received = bytes;
}

void Connection::begin_trial(const Path& path, TimePoint now) {
  Trial begun;
  begun.proven = path_;
  begun.moved_before = moved_;
  if (const Trial* const before = trial()) {
    begun.proven = before->proven;
    begun.moved_before = before->moved_before;
  }
  random_.fill(begun.challenge_new);
  random_.fill(begun.challenge_old);
  move_to(path, now);
  moved_ = true;
  begun.until = now + kTrialPtos * pto();
  rare().trial = begun;
  drop_challenges();
  if (fault("move_needs_no_proof")) {
    end_trial();
    return;
  }
  challenge(now);
}

void Connection::go_back(TimePoint now) {
  const Path proven = trial()->proven;
  if (!fault("move_forgotten")) moved_ = trial()->moved_before;
  drop_challenges();
  end_trial();
  move_to(proven, now);
}

Connection::Rare& Connection::rare() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  return *rare_;
}

void Connection::end_trial() {
  rare_->trial.reset();
  drop_rare_if_unused();
}

void Connection::drop_rare_if_unused() {
  const bool is_used =
      side_ == Side::kClient || rare_->trial.has_value() || !rare_->path_messages.empty();
  if (!is_used && !fault("trial_memory_kept")) rare_.reset();
}

// Those that wait were counted against the trial they belong to.
void Connection::drop_challenges() {
  if (rare_ != nullptr && !fault("old_challenges_sent")) rare_->path_messages.clear();
}

// RTT and congestion window belong to a way through the network, not to a port (RFC 9000, 9.4).
void Connection::move_to(const Path& path, TimePoint now) {
  const bool other_address = path.remote.ip != path_.remote.ip;
  path_ = path;
  if (other_address || fault("port_change_forgets_rtt")) channel().on_path_changed(now);
}

/// Asks both paths; again each PTO, since either datagram may be lost.
void Connection::challenge(TimePoint now) {
  Trial& running = *trial();
  queue({path_, {false, running.challenge_new}});
  queue({running.proven, {false, running.challenge_old}});
  running.next_challenge = now + pto();
}

void Connection::queue(const PathMessage& message) {
  auto& waiting = rare().path_messages;
  if (waiting.size() == kMaxPathMessages && !fault("path_messages_unbounded")) {
    waiting.erase(waiting.begin());
  }
  waiting.push_back(message);
}

// The hub asks and the client answers, never the other way: so nobody can make a hub send to an
// address by asking it something.
void Connection::on_path_frames(const Path& path, const std::vector<channel::PathFrame>& frames) {
  for (const channel::PathFrame& frame : frames) {
    if (side_ == Side::kClient && !frame.is_response) {
      queue({path_, {true, frame.data}});
    }
    if (side_ == Side::kServer && frame.is_response && trial() != nullptr) {
      const bool there = path.remote == path_.remote || fault("path_answer_from_anywhere");
      if (there && frame.data == trial()->challenge_new) end_trial();
    }
  }
}

std::size_t Connection::allowance(const Path& path) const {
  const Trial* const running = trial();
  if (running == nullptr || fault("unproven_path_unlimited")) return kUnlimited;
  if (path.remote != path_.remote) return kUnlimited;
  const std::uint64_t most = kAmplification * running->received;
  return most > running->sent ? static_cast<std::size_t>(most - running->sent) : 0;
}

void Connection::count_sent(const Path& path, std::size_t bytes) {
  Trial* const running = trial();
  if (running != nullptr && path.remote == path_.remote) running->sent += bytes;
}

void Connection::set_path(const Path& path, TimePoint now) {
  path_ = path;
  channel().on_path_changed(now);
  channel().ping();
}

// --- Sending -------------------------------------------------------------------------------------

std::optional<Path> Connection::poll_transmit(TimePoint now, std::vector<std::uint8_t>& out) {
  const std::size_t begin = out.size();
  const auto acked = channel_ ? channel_->largest_acked() : rest_.largest_acked();
  const auto open = [&] { send_key_.start(theirs_, acked, now, out); };
  if (closed_ != CloseReason::kNone) {
    if (!closing_) return std::nullopt;
    closing_ = false;
    if (allowance(path_) < kTransportOverhead + 2) return std::nullopt;
    open();
    channel::encode_close(static_cast<std::uint8_t>(closed_), out);
    return seal(path_, out, begin);
  }
  while (rare_ != nullptr && !rare_->path_messages.empty()) {  // each in a datagram of its own
    const PathMessage message = rare_->path_messages.back();
    rare_->path_messages.pop_back();
    drop_rare_if_unused();
    if (allowance(message.path) < kPathDatagramBytes) continue;
    open();
    channel::encode_path(message.frame.is_response, message.frame.data, out);
    return seal(message.path, out, begin);
  }
  const std::size_t room = std::min(allowance(path_), kMaxDatagramBytes);
  if (!channel_ || room <= kTransportOverhead) return std::nullopt;
  const bool asks = send_key_.wants_ack(acked, now) && channel_->bytes_in_flight() == 0;
  if (asks && !fault("old_key_asks_no_ack")) channel_->ping();
  if (!channel_->may_have_packet(now)) {
    rest_if_idle();
    return std::nullopt;
  }
  open();
  if (!channel_->poll_packet(send_key_.next_number(), room - kTransportOverhead, out, now)) {
    out.resize(begin);
    rest_if_idle();
    return std::nullopt;
  }
  return seal(path_, out, begin);
}

Path Connection::seal(const Path& path, std::vector<std::uint8_t>& out, std::size_t begin) {
  send_key_.finish(out, begin);
  if (send_key_.is_spent()) close(CloseReason::kProtocolError);
  count_sent(path, out.size() - begin);
  return path;
}

std::optional<TimePoint> Connection::next_timeout() const {
  if (is_closed()) return std::nullopt;
  std::optional<TimePoint> next = receive_key_.next_timeout();
  if (const Trial* const running = trial()) {
    keep_earliest(next, running->until);
    keep_earliest(next, running->next_challenge);
  }
  // While nothing may be sent, waking the channel for it would be a busy loop.
  if (channel_ && allowance(path_) > kTransportOverhead) {
    keep_earliest(next, channel_->next_timeout());
  }
  return next;
}

void Connection::on_timeout(TimePoint now) {
  if (is_closed()) return;
  receive_key_.on_timeout(now);
  const Trial* const running = trial();
  if (running != nullptr && now >= running->until && !fault("trial_never_ends")) {
    go_back(now);
  } else if (running != nullptr && now >= running->next_challenge) {
    challenge(now);
  }
  if (channel_) {
    channel_->on_timeout(now);
    rest_if_idle();
  }
}

void Connection::prefetch() const {
  const auto fetch = [](const auto& object) {
    constexpr std::size_t kLine = 64;
    const auto* const begin = reinterpret_cast<const char*>(&object);
    for (std::size_t at = 0; at < sizeof object; at += kLine) __builtin_prefetch(begin + at);
  };
  fetch(*this);
  if (channel_) fetch(*channel_);
}

channel::Channel& Connection::channel() {
  if (!channel_) {
    channel_ = std::make_unique<channel::Channel>(channel_config(wide_), rest_);
  }
  return *channel_;
}

channel::Deliveries Connection::take_delivered(std::size_t most) {
  if (!channel_) return {};
  return channel_->take_delivered(most);
}

void Connection::rest_if_idle() {
  if (!channel_ || !channel_->is_idle()) return;
  rest_ = channel_->rest();
  if (fault("idle_forgets_state")) rest_ = {};
  channel_.reset();
  replay_.settle();
}

void Connection::widen() {
  wide_ = true;
  channel().set_windows(kTalkWindow, kBulkWindow);
}

void Connection::close(CloseReason reason) {
  if (is_closed()) return;
  closed_ = reason;
  closing_ = true;
}

Duration Connection::pto() const { return channel_ ? channel_->pto() : rest_.pto(); }

}  // namespace hub::sealed
