#include "bench/load/scenarios.hpp"

namespace hub::bench {

std::string name_of(const Setting& setting, std::string scenario) {
  if (setting.framing == Framing::kSealed) scenario += "/sealed";
  return scenario;
}

}  // namespace hub::bench
