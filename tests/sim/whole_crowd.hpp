// Many seeds on all cores: worker processes that take the next seed each. One that dies is a seed
// that failed, and another takes its place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/whole_trial.hpp"

namespace hub::test {

struct CrowdOptions {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1;
  Duration length{};
  unsigned jobs = 1;
  std::size_t most_failures = 20;  // then it stops early
  bool verbose = false;            // a line a seed
};

struct Failure {
  std::uint64_t seed = 0;
  std::string check;  // of its first violation
};

struct Crowd {
  std::uint64_t runs = 0;
  std::vector<Failure> failures;  // by seed
  Tally tally;
};

Crowd run_crowd(const CrowdOptions& options);

}  // namespace hub::test
