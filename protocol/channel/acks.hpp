// What has been received, and when an acknowledgement of it is owed (RFC 9000 §13.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/channel/frames.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

/// Received numbers as ranges: ascending, neither touching nor overlapping; at most kMaxAckRanges,
/// the oldest forgotten first.
class ReceivedNumbers {
 public:
  ReceivedNumbers() = default;
  explicit ReceivedNumbers(const Range& range) : ranges_{range} {}

  void insert(std::uint64_t number);
  /// RFC 9000 §13.2.4: the peer knows of these.
  void forget_up_to(std::uint64_t number);

  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

/// Decides when to acknowledge: at once for every second datagram that asks for it and where one
/// comes out of order, else within kMaxAckDelay.
///
/// Small datagrams on an orderly path share an ack: it costs both sides nearly as much as one of
/// them. Two or more are acknowledged at once where they have kAckBytes together, as TCP does it
/// (RFC 5681 §4.2, "every second full-sized segment"; RFC 9000 §13.2.2 leaves it to the receiver).
/// So a sender whose congestion window is used up never waits for the delay: it has more than that
/// outstanding, however small the window and its datagrams. A path is orderly while the last
/// kOrderlyRun numbers came in order; on any other the sender is to notice a loss quickly.
class Acks {
 public:
  static constexpr std::uint8_t kOrderlyRun = 128;

  /// The `run` numbers below `next_number` have been received, the last `orderly` ones in order.
  Acks(std::uint64_t next_number, std::uint32_t run, std::uint8_t orderly = 0);

  /// `bytes`: of the whole datagram, as its sender counts it in flight.
  void on_packet(std::uint64_t number, bool is_ack_eliciting, std::size_t bytes, TimePoint now);
  /// The peer has seen an ack of ours that reached up to `largest`.
  void on_ack_acked(std::uint64_t largest) { received_.forget_up_to(largest); }

  /// Something that asked for an ack has not had one.
  bool is_pending() const { return unacked_ > 0; }
  bool is_due(TimePoint now) const { return is_pending() && (is_urgent_ || now >= deadline_); }
  /// The deadline of the ack; nothing once it is due, for then only sending it helps.
  std::optional<TimePoint> next_timeout() const;
  void on_timeout(TimePoint now) { is_urgent_ = is_due(now); }

  /// Appends an ack frame of at most `max_bytes` and says how far it reaches; nothing where it does
  /// not fit. The ack is owed until on_ack_sent().
  std::optional<std::uint64_t> write(std::size_t max_bytes, TimePoint now,
                                     std::vector<std::uint8_t>& out) const;
  void on_ack_sent();
  /// Nothing is known of the new one.
  void on_path_changed() { orderly_ = 0; }

  std::uint64_t next_number() const { return next_number_; }
  std::uint32_t run() const;  // received without a gap below next_number()
  std::uint8_t orderly() const { return orderly_; }

 private:
  ReceivedNumbers received_;
  std::uint64_t next_number_;  // one above the largest received
  TimePoint largest_at_{};
  TimePoint deadline_{};
  int unacked_ = 0;                // datagrams that asked for an ack, since the last one
  std::size_t unacked_bytes_ = 0;  // of these
  std::uint8_t orderly_ = 0;       // numbers in a row that came in order, up to kOrderlyRun
  bool is_urgent_ = false;         // the ack does not wait for its deadline
};

}  // namespace hub::channel
