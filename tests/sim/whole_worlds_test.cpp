// A few whole worlds, in every run of the tests; ./dev sim plays thousands.
#include <catch2/catch.hpp>

#include "tests/sim/whole_shrink.hpp"
#include "tests/sim/whole_trial.hpp"
#include "tests/sim/whole_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

TEST_CASE("whole worlds: nothing lost, nothing twice, nothing out of order") {
  prepare_worlds();
  Tally tally;
  for (std::uint64_t seed = 1; seed <= trials(60u, 6u); ++seed) {
    const Trial trial = try_here(make_script(seed, 1min));
    CAPTURE(seed);  // hub-sim --seed says more
    for (const Violation& violation : trial.violations) {
      CAPTURE(violation.check, violation.what);
      CHECK(false);
    }
    tally.add(trial.tally);
  }
  // It was not all quiet.
  CHECK(tally.acknowledged > trials(500u, 50u));
  CHECK(tally.shown > trials(500u, 50u));
  CHECK(tally.hub_ends > trials(60u, 6u));
  CHECK(tally.client_ends > trials(60u, 6u));
}

TEST_CASE("whole worlds: the same seed is the same story") {
  prepare_worlds();
  const auto seed = GENERATE(range(1u, 4u));
  const Script script = make_script(seed, 30s);
  const auto tell = [&] {
    std::vector<std::string> out;
    for (const Sight& sight : try_here(script).history.sights) {
      out.push_back(std::to_string(sight.at.count()) + " " + std::to_string(sight.client) + " " +
                    std::string(name_of(sight.what)) + " " + sight.text);
    }
    return out;
  };
  const auto first = tell();
  REQUIRE(first.size() > 50);
  try_here(make_script(seed + 100, 10s));  // whatever ran between
  REQUIRE(tell() == first);
}

TEST_CASE("whole worlds: what fails is made as small as can be") {
  const Script script = make_script(1, 1min);
  REQUIRE(script.actions.size() > 20);
  // Fails while these two are in it, whatever else is.
  const std::set<int> culprits = {3, 17};
  int tries = 0;
  const auto fails = [&](const Script& candidate) {
    ++tries;
    std::size_t found = 0;
    for (const Action& action : candidate.actions) found += culprits.count(action.number);
    return found == culprits.size();
  };
  const Cut small = shrink(script, fails, 500);
  CHECK(small.only == culprits);
  CHECK(small.calm);
  CHECK(tries < 200);
  int most = 0;
  for (const Action& action : script.actions) {
    if (culprits.contains(action.number)) most = std::max(most, action.client + 1);
  }
  CHECK(small.clients == most);
  CHECK(cut(script, small).actions.size() == 2);
}
