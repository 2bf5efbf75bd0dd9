// What a message costs on its way through two channels, without sealing and sockets.
#include <optional>
#include <vector>

#include <benchmark/benchmark.h>

#include "protocol/channel/channel.hpp"

namespace hub::bench {
namespace {

using channel::Channel;
using channel::Config;

Config after_login() {
  Config config;
  config.talk_window = 32'768;
  config.bulk_window = 262'144;
  return config;
}

/// Two channels and a link without loss or delay.
struct Pair {
  struct Side {
    Channel channel{after_login()};
    std::uint64_t next_number = 0;
  };

  Pair() { settle(); }

  /// One datagram, if there is one. True: it was sent and received.
  bool carry(Side& from, Side& to) {
    datagram.clear();
    if (!from.channel.poll_packet(from.next_number, kMaxFrameBytes, datagram, now)) return false;
    const std::uint64_t number = from.next_number++;
    auto received = to.channel.on_packet(number, datagram, to.next_number, now);
    benchmark::DoNotOptimize(received);
    return true;
  }
  void exchange() {
    while (carry(a, b) || carry(b, a)) {
    }
    benchmark::DoNotOptimize(b.channel.take_delivered());
  }
  void settle() {
    for (int i = 0; i < 4; ++i) {
      exchange();
      now += kMaxAckDelay;
      a.channel.on_timeout(now);
      b.channel.on_timeout(now);
    }
  }

  Side a;
  Side b;
  TimePoint now{std::chrono::hours(1)};
  std::vector<std::uint8_t> datagram;
};

/// Sent, polled, received, taken; an ack for every second datagram.
void channel_message(benchmark::State& state) {
  Pair pair;
  const std::vector<std::uint8_t> message(static_cast<std::size_t>(state.range(0)), 7);
  for (auto _ : state) {
    pair.a.channel.send_talk(message);
    pair.now += std::chrono::microseconds(100);
    pair.exchange();
  }
}
BENCHMARK(channel_message)->Arg(20)->Arg(100)->Arg(1000);

/// Ten at a time share a datagram; the time is that of all ten.
void channel_ten_messages(benchmark::State& state) {
  Pair pair;
  const std::vector<std::uint8_t> message(100, 7);
  for (auto _ : state) {
    for (int i = 0; i < 10; ++i) pair.a.channel.send_talk(message);
    pair.now += std::chrono::microseconds(100);
    pair.exchange();
  }
}
BENCHMARK(channel_ten_messages);

/// An idle connection is woken by one message, acknowledges it and rests again: both sides.
void channel_message_from_rest(benchmark::State& state) {
  Pair pair;
  pair.settle();
  const std::vector<std::uint8_t> message(100, 7);
  const Config config = after_login();
  for (auto _ : state) {
    pair.a.channel = Channel(config, pair.a.channel.rest());
    pair.b.channel = Channel(config, pair.b.channel.rest());
    pair.a.channel.send_talk(message);
    pair.exchange();
    pair.now += kMaxAckDelay;
    pair.b.channel.on_timeout(pair.now);
    pair.exchange();
    if (!pair.a.channel.is_idle() || !pair.b.channel.is_idle()) pair.settle();
  }
}
BENCHMARK(channel_message_from_rest);

/// Bulk, unpaced by the clock's large steps: a 1,000-byte message.
void channel_bulk_message(benchmark::State& state) {
  Pair pair;
  const std::vector<std::uint8_t> message(1'000, 7);
  const channel::StreamId stream = pair.a.channel.open_bulk();
  for (auto _ : state) {
    pair.a.channel.send_bulk(stream, message, false);
    pair.now += std::chrono::milliseconds(1);
    pair.exchange();
  }
}
BENCHMARK(channel_bulk_message);

}  // namespace
}  // namespace hub::bench
