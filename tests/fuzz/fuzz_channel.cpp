// Fuzzes a reliable channel with the plaintext of its datagrams: a peer that has the keys and no
// manners. Between datagrams the application and the clock do what the input says.
#include <algorithm>
#include <vector>

#include "protocol/channel/channel.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

constexpr std::size_t kTalkWindow = 4'096;
constexpr std::size_t kBulkWindow = 8'192;

channel::Config small_windows() {
  channel::Config config;
  config.talk_window = kTalkWindow;
  config.bulk_window = kBulkWindow;
  config.max_queued_talk = config.max_queued_bulk = 16'384;
  return config;
}

struct World {
  explicit World(Input& from) : input(from) {}

  /// One frame whose fields come from the input, or bytes as they are; small values are likely, so
  /// that they meet what the channel holds.
  void add_frame(std::vector<std::uint8_t>& frames) {
    const auto message = [this] {
      const std::string_view text = input.bytes(1 + input.below(32));
      return std::vector<std::uint8_t>(text.begin(), text.end());
    };
    switch (input.below(8)) {
      case 0:
        return channel::encode_ping(frames);
      case 1:
        return channel::encode_talk(input.below(64), message(), frames);
      case 2: {
        const bool last = input.below(4) == 0;
        return channel::encode_bulk(input.below(8), input.below(32), last, message(), frames);
      }
      case 3:
        return channel::encode_window(static_cast<channel::Lane>(input.below(2)),
                                      8 * input.u32() % 100'000, frames);
      case 4:
      case 5: {
        const std::uint64_t last = next_number_out == 0 ? 0 : input.u8() % next_number_out;
        const std::uint64_t first = last - std::min<std::uint64_t>(last, input.below(8));
        channel::encode_ack({{first, last}}, std::chrono::microseconds(input.u8()), 100, frames);
        return;
      }
      default: {
        const std::string_view raw = input.piece();
        frames.insert(frames.end(), raw.begin(), raw.end());
      }
    }
  }

  bool receive() {
    std::vector<std::uint8_t> frames;
    for (std::size_t i = 1 + input.below(3); i > 0; --i) add_frame(frames);
    number_in += input.below(4) == 0 ? input.below(100) : 1;
    return channel.on_packet(number_in, frames, next_number_out, now).has_value();
  }

  void send() {
    for (int budget = 0;; ++budget) {
      must(budget < 1'000, "there is an end to what there is to send");
      const std::size_t max = input.empty() ? kMaxFrameBytes : 5u * input.u8();
      std::vector<std::uint8_t> out = {0xAA};
      const bool any = channel.poll_packet(next_number_out, max, out, now);
      must(out[0] == 0xAA && out.size() - 1 <= max, "a datagram is within its bound");
      must(any == (out.size() > 1), "a datagram is not empty");
      if (!any) return;
      ++next_number_out;
      auto list = channel::decode(Bytes(out).subspan(1));
      must(list.has_value(), "what is written can be read");
    }
  }

  void take() {
    for (const auto& message : channel.take_delivered()) {
      must(!message.bytes.empty() && message.bytes.size() <= kMaxMessageBytes, "a message's size");
      const auto talk = message.lane == channel::Lane::kTalk;
      (talk ? talk_taken : bulk_taken) += channel::cost_of(message.bytes.size());
    }
  }

  void pass_time() {
    now += std::chrono::milliseconds(input.u8());
    if (const auto next = channel.next_timeout(); next && input.below(2) == 0) {
      now = std::max(now, *next);
    }
    channel.on_timeout(now);
  }

  void submit() {
    const std::vector<std::uint8_t> message(1 + 4 * input.u8(), 7);
    if (input.below(2) == 0) {
      channel.send_talk(message);
    } else {
      if (input.below(4) == 0 && streams < 200) streams = channel.open_bulk() + 1;
      if (streams > 0) channel.send_bulk(input.u8() % streams, message, input.below(4) == 0);
    }
  }

  bool step() {
    switch (input.below(8)) {
      case 0:
        send();
        break;
      case 1:
        take();
        break;
      case 2:
        pass_time();
        break;
      case 3:
        submit();
        break;
      case 4:
        if (input.below(8) == 0) channel.on_path_changed(now);
        if (input.below(8) == 0) channel.ping();
        if (channel.is_idle()) channel = channel::Channel(small_windows(), channel.rest());
        break;
      default:
        return receive();
    }
    must(channel.talk_queued_bytes() <= 16'384 && channel.bulk_queued_bytes() <= 16'384,
         "the queues are bounded");
    must(channel.congestion_window() >= 2 * kBaseDatagramBytes, "the smallest window");
    must(channel.pto() <= kMaxProbeTimeout, "probes are at most so far apart");
    must(!channel.is_idle() || !channel.next_timeout(), "no timer while idle");
    return true;
  }

  Input& input;
  channel::Channel channel{small_windows()};
  std::uint64_t number_in = 0;
  std::uint64_t next_number_out = 0;
  std::uint64_t talk_taken = 0;
  std::uint64_t bulk_taken = 0;
  channel::StreamId streams = 0;
  TimePoint now{std::chrono::hours(1)};
};

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  fuzz::Input input(data, size);
  fuzz::World world(input);
  world.send();
  while (!input.empty() && world.step()) {
  }
  // Whatever came, the channel still answers, and it comes to a halt.
  for (int i = 0; i < 100; ++i) {
    world.send();
    const auto next = world.channel.next_timeout();
    if (!next) break;
    fuzz::must(*next > world.now - std::chrono::hours(1), "a deadline is not absurd");
    world.now = std::max(world.now, *next);
    world.channel.on_timeout(world.now);
  }
  return 0;
}
