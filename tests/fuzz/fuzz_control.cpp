// Fuzzes the control socket's lines, commands and replies: strangers' bytes never throw, errors are
// one harmless sentence, and what was understood is written and understood the same again.
#include "protocol/control.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

template <typename Decode>
void check(std::string_view line, Decode decode) {
  const auto decoded = decode(line);
  if (!decoded) {
    must(!decoded.error().empty(), "an error says something");
    must(is_harmless(decoded.error()), "an error is one harmless line");
    return;
  }
  const std::string written = control::encode(*decoded);
  must(is_harmless(written), "a line is one line");
  const auto again = decode(written);
  must(again.has_value(), "what is written can be read");
  must(control::encode(*again) == written, "and means the same");
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  fuzz::check(line, [](std::string_view text) { return control::decode_command(text); });
  fuzz::check(line, [](std::string_view text) { return control::decode_reply(text); });
  return 0;
}
