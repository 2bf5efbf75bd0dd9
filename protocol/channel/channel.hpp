// The reliable channel: ordered messages over datagrams that get lost, doubled and reordered. It
// knows datagram numbers and the frames inside them; nothing of keys, addresses or sockets.
//
// Whoever owns it calls on_packet() for each authenticated datagram that is not a replay,
// on_timeout() when next_timeout() has come, and after either, or after any call of the
// application's side, poll_packet() until it has nothing more. Not thread-safe; one connection owns
// it.
//
// Timers, all deadlines inside next_timeout(), none while idle:
//   loss        the time threshold of a datagram overtaken by acks      RFC 9002 §6.1.2
//   probe       nothing acknowledged for a PTO, at most 3 s apart       RFC 9002 §6.2
//   ack delay   an ack is owed, at the latest after 25 ms               RFC 9000 §13.2.1
//   pacing      bulk waits for its next turn                            RFC 9002 §7.7
//   repeat      sparse talk goes once more, on a path that may lose     ours
//
// A datagram is as long as the path is known to carry (protocol/channel/path_mtu.hpp).
//
// Sparse talk: a message that is alone on its way gives its receiver nothing to notice its loss by,
// and its sender only the probe timer, longer than a round trip. So while a path loses datagrams,
// or is too new to tell, and next to nothing is in flight, talk is sent again after 5 ms without
// waiting to hear of its loss, and rides along in the next datagram with room. These are datagrams
// as any other: new numbers, counted in flight, within the congestion window. Once traffic is dense
// there are none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/channel/acks.hpp"
#include "protocol/channel/congestion.hpp"
#include "protocol/channel/frames.hpp"
#include "protocol/channel/lane.hpp"
#include "protocol/channel/pacer.hpp"
#include "protocol/channel/payload.hpp"
#include "protocol/channel/receive_lanes.hpp"
#include "protocol/channel/recovery.hpp"
#include "protocol/channel/rest.hpp"
#include "protocol/channel/send_lanes.hpp"
#include "protocol/channel/spare_memory.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

struct Config {
  /// Receive windows, in message costs; what exceeds the initial ones (and a Rest's) is announced.
  std::size_t talk_window = kInitialTalkWindow;
  std::size_t bulk_window = kInitialBulkWindow;
  /// What is taken from the application and not yet acknowledged, in message costs.
  std::size_t max_queued_talk = kMaxQueuedTalk;
  std::size_t max_queued_bulk = kMaxQueuedBulk;
  /// Until the first sample (RFC 9002 §6.2.2); better, what the handshake took.
  Duration initial_rtt = std::chrono::milliseconds(333);
  /// Header and tag around the frames of a datagram, for congestion control.
  std::size_t datagram_overhead = kTransportOverhead;
  MakeCongestion congestion = &make_newreno;
};

struct PathFrame {
  bool is_response = false;
  PathData data{};
};

/// What a datagram held beside the channel's own business.
struct Received {
  bool ack_eliciting = false;
  std::vector<PathFrame> path_frames;
  std::optional<std::uint8_t> close_reason;
};

class Channel {
 public:
  static void* operator new(std::size_t bytes) { return take_memory(bytes); }
  static void operator delete(void* block, std::size_t bytes) { give_memory(block, bytes); }

  /// Of a new connection.
  explicit Channel(const Config& config) : Channel(config, Rest{}) {}
  /// `rest` of an earlier Channel of the same connection, whose windows were no larger.
  Channel(const Config& config, const Rest& rest);

  /// Nothing queued, in flight, buffered, untaken or owed, no bulk stream open: this may be
  /// dropped and made again from rest(), which is exact only then.
  bool is_idle() const;
  Rest rest() const;

  // --- The application's side ---

  /// Takes a message of 1..kMaxMessageBytes. False, and nothing taken: over max_queued_talk, or not
  /// of that size.
  bool send_talk(Bytes message) { return send_talk(Payload(message)); }
  /// The same, sharing the bytes with whoever else sends them.
  bool send_talk(Payload message);
  /// Streams beyond kMaxBulkStreams unfinished ones wait for their turn. Each holds its place until
  /// its last message is acknowledged, so each must be ended.
  StreamId open_bulk();
  /// As send_talk(), over max_queued_bulk. False also for a stream that was never opened or has had
  /// its last message.
  bool send_bulk(StreamId stream, Bytes message, bool last);
  /// Not yet acknowledged, in message costs.
  std::size_t talk_queued_bytes() const;
  std::size_t bulk_queued_bytes() const;
  /// The next datagram asks for an ack, and there is one.
  void ping();
  /// Says with the next datagram that goes out, an ack for instance, that everything up to `id` was
  /// shown. A datagram that gets lost takes it along: the next mark says more.
  void mark(std::uint64_t id);
  /// Raises the receive windows (never lowers them); window frames announce it.
  void set_windows(std::size_t talk, std::size_t bulk);

