#include "bench/link/roam_plan.hpp"

#include <cmath>

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr double kGoldenRatio = 0.6180339887;

Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

}  // namespace

RoamPlan::RoamPlan(EmulatedLink& link, const RoamOptions& options)
    : link_(link),
      options_(options),
      begin_(std::chrono::steady_clock::now()),
      flows_(1, options.rate, options.interval * static_cast<double>(options.changes + 1), begin_) {
}

/// Each at another moment between two posts, spread evenly: what is on its way just then matters.
TimePoint RoamPlan::change_time(std::size_t index) const {
  const auto number = static_cast<double>(index + 1);
  const double phase = std::fmod(number * kGoldenRatio, 1.0) / options_.rate;
  return begin_ + seconds(number * options_.interval + phase);
}

void RoamPlan::run(const std::function<void(std::size_t)>& post,
                   const std::function<void(Duration)>& wait) {
  std::optional<TimePoint> end;
  while (!flows_.is_complete()) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (changes_.size() < options_.changes && now >= change_time(changes_.size())) {
      link_.change_mapping();
      changes_.push_back(now);
    }
    while (const auto due = flows_.next(now)) post(due->number);
    const auto next = flows_.next_due();
    if (!next && !end) end = now + kLastPosts;
    if (end && now > *end) return;
    wait(next ? *next - now : Duration(20ms));
  }
}

void RoamPlan::add_to(Result& result) {
  Samples gaps(changes_.size());
  for (const TimePoint change : changes_) {
    gaps.add(flows_.gap(0, change, change + seconds(options_.interval)));
  }
  result.add("changes", static_cast<double>(changes_.size()));
  result.add("gap_p50_us", gaps.percentile_us(0.5));
  result.add("gap_most_us", gaps.percentile_us(1));
  add_flows(flows_, link_, result);
}

}  // namespace hub::bench
