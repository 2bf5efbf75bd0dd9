// Channels over bad links, in virtual time: every message arrives once and in order.
#include <algorithm>
#include <map>

#include <catch2/catch.hpp>

#include "tests/support/channel_end.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;
using test::after_login;
using test::Bottleneck;
using test::End;
using test::LinkFaults;
using test::number_of;
using test::numbered;
using test::SimNet;

namespace {

const Endpoint kAnn = *Endpoint::parse("10.0.0.1:1000");
const Endpoint kHub = *Endpoint::parse("10.0.0.2:32000");

/// What one side has sent and the other has seen of it.
struct Traffic {
  std::uint32_t talk_goal = 0;
  std::uint32_t talk_sent = 0;
  std::uint32_t talk_seen = 0;
  std::uint32_t bulk_goal = 0;  // messages, ten a stream
  std::uint32_t bulk_sent = 0;
  std::uint32_t bulk_seen = 0;
  std::optional<StreamId> open_stream;
  std::map<StreamId, std::uint32_t> seen_of;  // the next message of each stream
};

constexpr std::uint32_t kStreamMessages = 10;

/// Both directions full of numbered messages over one SimNet.
class World {
 public:
  struct Load {
    std::uint32_t talk = 100;
    std::uint32_t bulk = 0;
    bool drop_when_idle = false;
    Duration pause{0};  // between two messages of talk; 0: as fast as they are taken
  };

  World(std::uint64_t seed, const LinkFaults& faults, const Load& load)
      : net(seed, faults),
        load_(load),
        ann(net, kAnn, kHub, {after_login(), load.drop_when_idle}),
        hub(net, kHub, kAnn, {after_login(), load.drop_when_idle}) {
    from_ann.talk_goal = from_hub.talk_goal = load.talk;
    from_ann.bulk_goal = from_hub.bulk_goal = load.bulk;
    ann.on_delivered = [this](const Delivered& message) { check(message, from_hub); };
    hub.on_delivered = [this](const Delivered& message) { check(message, from_ann); };
    feed(ann, from_ann);
    feed(hub, from_hub);
  }

  bool is_done() const { return is_done(from_ann) && is_done(from_hub); }
  /// Everything has arrived, and later nothing is left to do.
  void finish(Duration limit) {
    REQUIRE(net.run_until([this] { return is_done(); }, limit));
    REQUIRE(in_order);
    REQUIRE(
        net.run_until([this] { return ann.channel().is_idle() && hub.channel().is_idle(); }, 5min));
    CHECK_FALSE(ann.channel().next_timeout());
    CHECK_FALSE(hub.channel().next_timeout());
    CHECK(from_ann.talk_seen == load_.talk);
    CHECK(from_hub.talk_seen == load_.talk);
    CHECK(ann.channel().bytes_in_flight() == 0);
    CHECK(ann.channel().talk_queued_bytes() + ann.channel().bulk_queued_bytes() == 0);
  }

  SimNet net;

 private:
  Load load_;

 public:
  End ann;
  End hub;
  Traffic from_ann;
  Traffic from_hub;
  bool in_order = true;

 private:
  static bool is_done(const Traffic& traffic) {
    return traffic.talk_seen == traffic.talk_goal && traffic.bulk_seen == traffic.bulk_goal;
  }

  void check(const Delivered& message, Traffic& traffic) {
    std::uint32_t& expected =
        message.lane == Lane::kTalk ? traffic.talk_seen : traffic.seen_of[message.stream];
    if (number_of(message.bytes) != expected) in_order = false;
    ++expected;
    if (message.lane == Lane::kTalk) return;
    ++traffic.bulk_seen;
    if (message.last != (expected == kStreamMessages)) in_order = false;
  }

