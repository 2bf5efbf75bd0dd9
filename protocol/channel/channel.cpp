#include "protocol/channel/channel.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "protocol/channel/lane_fate.hpp"
#include "protocol/deadline.hpp"
#include "protocol/fault.hpp"

namespace hub::channel {

namespace {

/// So much talk may be in flight whatever bulk has filled the congestion window with. It is the
/// smallest window there is (RFC 9002 §7.2), so talk alone never goes beyond its window by this;
/// behind saturated bulk a talk message leaves at once, and more of them as talk or bulk is
/// acknowledged, within a round trip.
constexpr std::size_t kTalkReserve = 2 * kBaseDatagramBytes;

constexpr std::size_t kLargestMarkFrame = 1 + 8;

/// On a path that may lose, talk is sent again so soon, as long as no more than this is in flight:
/// in a second datagram of its own, and in others that go anyway up to so many.
constexpr std::chrono::milliseconds kRepeatAfter{5};
constexpr std::size_t kSparseBytes = kBaseDatagramBytes;
constexpr std::uint16_t kRepeatCopies = 2;
constexpr std::uint16_t kMostCopies = 4;

/// Datagrams of one probe timeout (RFC 9002 §6.2.4): one, and two once the first found no answer.
int probes_of(int pto_count) { return pto_count >= 2 ? 2 : 1; }

RttRest rtt_rest(const Rest& rest) {
  return {rest.smoothed_rtt_us, rest.rtt_variance_us, rest.min_rtt_us};
}

}  // namespace

/// A datagram in the making.
struct Channel::Packet {
  std::vector<std::uint8_t>& out;
  std::size_t start;
  std::size_t max_bytes;
  std::size_t talk_bytes = 0;
  std::size_t bulk_bytes = 0;
  bool is_ack_eliciting = false;

