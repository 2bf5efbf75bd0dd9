// A whole simulated world: the real core of the hub and its real SQLite store on a simulated disk,
// the real sealed half of spoke several times, a network between them, all in virtual time and all
// from one seed. It plays a script, then lets everything calm down, and tells what could be seen.
#pragma once

#include "tests/sim/whole_history.hpp"
#include "tests/sim/whole_script.hpp"

namespace hub::test {

/// Once in a process, before the first run.
void prepare_worlds();

/// The same history for the same script every time. Throws where something throws inside, or never
/// comes to an end.
History run_world(const Script& script);

}  // namespace hub::test
