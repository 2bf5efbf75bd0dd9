#include <functional>
#include <random>

#include <catch2/catch.hpp>

#include "protocol/channel/frames.hpp"
#include "tests/support/golden.hpp"

using namespace hub;
using namespace hub::channel;
using test::from_hex;
using test::to_hex;

namespace {

std::vector<Frame> frames_of(const std::vector<std::uint8_t>& bytes) {
  auto list = decode(bytes);
  REQUIRE(list);
  std::vector<Frame> frames;
  while (const auto frame = list->next()) frames.push_back(*frame);
  return frames;
}

std::optional<Violation> judged(const std::vector<std::uint8_t>& bytes) {
  const auto list = decode(bytes);
  return list ? std::nullopt : std::optional(list.error());
}

std::vector<Range> ranges_of(const AckFrame& ack) {
  std::vector<Range> out;
  AckRanges ranges(ack);
  while (const auto range = ranges.next()) out.push_back(*range);
  return out;
}

const PathData kPath = {1, 2, 3, 4, 5, 6, 7, 8};

/// One of each kind, with its bytes.
struct Sample {
  const char* hex;
  std::function<void(std::vector<std::uint8_t>&)> encode;
};
const std::vector<Sample> kSamples = {
    {"01", [](auto& out) { encode_ping(out); }},
    {"03 00 02 6869", [](auto& out) { encode_talk(0, from_hex("6869"), out); }},
    {"03 4040 01 ff", [](auto& out) { encode_talk(64, from_hex("ff"), out); }},
    {"04 05 80004000 02 6869",
     [](auto& out) { encode_bulk(5, 16'384, false, from_hex("6869"), out); }},
    {"05 05 07 01 00", [](auto& out) { encode_bulk(5, 7, true, from_hex("00"), out); }},
    {"06 00 80008000", [](auto& out) { encode_window(Lane::kTalk, 32'768, out); }},
    {"06 01 80040000", [](auto& out) { encode_window(Lane::kBulk, 262'144, out); }},
    {"07 0102030405060708", [](auto& out) { encode_path(false, kPath, out); }},
    {"08 0102030405060708", [](auto& out) { encode_path(true, kPath, out); }},
    {"09 03", [](auto& out) { encode_close(3, out); }},
    {"02 0a 59c4 00 02",  // 8, 9, 10; after 6,596 us
     [](auto& out) {
       encode_ack({{8, 10}}, std::chrono::microseconds(6'596), 100, out);
     }},
};

}  // namespace

TEST_CASE("each frame is written as its golden bytes, and read back") {
  for (const auto& sample : kSamples) {
    CAPTURE(sample.hex);
    std::vector<std::uint8_t> out;
    sample.encode(out);
    CHECK(to_hex(out) == to_hex(from_hex(sample.hex)));
    CHECK(frames_of(out).size() == 1);
  }
}

TEST_CASE("the fields of every frame are read") {
  const auto bytes = from_hex(
      "00 01 03 4040 01 ff 05 05 07 01 2a 06 01 80040000 08 0102030405060708 09 03 02 0a 05 00 02");
  const auto frames = frames_of(bytes);
  REQUIRE(frames.size() == 8);
  CHECK(frames[0].type == FrameType::kPadding);
  CHECK(frames[1].type == FrameType::kPing);
  CHECK(frames[2].lane == Lane::kTalk);
  CHECK(frames[2].seq == 64);
  CHECK(to_hex({frames[2].message.begin(), frames[2].message.end()}) == "ff");
  CHECK(frames[3].lane == Lane::kBulk);
  CHECK(frames[3].stream == 5);
  CHECK(frames[3].seq == 7);
  CHECK(frames[3].last);
  CHECK(frames[3].message.front() == 0x2a);
  CHECK(frames[4].lane == Lane::kBulk);
  CHECK(frames[4].limit == 262'144);
  CHECK(frames[5].type == FrameType::kPathResponse);
  CHECK(frames[5].path == kPath);
  CHECK(frames[6].reason == 3);
  CHECK(frames[7].ack.largest == 10);
  CHECK(frames[7].ack.delay_us == 5);
  CHECK(ranges_of(frames[7].ack) == std::vector<Range>{{8, 10}});
}

TEST_CASE("a truncated frame is malformed, wherever it is cut") {
  for (const auto& sample : kSamples) {
    CAPTURE(sample.hex);
    const auto whole = from_hex(sample.hex);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      CAPTURE(cut);
      CHECK(judged({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)}) ==
            Violation::kMalformed);
      std::vector<std::uint8_t> behind_a_ping = {1};  // and behind a sound one
      behind_a_ping.insert(behind_a_ping.end(), whole.begin(),
                           whole.begin() + static_cast<std::ptrdiff_t>(cut));
      if (cut > 0) CHECK(judged(behind_a_ping) == Violation::kMalformed);
    }
  }
}

TEST_CASE("what a frame must not be") {
  CHECK(judged({}) == Violation::kMalformed);
  CHECK(judged({0x0b}) == Violation::kUnknownFrame);
  CHECK(judged({0xff}) == Violation::kUnknownFrame);
  CHECK(judged(from_hex("03 00 00")) == Violation::kMessageSize);
  CHECK(judged(from_hex("06 02 01")) == Violation::kMalformed);  // there are two lanes
  std::vector<std::uint8_t> long_one = from_hex("03 00 444d");   // 1,101 bytes
  long_one.resize(long_one.size() + 1101);
  CHECK(judged(long_one) == Violation::kMessageSize);
  std::vector<std::uint8_t> longest;
  encode_talk(0, std::vector<std::uint8_t>(kMaxMessageBytes), longest);
  CHECK_FALSE(judged(longest));
}

TEST_CASE("ack ranges are those of RFC 9000, section 19.3.1") {
  // 100 alone; gap 1: 97 is the next; then gap 3: 92 down to 90.
  const std::vector<Range> ranges = {{90, 92}, {97, 97}, {100, 100}};
  std::vector<std::uint8_t> out;
  REQUIRE(encode_ack(ranges, Duration::zero(), 100, out));
  CHECK(to_hex(out) == to_hex(from_hex("02 4064 00 02 00 01 00 03 02")));
  CHECK(ranges_of(frames_of(out)[0].ack) == std::vector<Range>(ranges.rbegin(), ranges.rend()));
}

TEST_CASE("ack ranges below zero, or fewer than announced, are malformed") {
  CHECK_FALSE(judged(from_hex("02 05 00 00 05")));
  CHECK(judged(from_hex("02 05 00 00 06")) == Violation::kMalformed);
  CHECK_FALSE(judged(from_hex("02 05 00 01 02 01 00")));  // 3..5, then 0
  CHECK(judged(from_hex("02 05 00 01 02 02 00")) == Violation::kMalformed);
  CHECK(judged(from_hex("02 05 00 01 02 01 01")) == Violation::kMalformed);
  CHECK(judged(from_hex("02 05 00 02 02 01 00")) == Violation::kMalformed);
  CHECK(judged(from_hex("02 05 00 ffffffffffffffff 00")) == Violation::kMalformed);
}

TEST_CASE("an ack that does not fit leaves its oldest ranges out") {
  std::vector<Range> ranges;
  for (std::uint64_t i = 0; i < kMaxAckRanges; ++i) ranges.push_back({1000 * i, 1000 * i + 500});
  for (std::size_t max = 0; max < 400; ++max) {
    CAPTURE(max);
    std::vector<std::uint8_t> out;
    if (!encode_ack(ranges, Duration::zero(), max, out)) {
      CHECK(out.empty());
      CHECK(max < 9);
      continue;
    }
    CHECK(out.size() <= max);
    const auto got = ranges_of(frames_of(out)[0].ack);
    CHECK(std::equal(got.begin(), got.end(), ranges.rbegin()));
    if (max == 399) CHECK(got.size() == kMaxAckRanges);
  }
}

TEST_CASE("any ranges survive the ack frame") {
  std::mt19937_64 dice(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Range> ranges;
    std::uint64_t next = dice() % 3;
    for (std::uint64_t i = 1 + dice() % kMaxAckRanges; i > 0; --i) {
      const std::uint64_t last = next + (dice() % 4 == 0 ? dice() % 100'000 : dice() % 3);
      ranges.push_back({next, last});
      next = last + 2 + (dice() % 4 == 0 ? dice() % 100'000 : dice() % 3);
    }
    std::vector<std::uint8_t> out;
    REQUIRE(encode_ack(ranges, Duration::zero(), kBaseFrameBytes, out));
    const auto got = ranges_of(frames_of(out)[0].ack);
    REQUIRE(got == std::vector<Range>(ranges.rbegin(), ranges.rend()));
  }
}

TEST_CASE("random bytes are judged without harm, and what passes can be read") {
  std::mt19937_64 dice(11);
  int passed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> bytes(1 + dice() % 40);
    for (auto& byte : bytes) {
      byte = static_cast<std::uint8_t>(dice() % 3 == 0 ? dice() % 11 : dice());
    }
    bytes[0] = static_cast<std::uint8_t>(dice() % 10);
    auto list = decode(bytes);
    if (!list) continue;
    ++passed;
    while (const auto frame = list->next()) {
      if (frame->type != FrameType::kAck) continue;
      for (const auto& range : ranges_of(frame->ack)) REQUIRE(range.first <= range.last);
    }
  }
  CHECK(passed > 100);
}