  std::size_t size() const { return out.size() - start; }
  std::size_t room() const { return max_bytes - size(); }
};

Channel::Channel(const Config& config, const Rest& rest)
    : config_(config),
      acks_(rest.next_number_in, rest.received_run, rest.orderly_in),
      out_(rest),
      in_(rest, config.talk_window, config.bulk_window),
      recovery_(config.initial_rtt, rtt_rest(rest), config.congestion,
                {rest.congestion_window, rest.slow_start_threshold}, rest.caution, rest.mtu),
      acked_end_(rest.acked_end) {}

bool Channel::is_idle() const {
  return recovery_.is_empty() && !acks_.is_pending() && out_.is_empty() && in_.is_empty() &&
         !is_ping_owed_ && probes_owed_ == 0 && !mark_ && mark_in_ == 0 && !due_mtu_probe(false);
}

Rest Channel::rest() const {
  Rest rest;
  out_.store(rest);
  in_.store(rest);
  rest.next_number_in = acks_.next_number();
  rest.received_run = acks_.run();
  rest.orderly_in = acks_.orderly();
  rest.acked_end = acked_end_;
  const RttRest rtt = recovery_.rtt().rest();
  rest.smoothed_rtt_us = rtt.smoothed_us;
  rest.rtt_variance_us = rtt.variance_us;
  rest.min_rtt_us = rtt.min_us;
  rest.caution = recovery_.caution();
  rest.mtu = recovery_.mtu().rest();
  rest.congestion_window = static_cast<std::uint32_t>(recovery_.congestion().window());
  rest.slow_start_threshold =
      static_cast<std::uint32_t>(recovery_.congestion().slow_start_threshold());
  return rest;
}

bool Channel::send_talk(Payload message) {
  if (message.size() == 0 || message.size() > kMaxMessageBytes) return false;
  if (talk_queued_bytes() + cost_of(message.size()) > config_.max_queued_talk) return false;
  out_.push_talk(std::move(message));
  return true;
}

StreamId Channel::open_bulk() { return out_.open_bulk(); }

bool Channel::send_bulk(StreamId stream, Bytes message, bool last) {
  if (message.empty() || message.size() > kMaxMessageBytes) return false;
  if (bulk_queued_bytes() + cost_of(message.size()) > config_.max_queued_bulk) return false;
  return out_.push_bulk(stream, Payload(message), last);
}

std::size_t Channel::talk_queued_bytes() const { return out_.queued(Lane::kTalk); }
std::size_t Channel::bulk_queued_bytes() const { return out_.queued(Lane::kBulk); }
void Channel::ping() { is_ping_owed_ = true; }
void Channel::mark(std::uint64_t id) { mark_ = id; }
void Channel::set_windows(std::size_t talk, std::size_t bulk) { in_.set_windows(talk, bulk); }
bool Channel::has_delivered() const { return in_.has_delivered(); }
Deliveries Channel::take_delivered(std::size_t most) { return in_.take(most); }

tl::expected<Received, Violation> Channel::on_packet(std::uint64_t number, Bytes frames,
                                                     std::uint64_t next_number_to_send,
                                                     TimePoint now) {
  auto judged = decode(frames);
  if (!judged) return tl::unexpected(judged.error());
  Received received;
  while (const std::optional<Frame> frame = judged->next()) {
    received.ack_eliciting = received.ack_eliciting || is_ack_eliciting(frame->type);
    std::optional<Violation> bad;
    switch (frame->type) {
      case FrameType::kPadding:
      case FrameType::kPing:
        break;
      case FrameType::kAck:
        if (frame->ack.largest >= next_number_to_send && !fault("ack_of_unsent_accepted")) {
          bad = Violation::kAckOfUnsent;
        } else {
          on_ack(frame->ack, now);
        }
        break;
      case FrameType::kTalk:
      case FrameType::kBulk:
      case FrameType::kBulkLast:
        bad = in_.on_message(*frame);
        break;
      case FrameType::kWindow:
        out_.on_limit(frame->lane, frame->limit);
        break;
      case FrameType::kPathChallenge:
      case FrameType::kPathResponse:
        received.path_frames.push_back({frame->type == FrameType::kPathResponse, frame->path});
        break;
      case FrameType::kClose:
        received.close_reason = frame->reason;
        break;
      case FrameType::kMark:
        mark_in_ = frame->mark;
        break;
    }
    if (bad) return tl::unexpected(*bad);
  }
  acks_.on_packet(number, received.ack_eliciting, frames.size() + config_.datagram_overhead, now);
  return received;
}

void Channel::on_ack(const AckFrame& ack, TimePoint now) {
  acked_end_ = std::max(acked_end_, ack.largest + 1);
  LaneFate fate(out_, in_);
  const auto seen = recovery_.on_ack(ack, is_limited_, now, fate);
  if (seen) acks_.on_ack_acked(*seen);
  if (recovery_.pto_count() == 0) probes_owed_ = 0;
  if (recovery_.is_empty() && out_.is_empty()) {
    recovery_.forget();
    repeat_timeout_.reset();
    is_repeat_owed_ = false;
  }
}

std::size_t Channel::talk_budget() const {
  const std::size_t window = recovery_.congestion().window();
  const std::size_t in_flight = recovery_.bytes_in_flight();
  const std::size_t left = window > in_flight ? window - in_flight : 0;
  const std::size_t reserve = fault("talk_without_reserve") ? 0 : kTalkReserve;
  const std::size_t talk = recovery_.talk_bytes_in_flight();
  return std::max(left, reserve > talk ? reserve - talk : 0);
}

std::size_t Channel::bulk_budget(TimePoint now) {
  const std::size_t window = recovery_.congestion().window();
  const std::size_t in_flight = recovery_.bytes_in_flight();
  if (in_flight + config_.datagram_overhead >= window) return 0;
  const TimePoint ready = pacer_.ready_at(window, recovery_.rtt().smoothed(), now);
  if (ready > now) {
    pacing_timeout_ = ready;
    return 0;
  }
  return window - in_flight;
}

// Small and rare, so outside of congestion control; counted in flight all the same.
void Channel::write_control(Packet& packet) {
  constexpr std::size_t kLargestWindowFrame = 1 + 1 + 8;
  while (packet.room() >= kLargestWindowFrame) {
    const auto window = in_.next_announcement();
    if (!window) break;
    encode_window(window->lane, window->limit, packet.out);
    const bool is_talk = window->lane == Lane::kTalk;
    recovery_.load(
        {is_talk ? Cargo::Kind::kTalkWindow : Cargo::Kind::kBulkWindow, 0, window->limit});
    packet.is_ack_eliciting = true;
  }
}

// Talk first, and bulk only where no talk waits that could go.
void Channel::write_messages(Packet& packet, TimePoint now) {
  // What the budget leaves for frames, in a datagram that has some already.
  const auto room_within = [&](std::size_t budget) {
    const std::size_t taken = packet.size() + config_.datagram_overhead;
    return std::min(packet.room(), budget > taken ? budget - taken : 0);
  };
  pacing_timeout_.reset();
  const bool bulk_first = fault("bulk_before_talk") && out_.has_bulk();
  if (out_.has_talk() && !bulk_first) {
    const bool sparse = is_sparse() && !out_.has_lost_talk();
    const std::uint64_t first_new = out_.next_new_talk();
    packet.talk_bytes = out_.write_talk(room_within(talk_budget()), packet.out, recovery_);
    if (sparse && packet.talk_bytes > 0) {
      write_repeats(packet, first_new);
      if (!repeat_timeout_) repeat_timeout_ = now + kRepeatAfter;
    }
  }
  if ((!out_.has_talk() || bulk_first) && out_.has_bulk()) {
    packet.bulk_bytes = out_.write_bulk(room_within(bulk_budget(now)), packet.out, recovery_);
  }
  is_limited_ = out_.has_talk() || out_.has_bulk();
  if (packet.talk_bytes + packet.bulk_bytes > 0) packet.is_ack_eliciting = true;
}

bool Channel::is_sparse() const {
  return (recovery_.caution() > 0 || fault("repeats_on_clean_paths")) &&
         (recovery_.bytes_in_flight() <= kSparseBytes || fault("repeats_however_dense"));
}

void Channel::write_repeats(Packet& packet, std::uint64_t end) {
  if (fault("sparse_talk_not_repeated")) return;
  const std::size_t budget = talk_budget();
  const std::size_t taken = packet.size() + config_.datagram_overhead;
  const std::size_t room = std::min(packet.room(), budget > taken ? budget - taken : 0);
  packet.talk_bytes += out_.write_repeats(end, kMostCopies, room, packet.out, recovery_);
  if (packet.talk_bytes > 0) packet.is_ack_eliciting = true;
}

void Channel::write_probe(Packet& packet) {
  if (!fault("probe_carries_nothing") &&
      out_.write_probe(packet.room(), packet.out, recovery_) > 0) {
    packet.is_ack_eliciting = true;
  } else {
    is_ping_owed_ = true;
  }
}

bool Channel::may_have_packet(TimePoint now) {
  const bool is_ack_due = acks_.is_due(now) && !fault("due_ack_overlooked");
  if (probes_owed_ > 0 || is_ping_owed_ || is_repeat_owed_ || is_ack_due) return true;
  if (in_.owes_announcement() || out_.has_talk() || out_.has_bulk()) return true;
  if (due_mtu_probe(false)) return true;
  is_limited_ = false;
  return false;
}

bool Channel::poll_packet(std::uint64_t number, std::size_t max_bytes,
                          std::vector<std::uint8_t>& out, TimePoint now) {
  if (poll_mtu_probe(number, max_bytes, out, now)) return true;
  const std::size_t longest = longest_datagram() - config_.datagram_overhead;
  Packet packet{out, out.size(), std::min(max_bytes, longest)};
  std::optional<std::uint64_t> ack_largest;
  const bool is_probe = probes_owed_ > 0;
  if (acks_.is_pending() || is_probe) ack_largest = acks_.write(packet.room(), now, out);
  const std::size_t ack_bytes = packet.size();
  if (recovery_.make_room() || is_probe) {
    if (is_probe) in_.repeat_announcements();
    write_control(packet);
    if (is_probe) {
      write_probe(packet);
    } else {
      write_messages(packet, now);
      // Unless something new has just gone, and taken along what may be lost.
      if (std::exchange(is_repeat_owed_, false) && packet.talk_bytes == 0 && is_sparse() &&
          out_.has_talk_in_fewer_than(kRepeatCopies)) {
        write_repeats(packet, out_.next_new_talk());
      }
    }
    if (is_ping_owed_ && !packet.is_ack_eliciting && packet.room() > 0) {
      encode_ping(out);
      packet.is_ack_eliciting = true;
    }
  }
  if (!packet.is_ack_eliciting && (ack_bytes == 0 || !acks_.is_due(now))) {
    out.resize(packet.start);
    return false;
  }
  if (ack_largest) acks_.on_ack_sent();
  if (mark_ && packet.room() >= kLargestMarkFrame) {
    encode_mark(*mark_, out);
    mark_.reset();
  }
  if (!packet.is_ack_eliciting) {
    recovery_.on_sent_silent(number, now);
    return true;
  }
  is_ping_owed_ = false;
  if (is_probe) --probes_owed_;
  const std::size_t bytes = packet.size() + config_.datagram_overhead;
  recovery_.on_sent({number, now, bytes, packet.talk_bytes, ack_largest});
  if (packet.bulk_bytes > 0) pacer_.on_sent(bytes);
  if (is_limited_ && packet.talk_bytes + packet.bulk_bytes > 0) recovery_.mtu().on_full();
  return true;
}

/// What a probe timeout sends must arrive, so it is no longer than any path carries. Anything else
/// leaves room in the window for another datagram: then whoever the window stops has two of them
/// outstanding, which are acknowledged at once.
std::size_t Channel::longest_datagram() const {
  if (probes_owed_ > 0 && !fault("long_probes")) return kBaseDatagramBytes;
  if (fault("datagram_fills_window")) return recovery_.mtu().size();
  const std::size_t window = recovery_.congestion().window();
  return std::min(recovery_.mtu().size(),
                  std::max(window - kBaseDatagramBytes, kBaseDatagramBytes));
}

/// The size of the datagram to search the path with. It delays no message by much, goes within the
/// congestion window, and not on a path that loses, where its loss would tell nothing.
std::optional<std::size_t> Channel::due_mtu_probe(bool is_more_waiting) const {
  const std::optional<std::size_t> size = recovery_.mtu().next();
  const bool is_lossy = recovery_.caution() > 0 && !fault("mtu_searched_in_loss");
  if (!size || is_lossy || probes_owed_ > 0) return std::nullopt;
  const std::size_t window = recovery_.congestion().window();
  const bool is_small = *size <= window / 8;
  const bool fits = recovery_.bytes_in_flight() + *size + kTalkReserve <= window;
  return fits && (is_small || !is_more_waiting || fault("mtu_probe_first")) ? size : std::nullopt;
}

bool Channel::poll_mtu_probe(std::uint64_t number, std::size_t max_bytes,
                             std::vector<std::uint8_t>& out, TimePoint now) {
  if (!recovery_.mtu().next()) return false;
  const auto size = due_mtu_probe(out_.has_talk() || out_.has_bulk());
  if (!size || *size - config_.datagram_overhead > max_bytes || !recovery_.make_room())
    return false;
  encode_ping(out);
  out.resize(out.size() + *size - config_.datagram_overhead - 1, 0);  // padding frames
  recovery_.on_sent({number, now, *size, 0, std::nullopt, true});
  recovery_.mtu().on_probe_sent(number);
  return true;
}

std::optional<TimePoint> Channel::next_timeout() const {
  std::optional<TimePoint> next = recovery_.loss_timeout();
  if (!next) next = recovery_.probe_timeout();
  for (const auto& other : {acks_.next_timeout(), pacing_timeout_, repeat_timeout_}) {
    keep_earliest(next, other);
  }
  return next;
}

void Channel::on_timeout(TimePoint now) {
  LaneFate fate(out_, in_);
  recovery_.on_loss_timeout(now, fate);
  if (recovery_.on_probe_timeout(now)) probes_owed_ = probes_of(recovery_.pto_count());
  acks_.on_timeout(now);
  if (pacing_timeout_ && now >= *pacing_timeout_) pacing_timeout_.reset();
  if (repeat_timeout_ && now >= *repeat_timeout_) {
    repeat_timeout_.reset();
    is_repeat_owed_ = true;
  }
}

void Channel::on_path_changed(TimePoint) {
  recovery_.on_path_changed(config_.initial_rtt, config_.congestion);
  pacer_ = Pacer{};
  acks_.on_path_changed();
}

Duration Channel::pto() const { return recovery_.pto(); }

Duration Rest::pto() const {
  const Rtt rtt(Config{}.initial_rtt, rtt_rest(*this));
  return std::min<Duration>(rtt.pto(), kMaxProbeTimeout);
}

std::optional<std::uint64_t> Channel::largest_acked() const {
  if (acked_end_ == 0) return std::nullopt;
  return acked_end_ - 1;
}
Duration Channel::smoothed_rtt() const { return recovery_.rtt().smoothed(); }
int Channel::pto_count() const { return recovery_.pto_count(); }
std::size_t Channel::bytes_in_flight() const { return recovery_.bytes_in_flight(); }
std::size_t Channel::congestion_window() const { return recovery_.congestion().window(); }
std::size_t Channel::path_mtu() const { return recovery_.mtu().size(); }

}  // namespace hub::channel
