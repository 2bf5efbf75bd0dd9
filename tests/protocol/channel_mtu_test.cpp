// Datagrams grow to what the path carries, and never beyond; all in virtual time.
#include <algorithm>
#include <optional>

#include <catch2/catch.hpp>

#include "tests/support/channel_end.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;
using test::after_login;
using test::Bottleneck;
using test::Datagram;
using test::End;
using test::number_of;
using test::numbered;
using test::Side;
using test::SimNet;

namespace {

const Endpoint kAnn = *Endpoint::parse("10.0.0.1:1000");
const Endpoint kHub = *Endpoint::parse("10.0.0.2:32000");

constexpr std::size_t kMessage = 100;
const TimePoint kStart{1h};

/// A hub that sends messages in bursts over a path which drops what is longer than `mtu`.
class Way {
 public:
  explicit Way(std::size_t most, Duration delay = 1ms)
      : mtu(most),
        net(1, {.delay = delay}),
        ann(net, kAnn, kHub, {after_login(), true}),
        hub(net, kHub, kAnn, {after_login(), true},
            [this](const Endpoint& from, const Endpoint& to, Bytes datagram) {
              const std::size_t bytes = datagram.size() - 8 + kTransportOverhead;
              ++datagrams;
              longest = std::max(longest, bytes);
              too_long += bytes > mtu ? 1u : 0u;
              if (bytes > mtu) return;
              if (neck) {
                dropped += neck->send(from, to, datagram) ? 0u : 1u;
              } else {
                net.send(from, to, datagram);
              }
            }) {
    ann.on_delivered = [this](const Delivered& message) {
      REQUIRE(number_of(message.bytes) == seen);
      ++seen;
    };
    ann.pump();
    net.run_for(1s);
  }

  /// How long it took until all of it was there.
  Duration burst(std::uint32_t messages) {
    for (std::uint32_t i = 0; i < messages; ++i) {
      REQUIRE(hub.channel().send_talk(numbered(sent++, kMessage)));
    }
    const TimePoint begin = net.now().mono;
    hub.pump();
    REQUIRE(net.run_until([&] { return seen == sent; }, 1min));
    const Duration took = net.now().mono - begin;
    net.run_for(300ms);  // acks, probes and what becomes of them
    return took;
  }

  std::size_t mtu;
  std::size_t longest = 0;
  std::uint64_t datagrams = 0;
  std::uint64_t too_long = 0;
  std::uint64_t dropped = 0;
  std::uint32_t sent = 0;
  std::uint32_t seen = 0;
  SimNet net;
  std::optional<Bottleneck> neck;
  End ann;
  End hub;
};

}  // namespace

