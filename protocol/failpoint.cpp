#include "protocol/failpoint.hpp"

#ifdef HUB_FAILPOINTS

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>

namespace hub {

namespace {

struct Armed {
  std::string name;  // empty: none
  long hit = 0;      // at which it kills, from 1
};

Armed read_environment() {
  const char* value = std::getenv("HUB_FAILPOINT");
  const std::string_view text = value != nullptr ? value : "";
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  Armed out{std::string(text.substr(0, colon)), 0};
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), out.hit);
  return out;
}

}  // namespace

void failpoint(std::string_view name) {
  static const Armed armed = read_environment();
  static std::atomic<long> hits{0};  // several threads come by
  if (name != armed.name || ++hits != armed.hit) return;
  std::raise(SIGKILL);
}

}  // namespace hub

#endif
