// Two reports in one: ours beside the rivals', and ours beside an earlier revision's. Ratios are
// taken round by round, for the rounds are interleaved and a slow minute falls on both alike.
#pragma once

#include <string>

#include "bench/load/report.hpp"

namespace hub::bench {

/// A Markdown table: ours, each rival's, how many times better ours is, and the goal. What was not
/// measured says why.
std::string rivals_table(const Report& report);

/// A Markdown table: what `ours` has measured, and how many times that is of what `base` has.
std::string revisions_table(const Report& base, const Report& ours);

}  // namespace hub::bench
