// One run of a script, judged. Apart from this process where that is asked for: a run that crashes
// or hangs is a failure like any other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/whole_checker.hpp"
#include "tests/sim/whole_script.hpp"

namespace hub::test {

/// What a run was made of, to see that it tried something.
struct Tally {
  std::uint64_t seconds = 0;  // of virtual time, the calm at the end not counted
  std::uint64_t actions = 0;
  std::uint64_t posts = 0;         // typed
  std::uint64_t acknowledged = 0;  // of them
  std::uint64_t shown = 0;
  std::uint64_t hub_ends = 0;
  std::uint64_t power_cuts = 0;  // of them
  std::uint64_t disk_failures = 0;
  std::uint64_t client_ends = 0;
  std::uint64_t restores = 0;

  void add(const Tally& other);
};

struct Trial {
  std::vector<Violation> violations;  // the earliest first
  Tally tally;
  History history;
};

/// In this process. What throws inside is the violation "crash".
Trial try_here(const Script& script);

/// In a child; without its history and tally. "crash" is what it died of, or that it took too long.
std::vector<Violation> try_apart(const Script& script);

/// How long one run may take, in seconds of real time.
unsigned time_limit();

}  // namespace hub::test
