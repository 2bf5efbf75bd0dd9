#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

std::string name_of(const RivalSetting& setting, const std::string& scenario) {
  return scenario + "/" + std::string(setting.rival.name);
}

}  // namespace hub::bench
