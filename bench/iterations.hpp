// For counting instructions, which wants the same work each time (bench/count.sh).
#pragma once

#include <cstdlib>

#include <benchmark/benchmark.h>

namespace hub::bench {

/// As many iterations as HUB_BENCH_ITERATIONS says, where it is set; else as many as take the usual
/// time.
inline void fixed_if_asked(benchmark::internal::Benchmark* benchmark) {
  const char* asked = std::getenv("HUB_BENCH_ITERATIONS");
  const long long iterations = asked != nullptr ? std::atoll(asked) : 0;
  if (iterations > 0) benchmark->Iterations(iterations);
}

}  // namespace hub::bench
