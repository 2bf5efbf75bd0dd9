// A follower that does not take what it is sent does not hold up the others.
#include <algorithm>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

enum class Stall { kNobody, kInTheDark, kReadsNothing, kAsksAndReadsNothing, kComesBackAndAgain };

/// From a post's commit to its arrival at each of the others: the 99th percentile.
Duration delay_of_others(Stall how) {
  SealedWorld w(1, {});
  w.account("ann");
  w.net.faults() = {.loss = 0, .duplicate = 0.01, .corrupt = 0, .delay = 20ms, .jitter = 3ms};
  w.host.delays() = {3ms, 0ms, 2ms, false, true};
  auto bob = w.online("bob");
  w.follow_beside("bob", "ann");
  std::vector<std::unique_ptr<SealedPeer>> others;
  const int count = 20;
  for (int i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(i);
    others.push_back(w.online(name));
    w.follow_beside(name, "ann");
  }
  const Endpoint bobs = bob->endpoint();
  if (how == Stall::kInTheDark) w.net.cut(bobs, true);
  if (how != Stall::kNobody && how != Stall::kInTheDark) bob->stop_reading();
  const int posts = trials(3000, 600);
  const std::string text(300, 'x');
  std::vector<TimePoint> committed;
  for (int i = 0; i < posts; ++i) {
    committed.push_back(w.net.now().mono);
    w.posts_beside("ann", 1, text);
    if (how == Stall::kAsksAndReadsNothing) bob->send(Opcode::kRetrieve, "1000");
    if (how == Stall::kComesBackAndAgain && i % 50 == 0) bob->come_back("bob", 0);
    w.net.run_for(5ms);
  }
  w.net.run_for(20s);
  std::vector<Duration> delays;
  for (const auto& peer : others) {
    for (const auto& message : peer->received()) {
      if (message.opcode != Opcode::kForward) continue;
      delays.push_back(message.at - committed.at(static_cast<std::size_t>(message.id) - 1));
    }
  }
  // What never came is as late as can be.
  delays.resize(static_cast<std::size_t>(posts * count), 1h);
  const auto at = delays.begin() + static_cast<std::ptrdiff_t>(delays.size() * 99 / 100);
  std::nth_element(delays.begin(), at, delays.end());
  return *at;
}

}  // namespace

TEST_CASE("stalled: the others' p99 stays within a tenth, however a follower stalls", "[p18]") {
  const auto how = GENERATE(Stall::kInTheDark, Stall::kReadsNothing, Stall::kAsksAndReadsNothing,
                            Stall::kComesBackAndAgain);
  CAPTURE(static_cast<int>(how));
  const Duration without = delay_of_others(Stall::kNobody);
  const Duration with = delay_of_others(how);
  CAPTURE(without.count(), with.count());
  CHECK(without < 40ms);
  CHECK(with * 10 <= without * 11);
}
