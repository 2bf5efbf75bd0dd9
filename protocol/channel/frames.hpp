// The frames inside a decrypted datagram. A datagram holds at least one; the first byte is the
// type.
//
//   0x00 padding          (nothing; a row of it is read as one frame)
//   0x01 ping             (nothing)                                             asks for an ack
//   0x02 ack              largest delay_us more_ranges first_range { gap range }
//   0x03 talk             seq length message                                    asks for an ack
//   0x04 bulk             stream seq length message                             asks for an ack
//   0x05 bulk, last       as 0x04: the last message of its stream               asks for an ack
//   0x06 window           lane(1) limit                                         asks for an ack
//   0x07 path challenge   data(8)
//   0x08 path response    data(8)
//   0x09 close            reason(1)
//   0x0a mark             id
//
// Fields without a width are varints. Ranges are those of RFC 9000 §19.3: first_range numbers below
// `largest` are acknowledged with it; each further range begins gap + 2 below the smallest number
// of the one before and holds range + 1 numbers. delay_us are plain microseconds. A message is
// 1..1100 bytes; lane is 0 for talk, 1 for bulk; limit is the sum of message costs (length + 16)
// ever allowed on that lane. id is the forward ack of this framing: the client has shown every post
// up to it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/channel/lane.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"
#include "protocol/wire.hpp"

namespace hub::channel {

/// How a peer broke the rules. The connection is closed with reason "protocol error".
enum class Violation : std::uint8_t {
  kMalformed,       // no frame at all, one that is cut off, or fields that contradict each other
  kUnknownFrame,    // a type that is not in the list
  kMessageSize,     // a message of 0 or more than 1100 bytes
  kAckOfUnsent,     // a number that was never sent is acknowledged
  kOverWindow,      // more than the receive window of the lane allows
  kTooManyStreams,  // more bulk streams open at once than allowed
  kAfterLast,       // a message behind the last one of its stream
};
const char* to_string(Violation violation);

enum class FrameType : std::uint8_t {
  kPadding = 0x00,
  kPing = 0x01,
  kAck = 0x02,
  kTalk = 0x03,
  kBulk = 0x04,
  kBulkLast = 0x05,
  kWindow = 0x06,
  kPathChallenge = 0x07,
  kPathResponse = 0x08,
  kClose = 0x09,
  kMark = 0x0a,
};

using PathData = std::array<std::uint8_t, 8>;

/// Numbers first..last, both included.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

/// The ack frame as it lies in the datagram; the ranges are read with AckRanges.
struct AckFrame {
  std::uint64_t largest = 0;
  std::uint64_t delay_us = 0;
  std::uint64_t more_ranges = 0;
  std::uint64_t first_range = 0;
  Bytes tail;  // more_ranges pairs of varints
};

/// Gives the ranges of a judged ack frame, the highest first.
class AckRanges {
 public:
  explicit AckRanges(const AckFrame& ack);
  std::optional<Range> next();

 private:
  wire::Reader tail_;
  std::uint64_t left_;
  Range current_;
  bool started_ = false;
};

/// One frame; only the fields of its type mean something. Points into the decoded bytes.
struct Frame {
  FrameType type = FrameType::kPadding;
  Lane lane = Lane::kTalk;  // talk, bulk, window
  StreamId stream = 0;      // bulk
  std::uint64_t seq = 0;    // talk, bulk
  bool last = false;        // bulk
  Bytes message;            // talk, bulk
  std::uint64_t limit = 0;  // window
  PathData path{};          // path challenge and response
  std::uint8_t reason = 0;  // close
  std::uint64_t mark = 0;   // mark
  AckFrame ack;             // ack
};

/// Frames that decode() has judged; reading them cannot fail.
class FrameList {
 public:
  std::optional<Frame> next();

 private:
  friend tl::expected<FrameList, Violation> decode(Bytes frames);
  explicit FrameList(Bytes frames) : reader_(frames) {}
  wire::Reader reader_;
};

/// Judges the whole plaintext of a datagram: types, lengths, sizes, the arithmetic of ack ranges.
/// Nothing behind it checks these again.
tl::expected<FrameList, Violation> decode(Bytes frames);

bool is_ack_eliciting(FrameType type);

// Each appends one frame.
void encode_ping(std::vector<std::uint8_t>& out);
void encode_talk(std::uint64_t seq, Bytes message, std::vector<std::uint8_t>& out);
void encode_bulk(StreamId stream, std::uint64_t seq, bool last, Bytes message,
                 std::vector<std::uint8_t>& out);
void encode_window(Lane lane, std::uint64_t limit, std::vector<std::uint8_t>& out);
void encode_path(bool is_response, const PathData& data, std::vector<std::uint8_t>& out);
void encode_close(std::uint8_t reason, std::vector<std::uint8_t>& out);
void encode_mark(std::uint64_t id, std::vector<std::uint8_t>& out);
/// `ranges` ascending, not empty, neither touching nor overlapping. The oldest that do not fit into
/// `max_bytes` are left out; false, and nothing written, where not even the newest fits.
bool encode_ack(const std::vector<Range>& ranges, Duration delay, std::size_t max_bytes,
                std::vector<std::uint8_t>& out);

std::size_t talk_frame_size(std::uint64_t seq, std::size_t message_bytes);
std::size_t bulk_frame_size(StreamId stream, std::uint64_t seq, std::size_t message_bytes);

}  // namespace hub::channel
