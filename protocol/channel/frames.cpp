#include "protocol/channel/frames.hpp"

#include <algorithm>
#include <cassert>

#include "protocol/fault.hpp"

namespace hub::channel {

namespace {

using Judgement = std::optional<Violation>;  // nothing: well-formed

Judgement cut_off(const wire::Reader& reader) {
  return reader.ok() ? Judgement{} : Violation::kMalformed;
}

/// RFC 9000 §19.3.1: every range must end at 0 or above.
Judgement read_ack(wire::Reader& reader, AckFrame& ack) {
  ack.largest = reader.varint();
  ack.delay_us = reader.varint();
  ack.more_ranges = reader.varint();
  ack.first_range = reader.varint();
  if (!reader.ok() || ack.first_range > ack.largest) return Violation::kMalformed;
  const Bytes tail = reader.peek();
  std::uint64_t lowest = ack.largest - ack.first_range;
  for (std::uint64_t i = 0; i < ack.more_ranges; ++i) {
    const std::uint64_t gap = reader.varint();
    const std::uint64_t length = reader.varint();
    if (!reader.ok() || gap + 2 > lowest || length > lowest - gap - 2) return Violation::kMalformed;
    lowest -= gap + 2 + length;
  }
  ack.tail = tail.first(tail.size() - reader.remaining());
  return {};
}

Judgement read_message(wire::Reader& reader, Frame& frame) {
  if (frame.type != FrameType::kTalk) {
    frame.lane = Lane::kBulk;
    frame.stream = reader.varint();
    frame.last = frame.type == FrameType::kBulkLast;
  }
  frame.seq = reader.varint();
  const std::uint64_t length = reader.varint();
  frame.message = reader.bytes(length);
  if (!reader.ok()) return Violation::kMalformed;
  if (length == 0 || length > kMaxMessageBytes) return Violation::kMessageSize;
  return {};
}

Judgement read_window(wire::Reader& reader, Frame& frame) {
  const std::uint8_t lane = reader.u8();
  frame.limit = reader.varint();
  if (lane > static_cast<std::uint8_t>(Lane::kBulk)) return Violation::kMalformed;
  frame.lane = static_cast<Lane>(lane);
  return cut_off(reader);
}

/// A row of it is read as one: a datagram may be nearly nothing else.
void skip_padding(wire::Reader& reader) {
  const Bytes rest = reader.peek();
  const auto end = std::find_if(rest.begin(), rest.end(), [](std::uint8_t b) { return b != 0; });
  reader.bytes(static_cast<std::uint64_t>(end - rest.begin()));
}

Judgement read_frame(wire::Reader& reader, Frame& frame) {
  frame.type = static_cast<FrameType>(reader.u8());
  switch (frame.type) {
    case FrameType::kPadding:
      skip_padding(reader);
      return {};
    case FrameType::kPing:
      return {};
    case FrameType::kAck:
      return read_ack(reader, frame.ack);
    case FrameType::kTalk:
    case FrameType::kBulk:
    case FrameType::kBulkLast:
      return read_message(reader, frame);
    case FrameType::kWindow:
      return read_window(reader, frame);
    case FrameType::kPathChallenge:
    case FrameType::kPathResponse:
      frame.path = reader.array<std::tuple_size_v<PathData>>();
      return cut_off(reader);
    case FrameType::kClose:
      frame.reason = reader.u8();
      return cut_off(reader);
    case FrameType::kMark:
      frame.mark = reader.varint();
      return cut_off(reader);
  }
  return Violation::kUnknownFrame;
}

}  // namespace

const char* to_string(Violation violation) {
  switch (violation) {
    case Violation::kMalformed:
      return "malformed frame";
    case Violation::kUnknownFrame:
      return "unknown frame";
    case Violation::kMessageSize:
      return "message of a forbidden size";
    case Violation::kAckOfUnsent:
      return "ack of a number never sent";
    case Violation::kOverWindow:
      return "over the receive window";
    case Violation::kTooManyStreams:
      return "too many bulk streams";
    case Violation::kAfterLast:
      return "message behind the last of its stream";
  }
  return "?";
}

tl::expected<FrameList, Violation> decode(Bytes frames) {
  if (frames.empty()) return tl::unexpected(Violation::kMalformed);
  wire::Reader reader(frames);
  while (reader.remaining() > 0) {
    Frame frame;
    if (const Judgement bad = read_frame(reader, frame)) return tl::unexpected(*bad);
  }
  return FrameList(frames);
}

std::optional<Frame> FrameList::next() {
  if (reader_.remaining() == 0) return std::nullopt;
  Frame frame;
  read_frame(reader_, frame);
  return frame;
}

AckRanges::AckRanges(const AckFrame& ack)
    : tail_(ack.tail),
      left_(ack.more_ranges + 1),
      current_{ack.largest - ack.first_range, ack.largest} {}

std::optional<Range> AckRanges::next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  if (started_) {
    const std::uint64_t gap = tail_.varint();
    const std::uint64_t length = tail_.varint();
    current_.last = current_.first - gap - 2;
    current_.first = current_.last - length;
  }
  started_ = true;
  if (fault("ack_range_off_by_one") && current_.first > 0) {
    return Range{current_.first - 1, current_.last};
  }
  return current_;
}

