// The command line of hubadmin, from its words to an exit code.
#pragma once

#include <string>
#include <vector>

#include "admin/context.hpp"
#include "admin/outcome.hpp"

namespace hub::admin {

struct World {
  Console& console;
  Random& random;  // any thread may draw from it
  WallTime (*now)();
  Patience patience = {};
};

/// `arguments` without the program's name. Says what is wrong on standard error, in one line.
ExitCode run(const std::vector<std::string>& arguments, const World& world);

}  // namespace hub::admin
