// Fuzzes invite links, key texts and names of hubs: strangers' bytes never throw, an error is one
// harmless sentence, and what was understood is written and understood the same again.
#include "protocol/fingerprint.hpp"
#include "protocol/hub_link.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

void check_link(std::string_view text) {
  const auto link = parse_hub_link(text);
  if (!link) {
    must(!link.error().empty() && link.error().size() < 500, "an error is a sentence");
    must(is_harmless(link.error()), "an error is one harmless line");
    return;
  }
  must(is_hub_link(text), "a link looks like one");
  const std::string written = to_string(*link);
  const auto again = parse_hub_link(written);
  must(again.has_value(), "what is written can be read");
  must(again->hub == link->hub && again->key == link->key, "and means the same");
  must(again->name.has_value() == link->name.has_value(), "the name stays or is missing");
  must(!link->name || again->name->text() == link->name->text(), "the name survives");
  must(to_string(*again) == written, "there is one way to write it");
}

void check_hub_name(std::string_view text) {
  const auto name = parse_hub_name(text);
  if (!name) {
    must(is_harmless(name.error()), "an error is one harmless line");
    return;
  }
  const std::string written = to_string(*name);
  must(is_harmless(written) && written.find_first_of(" \t#@/") == std::string::npos,
       "a name needs no quoting");
  must(parse_hub_name(written) == *name, "a name survives");
}

void check_key(std::string_view text) {
  const auto key = parse_key_text(text);
  if (!key) return;
  must(key_text(*key) == text, "there is one way to write a key");
  must(is_fingerprint_of(fingerprint_of(*key), *key), "a fingerprint is its own");
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::check_link(text);
  fuzz::check_link("hub://" + std::string(text));
  fuzz::check_hub_name(text);
  fuzz::check_key(text);
  if (size >= sizeof(Key)) {
    Key key{};
    std::copy(data, data + key.size(), key.begin());
    fuzz::must(parse_key_text(key_text(key)) == key, "every key survives");
    (void)is_fingerprint_of(text, key);
  }
  return 0;
}
