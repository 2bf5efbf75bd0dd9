// One author's posts at a steady rate while the follower's address changes: when, and what it cost.
#pragma once

#include <functional>
#include <vector>

#include "bench/link/emulated_link.hpp"
#include "bench/link/flows.hpp"
#include "bench/link/scenarios.hpp"

namespace hub::bench {

class RoamPlan {
 public:
  /// Begins now.
  RoamPlan(EmulatedLink& link, const RoamOptions& options);

  /// Until all posts have arrived or will not any more. `post` sends one of that number; `wait`
  /// lets both sides do what they have to, and hands arrivals to flows(), for about so long.
  void run(const std::function<void(std::size_t)>& post, const std::function<void(Duration)>& wait);

  Flows& flows() { return flows_; }
  void add_to(Result& result);

 private:
  TimePoint change_time(std::size_t index) const;

  EmulatedLink& link_;
  const RoamOptions options_;
  const TimePoint begin_;
  Flows flows_;
  std::vector<TimePoint> changes_;
};

}  // namespace hub::bench
