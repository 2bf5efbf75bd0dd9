// Fuzzes the judge of a datagram's plaintext: what it lets pass can be read to the end, says only
// what the rules allow, and is written and read the same again.
#include <vector>

#include "protocol/channel/frames.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

using channel::Frame;
using channel::FrameType;
using channel::Range;

// Ascending, as encode_ack() wants them.
std::vector<Range> ranges_of(const Frame& frame) {
  std::vector<Range> ranges;
  channel::AckRanges reader(frame.ack);
  std::uint64_t below = frame.ack.largest + 1;
  while (const auto range = reader.next()) {
    must(range->first <= range->last, "a range is not empty");
    must(range->last < below, "ranges descend");
    must(ranges.empty() || range->last + 1 < below, "ranges do not touch");
    below = range->first;
    ranges.insert(ranges.begin(), *range);
  }
  must(ranges.size() == frame.ack.more_ranges + 1, "an ack has as many ranges as it says");
  must(ranges.back().last == frame.ack.largest, "the newest range ends with the largest");
  return ranges;
}

void write(const Frame& frame, std::vector<std::uint8_t>& out) {
  switch (frame.type) {
    case FrameType::kPadding:
      out.push_back(0);
      break;
    case FrameType::kPing:
      channel::encode_ping(out);
      break;
    case FrameType::kAck:
      must(channel::encode_ack(ranges_of(frame),
                               std::chrono::microseconds(frame.ack.delay_us & 0xFFFFFF), 1 << 20,
                               out),
           "an ack fits");
      break;
    case FrameType::kTalk:
      channel::encode_talk(frame.seq, frame.message, out);
      break;
    case FrameType::kBulk:
    case FrameType::kBulkLast:
      must(frame.last == (frame.type == FrameType::kBulkLast), "the last is marked");
      channel::encode_bulk(frame.stream, frame.seq, frame.last, frame.message, out);
      break;
    case FrameType::kWindow:
      channel::encode_window(frame.lane, frame.limit, out);
      break;
    case FrameType::kPathChallenge:
    case FrameType::kPathResponse:
      channel::encode_path(frame.type == FrameType::kPathResponse, frame.path, out);
      break;
    case FrameType::kClose:
      channel::encode_close(frame.reason, out);
      break;
    case FrameType::kMark:
      channel::encode_mark(frame.mark, out);
      break;
  }
}

void check_same(const Frame& one, const Frame& two) {
  const bool same =
      one.type == two.type && one.lane == two.lane && one.stream == two.stream &&
      one.seq == two.seq && one.last == two.last && one.limit == two.limit &&
      one.path == two.path && one.reason == two.reason && one.mark == two.mark &&
      std::equal(one.message.begin(), one.message.end(), two.message.begin(), two.message.end());
  must(same, "a frame means the same again");
  if (one.type == FrameType::kAck) {
    must(ranges_of(one) == ranges_of(two), "ranges mean the same again");
  }
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  auto judged = channel::decode(Bytes(data, size));
  if (!judged) {
    fuzz::must(channel::to_string(judged.error())[0] != '\0', "a violation has a name");
    return 0;
  }
  fuzz::must(size > 0, "a datagram holds a frame");
  std::vector<std::uint8_t> again;
  std::vector<channel::Frame> frames;
  while (const auto frame = judged->next()) {
    if (frame->type == channel::FrameType::kTalk || frame->type == channel::FrameType::kBulk ||
        frame->type == channel::FrameType::kBulkLast) {
      fuzz::must(!frame->message.empty() && frame->message.size() <= kMaxMessageBytes,
                 "a message's size");
    }
    frames.push_back(*frame);
    fuzz::write(*frame, again);
  }
  fuzz::must(again.size() <= size + frames.size() * 8, "the shortest form is no longer");
  auto read = channel::decode(again);
  fuzz::must(read.has_value(), "what is written can be read");
  for (const channel::Frame& frame : frames) {
    const auto same = read->next();
    fuzz::must(same.has_value(), "as many frames");
    fuzz::check_same(frame, *same);
  }
  fuzz::must(!read->next(), "and no more");
  return 0;
}
