// Sparse talk on a path that loses is sent again before its loss is heard of; nowhere else.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/support/channel_end.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;
using test::Datagram;
using test::End;
using test::numbered;
using test::Side;
using test::SimNet;

namespace {

const TimePoint kStart{1h};

std::vector<std::uint64_t> talk_seqs(const Datagram& datagram) {
  auto list = decode(datagram.frames);
  REQUIRE(list);
  std::vector<std::uint64_t> seqs;
  while (const auto frame = list->next()) {
    if (frame->type == FrameType::kTalk) seqs.push_back(frame->seq);
  }
  return seqs;
}

using Seqs = std::vector<std::uint64_t>;

/// A sender and its receiver, 1 ms apart; the test says what gets lost.
struct Pair {
  explicit Pair(const Rest& rest = test::on_good_path())
      : ann(after_login(), rest), hub(after_login(), rest) {}

  Side ann;
  Side hub;
  TimePoint now = kStart;
  std::uint32_t next = 0;

  static Config after_login() {
    Config config;
    config.talk_window = 32'768;
    return config;
  }

  Datagram say(std::size_t bytes = 100) {
    REQUIRE(ann.channel.send_talk(numbered(next++, bytes)));
    const auto datagram = ann.poll(now);
    REQUIRE(datagram);
    return *datagram;
  }
  void carry(const Datagram& datagram) { hub.receive(datagram, now + 1ms); }
  /// The hub's acks arrive, and whatever it owes.
  void acknowledge() {
    now += 30ms;
    hub.channel.on_timeout(now);
    for (const Datagram& each : hub.poll_all(now)) ann.receive(each, now);
    ann.channel.on_timeout(now);
  }
  /// One message is lost, and later found to be.
  void lose_one() {
    say();
    now += 1ms;
    for (int i = 0; i < 3; ++i) carry(say());
    acknowledge();
    for (const Datagram& again : ann.poll_all(now)) carry(again);
    acknowledge();
    REQUIRE(ann.channel.is_idle());
  }
  std::vector<Datagram> after(Duration wait) {
    now += wait;
    ann.channel.on_timeout(now);
    return ann.poll_all(now);
  }
};

}  // namespace

TEST_CASE("on a clean path nothing is sent twice") {
  Pair pair;
  for (int i = 0; i < 20; ++i) {
    pair.carry(pair.say());
    CHECK(pair.after(5ms).empty());
    pair.acknowledge();
  }
  CHECK(pair.ann.next_number == 20);
}

TEST_CASE("after a loss a message alone on its way goes once more, 5 ms later") {
  Pair pair;
  pair.lose_one();
  const Datagram first = pair.say();
  CHECK(pair.after(4ms).empty());
  const auto again = pair.after(1ms);
  REQUIRE(again.size() == 1);
  CHECK(talk_seqs(again[0]) == talk_seqs(first));
  CHECK(again[0].number == first.number + 1);
  CHECK(pair.ann.channel.bytes_in_flight() > 200);  // both count
  CHECK(pair.after(6ms).empty());                   // and no third

  pair.carry(again[0]);  // the first one is lost: nobody waits for it
  CHECK(pair.hub.channel.take_delivered().size() == 5);
  pair.acknowledge();
  CHECK(pair.ann.poll_all(pair.now).empty());
}

TEST_CASE("what was acknowledged in time is not repeated") {
  Pair pair;
  pair.lose_one();
  pair.carry(pair.say());
  pair.carry(pair.say());  // the second one makes the hub acknowledge at once
  for (const Datagram& each : pair.hub.poll_all(pair.now)) pair.ann.receive(each, pair.now);
  CHECK(pair.after(5ms).empty());
}

TEST_CASE("what may be lost rides along with what comes next") {
  Pair pair;
  pair.lose_one();
  const Seqs first = talk_seqs(pair.say());
  pair.now += 3ms;
  const Datagram second = pair.say();
  const Seqs both = talk_seqs(second);
  REQUIRE(both.size() == 2);
  CHECK(std::count(both.begin(), both.end(), first[0]) == 1);
  CHECK(both[0] == first[0] + 1);  // the new one first
  // The timer of the first one: it has two copies already, the second one not, and takes it along.
  const auto again = pair.after(2ms);
  REQUIRE(again.size() == 1);
  CHECK(talk_seqs(again[0]) == Seqs{first[0], both[0]});
  // Four are the most.
  CHECK(talk_seqs(pair.say()) == Seqs{first[0] + 2, first[0], first[0] + 1});
  CHECK(talk_seqs(pair.say()) == Seqs{first[0] + 3, first[0] + 1, first[0] + 2});
}

