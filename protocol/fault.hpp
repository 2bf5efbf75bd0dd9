// Deliberate faults. In a build with HUB_FAULTS, the environment variable HUB_FAULT names the one
// that is switched on, so that `./dev mutants` can show that some test catches it. In every other
// build fault() is the constant false and the faulty branch is compiled away.
// tests/mutants.txt lists them all, a line each: name, what it breaks.
#pragma once

#include <string_view>

namespace hub {

#ifdef HUB_FAULTS
bool fault(std::string_view name);
#else
constexpr bool fault(std::string_view) { return false; }
#endif

}  // namespace hub
