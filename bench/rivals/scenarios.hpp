// The scenarios of bench/load/scenarios.hpp with a rival's server in hubd's place: the same
// options, the same bounds, and the same names of what is measured.
#pragma once

#include "bench/link/scenarios.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/rivals/rival_server.hpp"

namespace hub::bench {

struct RivalSetting {
  Rival rival;
  std::filesystem::path work;  // where temporary directories are made: on a real disk
  double seconds = 5;          // the longest a measurement lasts
};

/// One author publishes, everybody else has subscribed to its topic.
Result run_rival_fanout(const RivalSetting& setting, const FanoutOptions& options);

/// Each client appends to what the server keeps. What "taken" means is the rival's: Redis has
/// synced its file by then (appendfsync always), JetStream has not.
Result run_rival_post(const RivalSetting& setting, const PostOptions& options);

/// The newest n of all that a reader follows, from one Redis stream for each author: as many
/// pipelined XREVRANGE, merged by the client.
Result run_rival_retrieve(const RivalSetting& setting, const RetrieveOptions& options);

/// Clients that have subscribed and do nothing.
Result run_rival_idle(const RivalSetting& setting, const IdleOptions& options);

/// As run_lossy(), with TCP's answer to losses.
Result run_rival_lossy(const RivalSetting& setting, const LossyOptions& options);

/// As run_roam(): the follower comes back by itself to the session that the broker keeps for it.
Result run_rival_roam(const RivalSetting& setting, const RoamOptions& options);

/// A note: which congestion control TCP has here.
std::string tcp_of_this_system();

/// "fanout/1000/redis"
std::string name_of(const RivalSetting& setting, const std::string& scenario);

}  // namespace hub::bench
