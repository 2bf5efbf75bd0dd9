// One author's posts on their way to its followers, so many at a time. The posts are numbered, from
// 0, in the order in which they are sent, and come to each follower in that order: what a follower
// is not given before a later one is lost to it.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/measure.hpp"

namespace hub::bench {

inline constexpr std::size_t kPostNumberDigits = 8;

/// A line of so many bytes, at least kPostNumberDigits, with the number in front.
std::string numbered_text(std::size_t number, std::size_t bytes);
/// The number in such a line, with or without the "<author>" that a hub puts before it.
std::optional<std::size_t> number_in(std::string_view text);

class PostWindow {
 public:
  /// `in_flight` posts are sent and not done; one is done when every follower has it.
  PostWindow(std::size_t followers, std::size_t in_flight)
      : in_flight_(in_flight), next_(followers, 0) {}

  bool may_send() const { return posts_.size() < in_flight_; }
  bool is_empty() const { return posts_.empty(); }
  /// Its number.
  std::size_t sent(TimePoint now);
  void arrived(std::size_t follower, std::size_t number, TimePoint at);
  /// What is under way will not come any more.
  void give_up();

  void start_measuring(std::size_t most_samples);
  /// From sending a post to its arrival at the last follower; of those that came to all.
  Samples& latencies() { return latencies_; }
  std::size_t deliveries() const { return deliveries_; }
  /// Deliveries that were lost, ever, and that came again or out of order.
  std::size_t lost() const { return lost_; }
  std::size_t repeated() const { return repeated_; }

 private:
  struct Post {
    TimePoint sent{};
    TimePoint last{};  // arrival so far
    std::size_t missing = 0;
    std::size_t lost = 0;
  };

  const std::size_t in_flight_;
  std::deque<Post> posts_;
  std::size_t first_ = 0;          // the number of the first one in posts_
  std::vector<std::size_t> next_;  // by follower: one above the newest post that came
  Samples latencies_{0};
  std::size_t deliveries_ = 0;
  std::size_t lost_ = 0;
  std::size_t repeated_ = 0;
};

}  // namespace hub::bench