bool is_ack_eliciting(FrameType type) {
  return type == FrameType::kPing || type == FrameType::kTalk || type == FrameType::kBulk ||
         type == FrameType::kBulkLast || type == FrameType::kWindow;
}

void encode_ping(std::vector<std::uint8_t>& out) {
  out.push_back(static_cast<std::uint8_t>(FrameType::kPing));
}

void encode_talk(std::uint64_t seq, Bytes message, std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(FrameType::kTalk));
  writer.varint(seq);
  writer.varint(message.size());
  writer.bytes(message);
}

void encode_bulk(StreamId stream, std::uint64_t seq, bool last, Bytes message,
                 std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(last ? FrameType::kBulkLast : FrameType::kBulk));
  writer.varint(stream);
  writer.varint(seq);
  writer.varint(message.size());
  writer.bytes(message);
}

void encode_window(Lane lane, std::uint64_t limit, std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(FrameType::kWindow));
  writer.u8(static_cast<std::uint8_t>(lane));
  writer.varint(limit);
}

void encode_path(bool is_response, const PathData& data, std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(is_response ? FrameType::kPathResponse
                                                  : FrameType::kPathChallenge));
  writer.bytes(data);
}

void encode_close(std::uint8_t reason, std::vector<std::uint8_t>& out) {
  out.push_back(static_cast<std::uint8_t>(FrameType::kClose));
  out.push_back(reason);
}

void encode_mark(std::uint64_t id, std::vector<std::uint8_t>& out) {
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(FrameType::kMark));
  writer.varint(id);
}

bool encode_ack(const std::vector<Range>& ranges, Duration delay, std::size_t max_bytes,
                std::vector<std::uint8_t>& out) {
  assert(!ranges.empty());
  using std::chrono::microseconds;
  const auto delay_us = static_cast<std::uint64_t>(
      std::max<microseconds::rep>(0, std::chrono::duration_cast<microseconds>(delay).count()));
  const Range& newest = ranges.back();
  const std::uint64_t first_range = newest.last - newest.first;
  const auto more_size = [](std::size_t more) { return wire::varint_size(more); };
  std::size_t size = 1 + wire::varint_size(newest.last) + wire::varint_size(delay_us) +
                     wire::varint_size(first_range);
  if (size + more_size(0) > max_bytes) return false;
  const auto gap_below = [&ranges](std::size_t i) {  // the gap field of ranges[i]
    return ranges[i + 1].first - ranges[i].last - 2;
  };
  std::size_t more = 0;
  for (std::size_t i = ranges.size() - 1; i-- > 0; ++more) {
    const std::size_t pair =
        wire::varint_size(gap_below(i)) + wire::varint_size(ranges[i].last - ranges[i].first);
    if (size + pair + more_size(more + 1) > max_bytes) break;
    size += pair;
  }
  wire::Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(FrameType::kAck));
  writer.varint(newest.last);
  writer.varint(delay_us);
  writer.varint(more);
  writer.varint(first_range);
  for (std::size_t i = ranges.size() - 1; more > 0; --more) {
    --i;
    writer.varint(gap_below(i));
    writer.varint(ranges[i].last - ranges[i].first);
  }
  return true;
}

std::size_t talk_frame_size(std::uint64_t seq, std::size_t message_bytes) {
  return 1 + wire::varint_size(seq) + wire::varint_size(message_bytes) + message_bytes;
}

std::size_t bulk_frame_size(StreamId stream, std::uint64_t seq, std::size_t message_bytes) {
  return talk_frame_size(seq, message_bytes) + wire::varint_size(stream);
}

}  // namespace hub::channel
