// Fuzzes known_hubs: any bytes as the file, then what sessions do to it. Whatever the bytes are,
// they stay where nothing was changed, what was written is found again, no known key is replaced by
// one that was not announced, and a decision about a key follows from the file.
#include <array>
#include <span>
#include <variant>

#include "client/core/first_contact.hpp"
#include "client/core/known_hubs.hpp"
#include "protocol/fingerprint.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

using client::KeyMatch;
using client::KnownHubs;

Key key_of(std::uint8_t n) {
  Key key{};
  key.fill(n % 4);
  return key;
}

HubName hub_of(std::uint8_t n) {
  static const std::array<HubName, 4> kHubs = {
      {{"a", 1}, {"hub.example", 32000}, {"::1", 32000}, {"not a name", 1}}};
  return kHubs[n % kHubs.size()];
}

void check_whole(const KnownHubs& known) {
  const std::string text = known.text();
  must(text.size() <= KnownHubs::kMaxBytes, "it stays bounded");
  const auto again = KnownHubs::parse(text);
  must(again.has_value(), "what is written can be read");
  must(again->text() == text, "and stays");
  must(again->problems().size() == known.problems().size(), "no line breaks another");
  for (std::uint8_t i = 0; i < 4; ++i) {
    const auto one = known.find(hub_of(i));
    const auto other = again->find(hub_of(i));
    must(one.has_value() == other.has_value(), "each hub is found again");
    must(!one || (one->keys == other->keys && one->line == other->line), "with its keys");
    must(!one || one->keys.size() <= 2, "which are two at most");
  }
}

void check_contact(const KnownHubs& known, const HubName& hub, const Key& offered, bool accept) {
  client::FirstContact contact(hub, known, std::nullopt, {false, accept, "known_hubs"});
  contact.begin();
  const auto step = contact.on_offer(std::span(&offered, 1));
  const bool uses = std::holds_alternative<client::UseKey>(step);
  const KeyMatch match = known.compare(hub, offered);
  must(uses == (match == KeyMatch::kKnown || (match == KeyMatch::kUnknown && accept)),
       "a key is used if it is known, or new and accepted");
  if (!uses) must(!contact.in_use() || *contact.in_use() != offered, "a refused key is not in use");
}

void change(KnownHubs& known, Input& input) {
  const HubName hub = hub_of(input.u8());
  const Key used = key_of(input.u8());
  const Key next = key_of(input.u8());
  const bool announces = input.u8() % 2 == 0;
  check_contact(known, hub, used, announces);
  const KeyMatch before = known.compare(hub, used);
  const std::string text = known.text();
  const auto done = announces ? known.record_next(hub, used, next) : known.record_proof(hub, used);
  if (before == KeyMatch::kChanged || before == KeyMatch::kUnreadable) {
    must(!done, "no other key takes a known one's place");
  }
  if (done) {
    must(known.find(hub)->keys.front() == used, "a proved key is the one in use");
    must(!announces || known.compare(hub, next) == KeyMatch::kKnown, "an announced key is known");
  } else {
    must(is_harmless(done.error()), "an error is one harmless line");
    must(announces || known.text() == text, "what is refused changes nothing");
  }
}

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  fuzz::Input input(data, size);
  std::array<std::uint8_t, 16> script{};
  for (std::uint8_t& byte : script) byte = input.u8();
  const std::string_view text = input.rest();
  auto known = client::KnownHubs::parse(text);
  fuzz::must(known.has_value(), "a short file is not too long");
  fuzz::must(known->text() == text, "what was read stays");
  for (const auto& problem : known->problems()) {
    fuzz::must(fuzz::is_harmless(problem.message), "a problem is one harmless line");
    fuzz::must(problem.line > 0, "of some line");
  }
  fuzz::Input steps(script.data(), script.size());
  for (int i = 0; i < 4; ++i) {
    fuzz::change(*known, steps);
    fuzz::check_whole(*known);
  }
  return 0;
}