TEST_CASE("dense talk is not repeated, however much is lost") {
  Pair pair;
  pair.lose_one();
  for (int i = 0; i < 4; ++i) pair.say(1000);
  const std::uint64_t before = pair.ann.next_number;
  CHECK(pair.after(5ms).empty());
  CHECK(pair.ann.next_number == before);
}

TEST_CASE("a path that stopped losing is trusted again") {
  Pair pair;
  pair.lose_one();
  const Rest rest = pair.ann.channel.rest();
  CHECK(rest.caution > 0);

  SECTION("after enough acks") {
    for (int i = 0; i < 64; ++i) {
      pair.carry(pair.say());
      pair.acknowledge();
    }
    CHECK(pair.ann.channel.rest().caution == 0);
  }
  SECTION("but not for having rested") {
    Side again(Pair::after_login(), rest);
    CHECK(again.channel.rest().caution == rest.caution);
  }
}

TEST_CASE("a path of which nothing is known might lose, unless it turns out to be a short one") {
  Pair pair{Rest{}};
  const auto times_sent = [&pair](Duration round_trip) {
    const std::uint64_t before = pair.ann.next_number;
    const Datagram first = pair.say();
    const auto again = pair.after(5ms);
    pair.hub.receive(first, pair.now);
    for (const Datagram& each : again) pair.hub.receive(each, pair.now);
    pair.now += round_trip - 5ms;
    for (const Datagram& each : pair.hub.poll_all(pair.now)) pair.ann.receive(each, pair.now);
    return pair.ann.next_number - before;
  };
  const auto times_until_trusted = [&](Duration round_trip) {
    for (int i = 0; i < 100; ++i) {
      if (times_sent(round_trip) == 1) return i;
      pair.acknowledge();
    }
    return 100;
  };
  SECTION("after 64 acks") { CHECK(times_until_trusted(50ms) == 32); }
  SECTION("after one round trip") { CHECK(times_until_trusted(8ms) == 1); }
  SECTION("and the same of each new path") {
    REQUIRE(times_until_trusted(50ms) == 32);
    pair.acknowledge();
    Rest moved = pair.ann.channel.rest();
    forget_path(moved);
    CHECK(moved.caution == Rest{}.caution);
    pair.ann.channel.on_path_changed(pair.now);
    CHECK(times_until_trusted(50ms) == 32);
  }
}

TEST_CASE("sparse talk at 5 % loss is nearly as quick as on a clean path") {
  SimNet net(7, {.loss = 0.05, .delay = 25ms});
  const Endpoint ann_at = *Endpoint::parse("10.0.0.1:1000");
  const Endpoint hub_at = *Endpoint::parse("10.0.0.2:32000");
  const bool drop_when_idle = GENERATE(false, true);
  End ann(net, ann_at, hub_at, {Pair::after_login(), drop_when_idle});
  End hub(net, hub_at, ann_at, {Pair::after_login(), drop_when_idle});
  std::vector<TimePoint> sent;
  std::vector<Duration> taken;
  hub.on_delivered = [&](const Delivered& message) {
    taken.push_back(net.now().mono - sent.at(test::number_of(message.bytes)));
  };
  constexpr std::uint32_t kPosts = 4000;
  for (std::uint32_t i = 0; i < kPosts; ++i) {
    net.after(50ms * i, [&, i] {
      sent.push_back(net.now().mono);
      REQUIRE(ann.channel().send_talk(numbered(i, 100)));
      ann.pump();
    });
  }
  REQUIRE(net.run_until([&] { return taken.size() == kPosts; }, 10min));
  std::sort(taken.begin(), taken.end());
  CHECK(taken[kPosts / 2] == 25ms);
  CHECK(taken[kPosts * 99 / 100] <= 31ms);
  CHECK(taken[kPosts * 999 / 1000] <= 80ms);
  // Of which at most every second one is a repeat.
  CHECK(ann.datagrams_sent() <= kPosts * 22 / 10);
}
