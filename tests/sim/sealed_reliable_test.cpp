// At 30 % loss each way, with repeats and reordering, a login completes and what is posted arrives
// once and in order.
#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

constexpr LinkFaults kBadLink{
    .loss = 0.3, .duplicate = 0.05, .corrupt = 0.01, .delay = 10ms, .jitter = 30ms};

std::string text_of(int i) { return "line " + std::to_string(i); }

/// bob follows ann, who posts `count` lines one after the other; bob's screen must hold each once,
/// in order, and nobody had to log in twice.
void converse(std::uint64_t seed, int count) {
  CAPTURE(seed, count);
  SealedWorld w(seed);
  w.net.faults() = kBadLink;
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  for (int i = 0; i < count; ++i) {
    if (!w.post("ann", text_of(i))) FAIL("not acknowledged: " << text_of(i));
  }
  REQUIRE(w.sees("bob", "<ann>" + text_of(count - 1)));
  w.net.run_for(5s);  // what the network still repeats
  std::vector<std::string> wanted = {"login_ack#successful", "subscribe_ack#successful"};
  for (int i = 0; i < count; ++i) wanted.push_back("<ann>" + text_of(i));
  REQUIRE(w["bob"].lines() == wanted);
  REQUIRE(w["ann"].count("post_ack#successful") == static_cast<std::size_t>(count));
  REQUIRE(w["ann"].lines().size() == static_cast<std::size_t>(count) + 1);
  REQUIRE(w.openings() == 2);
  REQUIRE(w.host.counters().posts_committed == static_cast<std::size_t>(count));
}

}  // namespace

TEST_CASE("sealed: 200 messages at 30 % loss each way, once and in order", "[p6]") {
  constexpr std::uint64_t kSeeds = trials(1000, 20);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) converse(seed, trials(200, 60));
}

TEST_CASE("sealed: 10,000 messages at 30 % loss each way, once and in order", "[p6]") {
  constexpr std::uint64_t kSeeds = trials(10, 1);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) converse(seed + 5000, trials(10'000, 1'000));
}
