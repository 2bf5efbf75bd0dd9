// Deliberate deaths. In a build with HUB_FAILPOINTS, the environment variable HUB_FAILPOINT holds
// NAME:K, and the process kills itself with SIGKILL when it comes to the failpoint of that name for
// the K-th time: nothing is flushed, closed or said, as with kill -9 at that very instant. `./dev
// soak` uses it to hit the few microseconds that random kills hardly ever do. In every other build
// failpoint() is nothing at all.
#pragma once

#include <string_view>

namespace hub {

#ifdef HUB_FAILPOINTS
inline constexpr bool kHasFailpoints = true;
void failpoint(std::string_view name);
#else
inline constexpr bool kHasFailpoints = false;
constexpr void failpoint(std::string_view) {}
#endif

}  // namespace hub
