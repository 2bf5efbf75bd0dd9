// How often a test of chance is repeated: as often as promised in an optimised build, less where
// sanitizers or deliberate faults make each trial many times as dear.
#pragma once

namespace hub::test {

#if defined(HUB_FAULTS) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    !defined(__OPTIMIZE__)
inline constexpr bool kSlowBuild = true;
#else
inline constexpr bool kSlowBuild = false;
#endif

template <typename Number>
constexpr Number trials(Number promised, Number in_a_slow_build) {
  return kSlowBuild ? in_a_slow_build : promised;
}

}  // namespace hub::test
