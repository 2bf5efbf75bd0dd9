#include "client/core/liveness.hpp"

#include <catch2/catch.hpp>

#include "tests/support/sim_net.hpp"

namespace hub::client {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1h};

struct Fixture {
  explicit Fixture(std::uint64_t seed = 1) : random(seed), liveness(LivenessConfig{}, random) {
    liveness.begin(kStart);
  }
  /// How long after `now` it speaks.
  Duration wait(TimePoint now) const { return liveness.next_timeout() - now; }

  test::SeededRandom random;
  Liveness liveness;
};

}  // namespace

TEST_CASE(
    "liveness: a keep-alive every 25 s, or a third of the session timeout, less up to a tenth") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  Fixture f(seed);
  const auto within = [&](TimePoint now, Duration longest) {
    return f.wait(now) <= longest && f.wait(now) >= longest * 9 / 10;
  };
  CHECK(within(kStart, 25s));
  f.liveness.set_session_timeout(60s, kStart);
  CHECK(within(kStart, 20s));
  f.liveness.set_session_timeout(10min, kStart);
  CHECK(within(kStart, 25s));
  f.liveness.set_session_timeout(1ms, kStart);  // nobody means that
  CHECK(within(kStart, 100ms));
  f.liveness.set_session_timeout(30s, kStart);
  f.liveness.on_sent(kStart + 7s);
  CHECK(within(kStart + 7s, 10s));
}

TEST_CASE("liveness: keep-alives do not come at one and the same moment for everybody") {
  Duration shortest = 25s;
  Duration longest = 0s;
  for (std::uint64_t seed = 1; seed < 50; ++seed) {
    const Fixture f(seed);
    shortest = std::min(shortest, f.wait(kStart));
    longest = std::max(longest, f.wait(kStart));
  }
  CHECK(longest - shortest > 1s);
}

TEST_CASE(
    "liveness: after a silence of four usual gaps it asks, and then half as often each time") {
  Fixture f;
  TimePoint now = kStart;
  for (int i = 0; i < 50; ++i) {
    now += 300ms;
    f.liveness.on_heard(now);
    f.liveness.on_sent(now);
    CHECK_FALSE(f.liveness.on_timeout(now));
  }
  Duration expected = 1200ms;
  for (int i = 0; i < 4; ++i) {
    const Duration wait = f.wait(now);
    CHECK(wait > expected * 95 / 100);
    CHECK(wait < expected * 105 / 100);
    CHECK_FALSE(f.liveness.on_timeout(now + wait - 1ms));
    now += wait;
    CHECK(f.liveness.on_timeout(now));
    CHECK_FALSE(f.liveness.on_timeout(now));  // once
    f.liveness.on_sent(now);
    expected *= 2;
  }
  f.liveness.on_heard(now);  // there it is: the usual wait again, with this gap in the average
  CHECK(f.wait(now) > 1200ms);
  CHECK(f.wait(now) < 20s);
}

TEST_CASE("liveness: half a second at least, however fast the talk was") {
  Fixture f;
  TimePoint now = kStart;
  for (int i = 0; i < 500; ++i) {
    now += 2ms;
    f.liveness.on_heard(now);
  }
  CHECK(f.wait(now) == 500ms);
}

TEST_CASE("liveness: a new connection knows nothing of the last one's pace") {
  Fixture f;
  f.liveness.set_session_timeout(9s, kStart);
  f.liveness.on_heard(kStart + 10ms);
  f.liveness.on_heard(kStart + 20ms);
  f.liveness.begin(kStart + 1s);
  CHECK(f.wait(kStart + 1s) >= 22s);
}

}  // namespace hub::client