  void feed(End& end, Traffic& traffic) {
    for (bool more = true; more;) {
      more = false;
      const std::size_t bytes = 4 + net.dice()() % (net.dice()() % 4 == 0 ? 1'000 : 100);
      if (traffic.talk_sent < traffic.talk_goal &&
          end.channel().send_talk(numbered(traffic.talk_sent, bytes))) {
        ++traffic.talk_sent;
        more = load_.pause == Duration::zero();
      }
      more = feed_bulk(end, traffic, bytes) || more;
    }
    end.pump();
    if (traffic.talk_sent == traffic.talk_goal && traffic.bulk_sent == traffic.bulk_goal) return;
    const Duration pause = load_.pause > Duration::zero() ? load_.pause : Duration(100ms);
    net.after(pause, [this, &end, &traffic] { feed(end, traffic); });
  }

  static bool feed_bulk(End& end, Traffic& traffic, std::size_t bytes) {
    if (traffic.bulk_sent == traffic.bulk_goal) return false;
    if (!traffic.open_stream) traffic.open_stream = end.channel().open_bulk();
    const std::uint32_t number = traffic.bulk_sent % kStreamMessages;
    const bool last = number == kStreamMessages - 1;
    if (!end.channel().send_bulk(*traffic.open_stream, numbered(number, bytes), last)) return false;
    ++traffic.bulk_sent;
    if (last) traffic.open_stream.reset();
    return true;
  }
};

int count(int many) { return test::fewer_if_slow(many); }

}  // namespace

TEST_CASE("over a perfect link nothing is sent twice") {
  World world(1, {.delay = 20ms}, {.talk = 500, .bulk = 200});
  world.finish(1min);
  CHECK(world.ann.channel().smoothed_rtt() >= 40ms);
  CHECK(world.ann.channel().smoothed_rtt() < 70ms);
  CHECK(world.ann.datagrams_sent() < 400);
}

TEST_CASE("every message arrives once and in order over bad links") {
  const auto round = GENERATE(range(0, 600));
  if (round >= count(600)) return;
  const std::uint64_t seed = 1'000 + static_cast<std::uint64_t>(round);
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  LinkFaults faults;
  faults.loss = 0.05 * static_cast<double>(dice() % 11);  // up to a half, each way
  faults.duplicate = dice() % 2 == 0 ? 0.1 : 0;
  faults.delay = dice() % 5 == 0 ? 750ms : std::chrono::milliseconds(dice() % 100);
  faults.jitter = std::chrono::milliseconds(dice() % 3 == 0 ? 200 : 1 + dice() % 20);
  World::Load load;
  load.bulk = dice() % 2 == 0 ? 50 : 0;
  load.drop_when_idle = dice() % 2 == 0;
  load.pause = dice() % 3 == 0 ? 300ms : 0ms;
  World world(seed, faults, load);
  world.finish(2h);
}

TEST_CASE("blackholes of 5 s are survived, and the first probe behind them is soon") {
  const auto round = GENERATE(range(0, 30));
  if (round >= count(30)) return;
  const std::uint64_t seed = 5'000 + static_cast<std::uint64_t>(round);
  CAPTURE(seed);
  LinkFaults faults;
  faults.delay = round % 3 == 0 ? 750ms : 30ms;
  faults.jitter = 10ms;
  faults.loss = round % 2 == 0 ? 0.2 : 0;
  World::Load load;
  load.talk = 200;
  load.pause = 100ms;
  load.drop_when_idle = round % 2 == 1;
  World world(seed, faults, load);
  for (int i = 0; i < 4; ++i) {
    world.net.run_for(3s);
    world.net.cut(kAnn, true);
    world.net.run_for(5s);
    world.net.cut(kAnn, false);
    if (faults.loss > 0) continue;
    // Probes are at most 3 s apart: so long, and a round trip, until something is heard again.
    const std::uint32_t seen = world.from_ann.talk_seen;
    const bool has_more = seen < load.talk;
    const bool heard = world.net.run_until([&] { return world.from_ann.talk_seen > seen; },
                                           3s + 2 * faults.delay + 100ms);
    CHECK((heard || !has_more));
  }
  world.finish(1h);
}

TEST_CASE("idle channels are dropped and made again, and nothing changes") {
  const auto seed = GENERATE(range(7'000u, 7'020u));
  CAPTURE(seed);
  World world(seed, {.loss = 0.1, .duplicate = 0.1, .delay = 30ms, .jitter = 30ms},
              {.talk = 100, .drop_when_idle = true, .pause = 1s});
  world.finish(1h);
  CHECK(world.ann.times_dropped() > 50);
  CHECK(world.hub.times_dropped() > 50);
}

TEST_CASE("ten thousand messages each way at 30 % loss [long]") {
  const auto seed = GENERATE(range(9'000u, 9'010u));
  if (seed >= 9'000u + static_cast<unsigned>(count(10))) return;
  CAPTURE(seed);
  World world(seed, {.loss = 0.3, .duplicate = 0.05, .delay = 40ms, .jitter = 30ms},
              {.talk = 10'000, .bulk = 1'000});
  world.finish(24h);
}

namespace {

/// A bulk sender and its receiver on one bottleneck; the way back is free.
struct BulkFlow {
  BulkFlow(SimNet& net, Bottleneck& link, const char* from, const char* to)
      : sender(net, *Endpoint::parse(from), *Endpoint::parse(to), {after_login(), false},
               [&link, this](const Endpoint& self, const Endpoint& peer, Bytes datagram) {
                 if (!link.send(self, peer, datagram)) ++dropped;
               }),
        receiver(net, *Endpoint::parse(to), *Endpoint::parse(from), {after_login(), false}) {
    receiver.on_delivered = [this](const Delivered& message) {
      (message.lane == Lane::kBulk ? bulk_bytes : talk_messages) +=
          message.lane == Lane::kBulk ? message.bytes.size() : 1;
    };
    sender.on_pumped = [this] { fill(); };
    receiver.pump();
  }

  void start() {
    stream = sender.channel().open_bulk();
    fill();
    sender.pump();
  }
  void fill() {
    if (!stream) return;
    while (sender.channel().bulk_queued_bytes() < 100'000 &&
           sender.channel().send_bulk(*stream, numbered(0, 1'100), false)) {
    }
  }

  std::uint64_t dropped = 0;
  std::uint64_t bulk_bytes = 0;
  std::uint64_t talk_messages = 0;
  std::optional<StreamId> stream;
  End sender;
  End receiver;
};

constexpr double kMegabit = 1'000'000;

}  // namespace

TEST_CASE("bulk uses a bottleneck, backs off, and keeps its queue bounded") {
  SimNet net(1, {.delay = 25ms});
  Bottleneck link(net, kMegabit, 20'000);
  BulkFlow flow(net, link, "10.0.0.1:1", "10.0.0.2:1");
  flow.start();
  net.run_for(60s);
  CHECK(8.0 * static_cast<double>(flow.bulk_bytes) > 0.75 * 60 * kMegabit);  // of the payload
  CHECK(flow.dropped > 5);
  CHECK(flow.dropped < 200);  // of about 6,500
  CHECK(flow.sender.channel().congestion_window() < 40'000);
}

TEST_CASE("two flows share a bottleneck") {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  SimNet net(seed, {.delay = 25ms, .jitter = 1ms});
  Bottleneck link(net, kMegabit, 20'000);
  BulkFlow first(net, link, "10.0.0.1:1", "10.0.0.2:1");
  BulkFlow second(net, link, "10.0.0.3:1", "10.0.0.4:1");
  first.start();
  net.run_for(10s);
  second.start();  // comes late
  net.run_for(10s);
  const std::uint64_t first_before = first.bulk_bytes;
  const std::uint64_t second_before = second.bulk_bytes;
  net.run_for(120s);
  const auto of_first = static_cast<double>(first.bulk_bytes - first_before);
  const auto of_second = static_cast<double>(second.bulk_bytes - second_before);
  CAPTURE(of_first, of_second);
  CHECK(of_first > (of_first + of_second) / 3);
  CHECK(of_second > (of_first + of_second) / 3);
}

TEST_CASE("a constant flow of a third of a bottleneck keeps nearly all of it") {
  SimNet net(3, {.delay = 25ms});
  Bottleneck link(net, kMegabit, 20'000);
  BulkFlow bulk(net, link, "10.0.0.1:1", "10.0.0.2:1");
  bulk.start();
  const std::vector<std::uint8_t> datagram(1'000);
  int sent = 0;
  int kept = 0;
  std::function<void()> tick = [&] {
    ++sent;
    if (link.send(*Endpoint::parse("10.0.0.5:1"), *Endpoint::parse("10.0.0.6:1"), datagram)) ++kept;
    net.after(25ms, tick);  // 337 kbit/s
  };
  tick();
  net.run_for(60s);
  CHECK(kept > 0.9 * sent);
  CHECK(8.0 * static_cast<double>(bulk.bulk_bytes) > 0.4 * 60 * kMegabit);
}

TEST_CASE("talk behind saturated bulk waits at most two round trips longer") {
  const std::size_t queue = GENERATE(std::size_t{10'000}, std::size_t{20'000}, std::size_t{60'000});
  CAPTURE(queue);
  SimNet net(5, {.delay = 25ms});
  Bottleneck link(net, kMegabit, queue);
  BulkFlow flow(net, link, "10.0.0.1:1", "10.0.0.2:1");
  flow.start();
  net.run_for(10s);
  const Duration full_queue = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(8.0 * static_cast<double>(queue) / kMegabit));
  const Duration round_trip = 50ms + full_queue;  // including the queue
  std::vector<Duration> waits;
  for (int i = 0; i < 200; ++i) {
    net.run_for(std::chrono::milliseconds(97));
    const TimePoint sent = net.now().mono;
    const std::uint64_t before = flow.talk_messages;
    flow.sender.channel().send_talk(numbered(0, 500));
    flow.sender.pump();
    REQUIRE(net.run_until([&] { return flow.talk_messages > before; }, 10s));
    waits.push_back(net.now().mono - sent);
  }
  std::sort(waits.begin(), waits.end());
  const Duration alone = 25ms + 5ms;
  CAPTURE(std::chrono::duration_cast<std::chrono::milliseconds>(waits.back()).count());
  CHECK(waits[waits.size() / 2] <= alone + round_trip);
  CHECK(waits.back() <= alone + 2 * round_trip);
}
