#include "tests/sim/whole_history.hpp"

#include <array>

namespace hub::test {

std::string_view name_of(Sight::What what) {
  constexpr std::array<std::string_view, 25> kNames = {
      "starts",   "leaves",    "killed",    "power cut", "rewound",  "disk full", "types",
      "shown",    "retrieved", "ack",       "failed",    "left out", "prints",    "notes",
      "online",   "offline",   "disturbed", "fair",      "foul",     "up",        "down",
      "disk bad", "disk good", "ordered",   "done"};
  const auto index = static_cast<std::size_t>(what);
  return index < kNames.size() ? kNames[index] : "restored";
}

}  // namespace hub::test
