#include "bench/load/scenarios.hpp"

namespace hub::bench {

std::string name_of(const Setting& setting, std::string scenario) {
  if (setting.own_sockets) scenario += "/own";
  if (setting.ethernet) scenario += "/ethernet";
  if (setting.framing == Framing::kSealed) scenario += "/sealed";
  return scenario;
}

std::string fanout_name(std::size_t followers, std::size_t in_flight) {
  std::string out = "fanout/" + std::to_string(followers);
  if (in_flight > 1) out += "x" + std::to_string(in_flight);
  return out;
}

}  // namespace hub::bench
