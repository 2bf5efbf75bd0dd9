// The scenarios over an emulated link, of hubd and of Mosquitto: each starts its server at one end
// and its clients at the other.
#pragma once

#include "bench/link/flows.hpp"
#include "bench/link/link_model.hpp"
#include "bench/load/scenarios.hpp"

namespace hub::bench {

class EmulatedLink;

struct LossyOptions {
  std::size_t pairs = 10;  // authors with one follower each, all with connections of their own
  double rate = 20;        // posts a second of each author
  double delay_ms = 25;    // one way
  double loss = 0.05;      // each way
  std::uint64_t seed = 1;
};
/// How long a post takes from its author to its follower, both behind the link.
Result run_lossy(const Setting& setting, const LossyOptions& options);

struct RoamOptions {
  double rate = 20;  // posts a second of the one author, who is where the server is
  double delay_ms = 25;
  double loss = 0;
  std::size_t changes = 3;  // of the follower's address as the server sees it
  double interval = 8;      // seconds from one to the next, and after the last
  std::uint64_t seed = 1;
  std::filesystem::path spoke;  // the program: ours follows as people do
  unsigned keep_alive = 20;     // seconds: Mosquitto's clients say something so often
};
/// What a follower misses, and for how long, when a NAT on its way changes its mapping unasked.
Result run_roam(const Setting& setting, const RoamOptions& options);

// What both have in common.

LinkConfig link_config(double delay_ms, double loss, std::uint64_t seed);
/// How long to wait for the last ones.
inline constexpr auto kLastPosts = std::chrono::seconds(15);
/// Latencies, losses, and how well the link kept its times.
void add_flows(Flows& flows, EmulatedLink& link, Result& result);

}  // namespace hub::bench
