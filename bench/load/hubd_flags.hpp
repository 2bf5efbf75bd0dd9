// How hubd is run under load: with its defaults, but for the limits that are there to stop load.
#pragma once

#include <string>
#include <vector>

namespace hub::bench {

inline std::vector<std::string> load_flags() {
  return {"--session-timeout",   "1h",      "--posts-per-second",   "1000000",
          "--logins-per-second", "1000000", "--answers-per-second", "1000000",
          "--hellos-per-second", "1000000", "--max-strangers",      "1000000",
          "--max-sessions",      "1000000"};
}

}  // namespace hub::bench
