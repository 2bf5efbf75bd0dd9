#include "protocol/fault.hpp"

#ifdef HUB_FAULTS

#include <cstdlib>
#include <string>

namespace hub {

bool fault(std::string_view name) {
  static const std::string active = [] {
    const char* value = std::getenv("HUB_FAULT");
    return std::string(value != nullptr ? value : "");
  }();
  return active == name;
}

}  // namespace hub

#endif
