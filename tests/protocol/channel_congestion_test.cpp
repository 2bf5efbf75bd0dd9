#include <catch2/catch.hpp>

#include "protocol/channel/newreno.hpp"
#include "protocol/channel/pacer.hpp"
#include "protocol/channel/rtt.hpp"

using namespace hub;
using namespace hub::channel;
using namespace std::chrono_literals;

namespace {
const TimePoint kStart{1h};
}

TEST_CASE("before any sample the RTT is the initial one, its variance half of it") {
  const Rtt rtt(333ms);
  CHECK_FALSE(rtt.has_sample());
  CHECK(rtt.smoothed() == 333ms);
  CHECK(rtt.variance() == 166'500us);
  CHECK(rtt.pto() == 333ms + 666ms + 25ms);
  CHECK(rtt.loss_delay() == 374'625us);
  CHECK(rtt.rest().smoothed_us == 0);
}

TEST_CASE("RTT samples are smoothed as RFC 9002, section 5.3, says") {
  Rtt rtt(333ms);
  rtt.sample(100ms, 20ms);  // the first one: the ack delay does not count
  CHECK(rtt.smoothed() == 100ms);
  CHECK(rtt.variance() == 50ms);
  CHECK(rtt.min() == 100ms);
  CHECK(rtt.pto() == 100ms + 200ms + 25ms);
  CHECK(rtt.loss_delay() == 112'500us);
  rtt.sample(132ms, 20ms);  // 112 ms: 3/4 of 50 + 1/4 of 12; 7/8 of 100 + 1/8 of 112
  CHECK(rtt.variance() == 40'500us);
  CHECK(rtt.smoothed() == 101'500us);
  CHECK(rtt.pto() == 101'500us + 162ms + 25ms);
  CHECK(rtt.loss_delay() == 148'500us);  // 9/8 of the latest, which is larger
  rtt.sample(110ms, 20ms);               // less the delay it would fall below the minimum: as it is
  CHECK(rtt.variance() == 32'500us);
  CHECK(rtt.smoothed() == 102'562'500ns);
  rtt.sample(60ms, 0ms);
  CHECK(rtt.min() == 60ms);
}

TEST_CASE("a peer's ack delay is believed up to 25 ms") {
  Rtt rtt(333ms);
  rtt.sample(100ms, 0ms);
  rtt.sample(300ms, 250ms);
  CHECK(rtt.smoothed() == 121'875us);  // 7/8 of 100 + 1/8 of 275
}

TEST_CASE("no interval falls below the timer's granularity") {
  Rtt rtt(333ms);
  for (int i = 0; i < 50; ++i) rtt.sample(10us, 0ms);
  CHECK(rtt.loss_delay() == 1ms);
  CHECK(rtt.pto() >= 26ms);
  CHECK(rtt.pto() < 27ms);
}

TEST_CASE("an RTT estimate outlives an idle phase in microseconds") {
  Rtt rtt(333ms);
  rtt.sample(100ms, 0ms);
  rtt.sample(132ms, 20ms);
  const Rtt again(333ms, rtt.rest());
  CHECK(again.has_sample());
  CHECK(again.smoothed() == rtt.smoothed());
  CHECK(again.variance() == rtt.variance());
  CHECK(again.min() == rtt.min());
}

TEST_CASE("NewReno starts slowly, halves once a round trip, then grows by a datagram a window") {
  NewReno reno;
  CHECK(reno.window() == 12'000);
  reno.on_acked(1'200, kStart, true);
  CHECK(reno.window() == 13'200);
  reno.on_acked(1'200, kStart, false);  // not what held the sender back
  CHECK(reno.window() == 13'200);
  reno.on_lost(kStart + 1ms, kStart + 10ms);
  CHECK(reno.window() == 6'600);
  CHECK(reno.slow_start_threshold() == 6'600);
  reno.on_lost(kStart + 10ms, kStart + 12ms);  // sent before the halving: the same event
  CHECK(reno.window() == 6'600);
  reno.on_acked(1'200, kStart + 9ms, true);  // in recovery
  CHECK(reno.window() == 6'600);
  for (int i = 0; i < 5; ++i) reno.on_acked(1'200, kStart + 20ms, true);
  CHECK(reno.window() == 6'600);
  reno.on_acked(1'200, kStart + 20ms, true);
  CHECK(reno.window() == 7'800);
  reno.on_lost(kStart + 20ms, kStart + 30ms);
  CHECK(reno.window() == 3'900);
  for (int i = 0; i < 5; ++i) reno.on_lost(kStart + 1h * i, kStart + 1h * i + 1ms);
  CHECK(reno.window() == 2'400);
}

TEST_CASE("persistent congestion leaves the smallest window, from which slow start begins") {
  NewReno reno;
  reno.on_lost(kStart, kStart + 1ms);
  reno.on_persistent_congestion();
  CHECK(reno.window() == 2'400);
  CHECK(reno.slow_start_threshold() == 6'000);
  reno.on_acked(1'200, kStart, true);
  CHECK(reno.window() == 3'600);
}

TEST_CASE("a window outlives an idle phase") {
  NewReno reno;
  reno.on_lost(kStart, kStart + 1ms);
  const NewReno again({reno.window(), reno.slow_start_threshold()});
  CHECK(again.window() == 6'000);
  CHECK(again.slow_start_threshold() == 6'000);
}

TEST_CASE("bulk is paced at 5/4 of a window each round trip, after a burst of ten datagrams") {
  Pacer pacer;
  TimePoint now = kStart;
  for (int i = 0; i < 10; ++i) {
    REQUIRE(pacer.ready_at(24'000, 100ms, now) == now);
    pacer.on_sent(1'200);
  }
  // 24,000 bytes * 5/4 in 100 ms are 300 bytes a millisecond.
  std::size_t sent = 0;
  while (now < kStart + 100ms) {
    const TimePoint ready = pacer.ready_at(24'000, 100ms, now);
    if (ready > now) {
      REQUIRE(ready <= now + 4ms + 1us);
      now = ready;
      continue;
    }
    pacer.on_sent(1'200);
    sent += 1'200;
    REQUIRE(sent <= 31'200);
  }
  CHECK(sent >= 29'000);
  CHECK(sent <= 31'200);
  // After a pause there is one burst again, no more.
  now += 10s;
  int burst = 0;
  while (burst <= 10 && pacer.ready_at(24'000, 100ms, now) == now) {
    pacer.on_sent(1'200);
    ++burst;
  }
  CHECK(burst == 10);
}
