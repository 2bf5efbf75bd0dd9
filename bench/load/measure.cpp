#include "bench/load/measure.hpp"

#include <algorithm>
#include <cmath>

#include <sys/resource.h>

namespace hub::bench {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

double Samples::percentile_us(double part) {
  if (values_.empty()) return 0;
  const double rank = std::ceil(part * static_cast<double>(values_.size()));
  const std::size_t index = rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1;
  const auto at =
      values_.begin() + static_cast<std::ptrdiff_t>(std::min(index, values_.size() - 1));
  std::nth_element(values_.begin(), at, values_.end());
  return std::chrono::duration<double, std::micro>(*at).count();
}

Spent between(const Usage& before, const Usage& after) {
  Spent out;
  out.seconds = std::chrono::duration<double>(after.at - before.at).count();
  if (out.seconds <= 0) return out;
  out.server_seconds = after.server_seconds - before.server_seconds;
  out.own_share = (after.own_seconds - before.own_seconds) / out.seconds;
  out.server_share = out.server_seconds / out.seconds;
  for (const auto& [thread, now] : after.server_threads) {
    const auto then = before.server_threads.find(thread);
    const double used = now - (then != before.server_threads.end() ? then->second : 0);
    out.server_busiest = std::max(out.server_busiest, used / out.seconds);
  }
  return out;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void Result::add(const Spent& spent) {
  add("seconds", spent.seconds);
  add("server_cpu_share", spent.server_share);
  add("server_busiest_thread_share", spent.server_busiest);
  add("load_cpu_share", spent.own_share);
  if (spent.load_is_bottleneck()) {
    note(
        "the load program was busier than any thread of the server: the rate may be its own limit");
  }
}

}  // namespace hub::bench
