// Everything on its way in: puts messages back into order, drops repeats, and keeps the peer within
// the windows it was told.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/channel/deliveries.hpp"
#include "protocol/channel/frames.hpp"
#include "protocol/channel/lane.hpp"
#include "protocol/channel/rest.hpp"
#include "protocol/channel/ring.hpp"

namespace hub::channel {

/// The receiving end of one lane's flow control, in message costs since the connection began.
struct ReceiveWindow {
  std::uint64_t received = 0;   // each message once
  std::uint64_t delivered = 0;  // in order, whether taken or not
  std::uint64_t taken = 0;      // by the application
  std::uint64_t announced = 0;  // the limit the peer may know
  std::uint64_t known = 0;      // the limit the peer does know
  std::uint64_t size = 0;
  bool is_owed = false;  // a window frame is to be sent
};

/// One ordered stream on its way in.
struct ReceiveStream {
  StreamId id = 0;
  std::uint64_t next_seq = 0;                // the next to be delivered
  std::optional<std::uint64_t> last_seq;     // known once the last message has come
  Ring<std::vector<std::uint8_t>> buffered;  // from next_seq on; empty ones are missing
};

class ReceiveLanes {
 public:
  ReceiveLanes(const Rest& rest, std::size_t talk_window, std::size_t bulk_window);
  void store(Rest& rest) const;

  /// A talk or bulk frame. Repeats are no violation.
  std::optional<Violation> on_message(const Frame& frame);

  bool has_delivered() const { return !delivered_.empty(); }
  /// The first ones that are to be taken, at most so many.
  Deliveries take(std::size_t most);

  void set_windows(std::size_t talk, std::size_t bulk);
  /// The lane of which a window frame is owed, and its limit; announced from then on.
  struct Announcement {
    Lane lane = Lane::kTalk;
    std::uint64_t limit = 0;
  };
  std::optional<Announcement> next_announcement();
  bool owes_announcement() const { return talk_window_.is_owed || bulk_window_.is_owed; }
  void on_announcement_acked(const Announcement& acked);
  void on_announcement_lost(const Announcement& lost);
  /// Owes again what the peer is not known to have: for a probe.
  void repeat_announcements();

  /// Nothing buffered, undelivered or owed, no bulk stream open.
  bool is_empty() const;

 private:
  ReceiveWindow& window_of(Lane lane) { return lane == Lane::kTalk ? talk_window_ : bulk_window_; }
  std::optional<Violation> open_up_to(StreamId id);
  std::optional<Violation> accept(ReceiveStream& stream, const Frame& frame);
  std::optional<Violation> judge_last(const ReceiveStream& stream, const Frame& frame) const;
  void buffer(ReceiveStream& stream, const Frame& frame);
  void deliver(ReceiveStream& stream, Lane lane, Bytes message);
  void deliver_buffered(ReceiveStream& stream, Lane lane);
  static void owe_if_used(ReceiveWindow& window);

  ReceiveStream talk_;
  std::vector<ReceiveStream> bulk_;  // open ones, by ID
  StreamId next_stream_;             // all below have been opened
  ReceiveWindow talk_window_;
  ReceiveWindow bulk_window_;
  std::uint64_t talk_slots_ = 0;  // of `buffered`, filled or missing
  std::uint64_t bulk_slots_ = 0;
  Deliveries delivered_;
};

}  // namespace hub::channel
