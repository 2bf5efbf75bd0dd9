// Everything on its way out: talk, and the bulk streams in turn; what the peer's windows allow of
// it, and into frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/channel/lane.hpp"
#include "protocol/channel/payload.hpp"
#include "protocol/channel/recovery.hpp"
#include "protocol/channel/rest.hpp"
#include "protocol/channel/send_stream.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

class SendLanes {
 public:
  explicit SendLanes(const Rest& rest);
  void store(Rest& rest) const;

  void push_talk(Payload message);
  StreamId open_bulk();
  /// False: never opened, or ended.
  bool push_bulk(StreamId stream, Payload message, bool last);
  std::size_t queued(Lane lane) const { return lane == Lane::kTalk ? queued_talk_ : queued_bulk_; }
  /// Nothing unacknowledged, and no bulk stream that has not ended.
  bool is_empty() const { return talk_.is_empty() && bulk_.empty(); }

  /// A window frame; a lower limit than before is an old frame.
  void on_limit(Lane lane, std::uint64_t limit);

  /// Something waits that the peer's window allows.
  bool has_talk() { return sendable(talk_, talk_window_).has_value(); }
  bool has_bulk() { return next_bulk() != nullptr; }

  // Each appends frames of at most `room` bytes, loads them as cargo, and gives how many bytes.
  std::size_t write_talk(std::size_t room, std::vector<std::uint8_t>& out, Recovery& recovery);
  std::size_t write_bulk(std::size_t room, std::vector<std::uint8_t>& out, Recovery& recovery);
  /// The oldest sent and unacknowledged messages once more: talk's, or where there are none,
  /// bulk's.
  std::size_t write_probe(std::size_t room, std::vector<std::uint8_t>& out, Recovery& recovery);
  /// Talk below `end` that is in flight in fewer than `most_copies` datagrams, once more; the
  /// oldest first.
  std::size_t write_repeats(std::uint64_t end, std::uint16_t most_copies, std::size_t room,
                            std::vector<std::uint8_t>& out, Recovery& recovery);
  /// Some talk is in flight, and neither acknowledged nor lost, in fewer datagrams.
  bool has_talk_in_fewer_than(std::uint16_t copies) const;
  bool has_lost_talk() const { return talk_.has_lost(); }
  /// The oldest talk message that was never sent.
  std::uint64_t next_new_talk() const { return talk_.next_new_seq(); }

  void on_acked(const Cargo& cargo);
  void on_lost(const Cargo& cargo);

 private:
  struct BulkStream {
    StreamId id = 0;
    SendStream messages;
    bool has_ended = false;
  };

  /// The stream whose turn it is, among the first kMaxBulkStreams unfinished ones.
  BulkStream* next_bulk();
  /// What goes next of a stream, where the window allows it.
  std::optional<std::uint64_t> sendable(SendStream& stream, const WindowRest& window);
  BulkStream* find(StreamId id);

  bool write_talk_message(std::uint64_t seq, std::size_t room, std::vector<std::uint8_t>& out,
                          Recovery& recovery);
  bool write_bulk_message(BulkStream& stream, std::uint64_t seq, std::size_t room,
                          std::vector<std::uint8_t>& out, Recovery& recovery);

  SendStream talk_;
  std::vector<BulkStream> bulk_;  // not finished, by ID; all but the first 64 wait
  StreamId next_stream_;
  StreamId turn_ = 0;  // the stream that is served next, or the first above it
  WindowRest talk_window_;
  WindowRest bulk_window_;
  std::size_t queued_talk_ = 0;
  std::size_t queued_bulk_ = 0;
};

}  // namespace hub::channel
