#include "bench/link/flows.hpp"

#include <algorithm>

namespace hub::bench {

Flows::Flows(std::size_t flows, double rate, double seconds, TimePoint begin)
    : flows_(flows),
      interval_(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / rate))),
      each_(std::max<std::size_t>(1, static_cast<std::size_t>(rate * seconds))),
      total_(flows * each_),
      begin_(begin),
      seen_(flows, std::vector<bool>(each_, false)),
      arrivals_(flows),
      latencies_(total_) {}

TimePoint Flows::due(const Post& post) const {
  const Duration turn =
      interval_ * static_cast<Duration::rep>(post.flow) / static_cast<Duration::rep>(flows_);
  return begin_ + interval_ * static_cast<Duration::rep>(post.number) + turn;
}

std::optional<TimePoint> Flows::next_due() const {
  if (handed_out_ == total_) return std::nullopt;
  return due({handed_out_ % flows_, handed_out_ / flows_});
}

std::optional<Flows::Post> Flows::next(TimePoint now) {
  const auto at = next_due();
  if (!at || *at > now) return std::nullopt;
  const Post out{handed_out_ % flows_, handed_out_ / flows_};
  ++handed_out_;
  return out;
}

void Flows::arrived(std::size_t flow, std::size_t number, TimePoint at) {
  if (number >= each_) return;  // of nobody here
  arrivals_[flow].push_back(at);
  if (seen_[flow][number]) {
    ++repeated_;
    return;
  }
  seen_[flow][number] = true;
  ++arrived_;
  latencies_.add(at - due({flow, number}));
}

Duration Flows::gap(std::size_t flow, TimePoint moment, TimePoint end) const {
  const auto& times = arrivals_[flow];
  Duration longest{};
  for (std::size_t i = 1; i < times.size() && times[i - 1] < end; ++i) {
    if (times[i] >= moment) longest = std::max(longest, times[i] - times[i - 1]);
  }
  return longest;
}

}  // namespace hub::bench
