// Posts at a steady rate from authors to a follower each, and what became of them. A post is timed
// from when it was due, so that one that had to wait for its sender is not excused.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "bench/load/measure.hpp"

namespace hub::bench {

class Flows {
 public:
  /// `rate` posts a second in each flow for `seconds`; the flows take turns.
  Flows(std::size_t flows, double rate, double seconds, TimePoint begin);

  struct Post {
    std::size_t flow = 0;
    std::size_t number = 0;  // within the flow, from 0
  };
  /// The next post whose time has come, each once.
  std::optional<Post> next(TimePoint now);
  /// When the next one is due; nothing once all were handed out.
  std::optional<TimePoint> next_due() const;
  void arrived(std::size_t flow, std::size_t number, TimePoint at);
  bool is_complete() const { return arrived_ == total_; }

  /// From being due to arriving.
  Samples& latencies() { return latencies_; }
  std::size_t posts() const { return total_; }
  std::size_t lost() const { return total_ - arrived_; }
  std::size_t repeated() const { return repeated_; }
  /// The longest time without an arrival in a flow, between two arrivals that lie on the two sides
  /// of `moment` or after it, but before `end`.
  Duration gap(std::size_t flow, TimePoint moment, TimePoint end) const;

 private:
  TimePoint due(const Post& post) const;

  const std::size_t flows_;
  const Duration interval_;
  const std::size_t each_;
  const std::size_t total_;
  const TimePoint begin_;
  std::size_t handed_out_ = 0;
  std::size_t arrived_ = 0;
  std::size_t repeated_ = 0;
  std::vector<std::vector<bool>> seen_;
  std::vector<std::vector<TimePoint>> arrivals_;  // by flow, in order of time
  Samples latencies_;
};

}  // namespace hub::bench
