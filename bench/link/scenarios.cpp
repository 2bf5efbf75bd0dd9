#include "bench/link/scenarios.hpp"

#include "bench/link/emulated_link.hpp"

namespace hub::bench {

namespace {

Duration from_ms(double ms) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

}  // namespace

LinkConfig link_config(double delay_ms, double loss, std::uint64_t seed) {
  const LinkConfig::Way way{from_ms(delay_ms), loss};
  return {{way, way}, seed};
}

void add_flows(Flows& flows, EmulatedLink& link, Result& result) {
  Samples& latencies = flows.latencies();
  result.add("posts", static_cast<double>(flows.posts()));
  result.add("p50_us", latencies.percentile_us(0.5));
  result.add("p90_us", latencies.percentile_us(0.9));
  result.add("p99_us", latencies.percentile_us(0.99));
  result.add("p999_us", latencies.percentile_us(0.999));
  result.add("most_us", latencies.percentile_us(1));
  result.add("lost", static_cast<double>(flows.lost()));
  result.add("repeated", static_cast<double>(flows.repeated()));
  const EmulatedLink::Figures figures = link.figures();
  result.add("link_loss", figures.loss);
  result.add("link_late_p99_us", figures.late_p99_us);
}

}  // namespace hub::bench