TEST_CASE("bursts find out how long a datagram a path carries") {
  const auto [most, found] = GENERATE(table<std::size_t, std::size_t>({{1200, 1200},
                                                                       {1371, 1200},
                                                                       {1372, 1372},
                                                                       {1451, 1372},
                                                                       {1452, 1452},
                                                                       {8951, 1452},
                                                                       {8952, 8952},
                                                                       {65'507, 8952}}));
  CAPTURE(most);
  Way way(most);
  for (int i = 0; i < 20; ++i) {
    CAPTURE(i);
    CHECK(way.burst(64) == 1ms);  // the search delays nothing
  }
  CHECK(way.hub.channel().path_mtu() == found);
  CHECK(way.hub.channel().congestion_window() >= 12'000);  // no sign of congestion
  CHECK(way.longest <= kMaxDatagramBytes);
  CHECK(way.too_long == (found == kMaxDatagramBytes ? 0u : PathMtu::kMaxProbes));
  CHECK(way.hub.times_dropped() > 0);  // what was found outlives an idle phase
  const std::uint64_t before = way.datagrams;
  way.burst(64);
  const std::size_t needed = (64 * (kMessage + 5)) / (found - kTransportOverhead) + 1;
  CHECK(way.datagrams - before <= needed + 1);  // and perhaps an ack
}

TEST_CASE("bulk that never pauses finds it as well, and keeps it where a queue overflows") {
  Way way(9000, 20ms);
  const bool overflows = GENERATE(false, true);
  CAPTURE(overflows);
  if (overflows) way.neck.emplace(way.net, 20e6, 100'000);
  constexpr std::uint32_t kMessages = 5000;
  const StreamId stream = way.hub.channel().open_bulk();
  way.hub.on_pumped = [&] {
    bool more = way.sent < kMessages;
    while (more && way.hub.channel().send_bulk(stream, numbered(way.sent, 1000),
                                               way.sent + 1 == kMessages)) {
      more = ++way.sent < kMessages;
    }
  };
  way.hub.pump();
  bool is_found = false;
  REQUIRE(way.net.run_until(
      [&] {
        const std::size_t mtu = way.hub.channel().path_mtu();
        if (is_found) REQUIRE(mtu == kMaxDatagramBytes);
        is_found = mtu == kMaxDatagramBytes;
        return way.seen == kMessages;
      },
      1min));
  CHECK(is_found);
  CHECK(way.too_long == 0);
  CHECK((way.dropped > 10) == overflows);
}

TEST_CASE("who says little searches for nothing") {
  Way way(9000);
  for (int i = 0; i < 200; ++i) way.burst(5);
  CHECK(way.longest <= kBaseDatagramBytes);
  CHECK(way.datagrams <= 210);
}

TEST_CASE("a path that comes to carry less carries all the same") {
  Way way(9000);
  for (int i = 0; i < 10; ++i) way.burst(64);
  REQUIRE(way.hub.channel().path_mtu() == kMaxDatagramBytes);
  way.mtu = GENERATE(1200u, 1300u, 1460u);
  CAPTURE(way.mtu);
  CHECK(way.burst(64) < 1s);
  for (int i = 0; i < 20; ++i) way.burst(64);
  CHECK(way.hub.channel().path_mtu() <= way.mtu);
  CHECK(way.burst(64) < 10ms);
  CHECK(way.too_long <= PathMtu::kMaxLosses + 2 * PathMtu::kMaxProbes);
}

TEST_CASE("losses that are not in a row say nothing of the path") {
  PathMtu mtu({2, 0, 0});
  for (int i = 0; i < 10; ++i) {
    mtu.on_lost(1452);
    mtu.on_acked(1452);
  }
  CHECK(mtu.size() == 1452);
  // One that is shorter arrives although the path has come to carry less.
  for (int i = 0; i < PathMtu::kMaxLosses; ++i) {
    CHECK(mtu.size() == 1452);
    mtu.on_lost(1452);
    mtu.on_acked(1300);
  }
  CHECK(mtu.size() == kBaseDatagramBytes);
}

TEST_CASE("a path that may carry more by now is searched again") {
  Way way(1452);
  for (int i = 0; i < 10; ++i) way.burst(64);
  CHECK(way.too_long == PathMtu::kMaxProbes);
  way.mtu = 9000;
  for (std::uint32_t i = 0; i < 2 * PathMtu::kPause / 6u; ++i) way.burst(64);
  CHECK(way.too_long == PathMtu::kMaxProbes);
  CHECK(way.hub.channel().path_mtu() == kMaxDatagramBytes);
}

TEST_CASE("a probe of an older search raises nothing, and its loss is not the next one's") {
  PathMtu mtu({2, 0, 0});
  mtu.on_full();
  REQUIRE(mtu.next() == kMaxDatagramBytes);
  mtu.on_probe_sent(7);
  CHECK_FALSE(mtu.next());  // one at a time
  mtu.on_silence();
  mtu.on_full();
  mtu.on_probe_acked(7, kMaxDatagramBytes);
  CHECK(mtu.size() == kBaseDatagramBytes);
  REQUIRE(mtu.next() == 1372u);
  mtu.on_probe_sent(9);
  mtu.on_probe_lost(7, kMaxDatagramBytes);
  CHECK_FALSE(mtu.next());
  CHECK(mtu.rest().probes == 0);
  mtu.on_probe_lost(9, 1372);
  CHECK(mtu.rest().probes == 1);
}

TEST_CASE("after a silence a path is taken for one that carries no more than any") {
  Way way(9000);
  for (int i = 0; i < 10; ++i) way.burst(64);
  REQUIRE(way.hub.channel().path_mtu() == kMaxDatagramBytes);
  way.mtu = 0;
  for (int i = 0; i < 64; ++i) REQUIRE(way.hub.channel().send_talk(numbered(way.sent++, kMessage)));
  way.hub.pump();
  way.net.run_for(2s);
  CHECK(way.hub.channel().path_mtu() == kBaseDatagramBytes);
  way.mtu = 9000;
  REQUIRE(way.net.run_until([&] { return way.seen == way.sent; }, 10s));
  for (int i = 0; i < 60; ++i) way.burst(64);  // until it is trusted again
  CHECK(way.hub.channel().path_mtu() > kBaseDatagramBytes);
}

namespace {

Rest on_path_of(std::size_t step, std::uint32_t window = 0) {
  Rest rest = test::on_good_path();
  rest.mtu = {static_cast<std::uint8_t>(step), 0};
  rest.congestion_window = window;
  rest.talk_out.limit = kTalkWindow;
  return rest;
}

std::size_t bytes_of(const Datagram& datagram) {
  return datagram.frames.size() + kTransportOverhead;
}

/// It acknowledges small datagrams together.
Rest orderly_receiver() {
  Rest rest;
  rest.orderly_in = Acks::kOrderlyRun;
  rest.talk_in.limit = kTalkWindow;
  rest.bulk_in.limit = kBulkWindow;
  return rest;
}

void fill(Side& side, int messages, std::size_t bytes = kMessage) {
  for (int i = 0; i < messages; ++i) {
    REQUIRE(side.channel.send_talk(numbered(static_cast<std::uint32_t>(i), bytes)));
  }
}

}  // namespace

TEST_CASE("a new path begins with what every path carries") {
  Side side(after_login(), on_path_of(3));
  CHECK(side.channel.path_mtu() == kMaxDatagramBytes);
  side.channel.on_path_changed(kStart);
  CHECK(side.channel.path_mtu() == kBaseDatagramBytes);
}

TEST_CASE("what a probe timeout sends is no longer than every path carries") {
  Side side(after_login(), on_path_of(3));
  fill(side, 64);
  const auto first = side.poll(kStart);
  REQUIRE(first);
  CHECK(bytes_of(*first) > 6000);
  REQUIRE(side.poll_all(kStart).empty());
  const auto timeout = side.channel.next_timeout();
  REQUIRE(timeout);
  side.channel.on_timeout(*timeout);
  const auto again = side.poll(*timeout);
  REQUIRE(again);
  CHECK(bytes_of(*again) <= kBaseDatagramBytes);
}

TEST_CASE("a probe takes no room from messages that wait") {
  Side side(after_login(), on_path_of(2, 14'000));
  fill(side, 64);
  std::size_t bytes = 0;
  for (const Datagram& datagram : side.poll_all(kStart)) bytes += bytes_of(datagram);
  CHECK(bytes > 64 * kMessage);
  CHECK(bytes < kMaxDatagramBytes);
  CHECK(side.channel.bytes_in_flight() == bytes);
}

TEST_CASE("whom the window stops has so much outstanding that it is acknowledged at once") {
  const std::uint32_t window = GENERATE(2400u, 3000u, 6000u, 9000u, 12'000u);
  const std::size_t message = GENERATE(as<std::size_t>(), 100, 1000);
  CAPTURE(window, message);
  Side a(after_login(), on_path_of(3, window));
  Side b(after_login(), orderly_receiver());
  fill(a, static_cast<int>(24'000 / message), message);
  const auto sent = a.poll_all(kStart);
  CHECK(a.channel.bytes_in_flight() <= window);
  for (const Datagram& datagram : sent) b.receive(datagram, kStart);
  CHECK(b.poll(kStart));
}

TEST_CASE("a path that loses is not searched") {
  Rest rest = on_path_of(0);
  rest.caution = GENERATE(std::uint8_t{0}, std::uint8_t{64});
  CAPTURE(int{rest.caution});
  Side a(after_login(), rest);
  Side b(after_login(), orderly_receiver());
  fill(a, 20);
  for (const Datagram& datagram : a.poll_all(kStart)) b.receive(datagram, kStart);
  while (const auto ack = b.poll(kStart)) a.receive(*ack, kStart + 10ms);
  const bool is_searched = [&] {
    for (const Datagram& datagram : a.poll_all(kStart + 10ms)) {
      if (bytes_of(datagram) > kBaseDatagramBytes) return true;
    }
    return false;
  }();
  CHECK(is_searched == (rest.caution == 0));
}