  /// The newest mark that came; nothing where none did since.
  std::optional<std::uint64_t> take_mark() {
    const std::uint64_t taken = std::exchange(mark_in_, 0);
    return taken == 0 ? std::nullopt : std::optional(taken);
  }

  bool has_delivered() const;
  /// What has become readable, in order. Taking it is consuming it: the windows slide.
  Deliveries take_delivered(std::size_t most = SIZE_MAX);

  // --- The datagram's side ---

  /// The plaintext of one authentic datagram that is no replay. `next_number_to_send`: one above
  /// the largest number used so far in the other direction. After a violation the channel is of no
  /// further use.
  tl::expected<Received, Violation> on_packet(std::uint64_t number, Bytes frames,
                                              std::uint64_t next_number_to_send, TimePoint now);
  /// Whether poll_packet() is worth a call: false is certain, and most of the calls that end a
  /// turn's sending are saved by it.
  bool may_have_packet(TimePoint now);
  /// Appends the frames of one datagram, at most `max_bytes` of them, which is then to be sent as
  /// `number`: larger than any before. False, and nothing appended: nothing to send now.
  bool poll_packet(std::uint64_t number, std::size_t max_bytes, std::vector<std::uint8_t>& out,
                   TimePoint now);
  std::optional<TimePoint> next_timeout() const;
  /// A call too many does nothing.
  void on_timeout(TimePoint now);
  /// RTT and congestion window begin afresh (RFC 9000 §9.4). What is in flight is still waited for,
  /// but no longer counts for either.
  void on_path_changed(TimePoint now);

  // --- For liveness and for the curious ---

  /// Without backoff (RFC 9002 §6.2.1), at most kMaxProbeTimeout.
  Duration pto() const;
  Duration smoothed_rtt() const;
  /// Probe timeouts in a row without an acknowledgement. Each datagram that asks for an ack puts
  /// the next one off, so whoever talks all the time into a void counts slowly: for liveness look
  /// at what was last received as well.
  int pto_count() const;
  /// Of the datagrams sent; nothing before the first ack.
  std::optional<std::uint64_t> largest_acked() const;
  /// Bytes of datagrams, overhead included, that are neither acknowledged nor declared lost.
  std::size_t bytes_in_flight() const;
  std::size_t congestion_window() const;
  /// The longest datagram that the path is known to carry, overhead included.
  std::size_t path_mtu() const;

 private:
  struct Packet;

  void on_ack(const AckFrame& ack, TimePoint now);
  std::size_t longest_datagram() const;
  std::optional<std::size_t> due_mtu_probe(bool is_more_waiting) const;
  bool poll_mtu_probe(std::uint64_t number, std::size_t max_bytes, std::vector<std::uint8_t>& out,
                      TimePoint now);
  void write_control(Packet& packet);
  void write_messages(Packet& packet, TimePoint now);
  void write_probe(Packet& packet);
  bool is_sparse() const;
  void write_repeats(Packet& packet, std::uint64_t end);
  /// How much of a datagram talk may fill, or bulk: what congestion control leaves.
  std::size_t talk_budget() const;
  std::size_t bulk_budget(TimePoint now);

  Config config_;
  Acks acks_;
  SendLanes out_;
  ReceiveLanes in_;
  Recovery recovery_;
  Pacer pacer_;
  std::optional<TimePoint> pacing_timeout_;  // bulk waits until then
  std::optional<TimePoint> repeat_timeout_;  // talk goes once more then
  bool is_repeat_owed_ = false;
  int probes_owed_ = 0;
  std::uint64_t acked_end_ = 0;        // one above the largest number acknowledged
  std::uint64_t mark_in_ = 0;          // not taken yet; 0: none, there is no post of that ID
  std::optional<std::uint64_t> mark_;  // not sent yet
  bool is_ping_owed_ = false;
  bool is_limited_ = false;  // what waits is held back by congestion control, not by want of data
};

}  // namespace hub::channel
