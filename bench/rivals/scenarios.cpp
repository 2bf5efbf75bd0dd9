#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

std::string name_of(const RivalSetting& setting, const std::string& scenario) {
  return scenario + "/" + std::string(setting.rival.name);
}

std::string tcp_of_this_system() {
  std::string name = read_file("/proc/sys/net/ipv4/tcp_congestion_control");
  while (!name.empty() && name.back() == '\n') name.pop_back();
  return "TCP's congestion control here: " + name;
}

}  // namespace hub::bench
