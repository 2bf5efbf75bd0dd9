#include "client/core/known_hubs.hpp"

#include <catch2/catch.hpp>

#include "protocol/fingerprint.hpp"

namespace hub::client {
namespace {

const HubName kHub{"hub.example", 32000};
const HubName kOther{"other.example", 4000};

Key key(std::uint8_t n) {
  Key out{};
  out.fill(n);
  return out;
}

std::string text_of(std::uint8_t n) { return key_text(key(n)); }

KnownHubs parsed(const std::string& text) {
  auto known = KnownHubs::parse(text);
  REQUIRE(known);
  return std::move(*known);
}

}  // namespace

TEST_CASE("known_hubs: a hub is found under its name, in any case of letters, and its port") {
  const KnownHubs known =
      parsed("# mine\n\nHub.Example:32000 " + text_of(1) + "\nother.example:4000\t" + text_of(2) +
             "  " + text_of(3) + "   # the club\r\n[::1]:32000 " + text_of(4));
  CHECK(known.problems().empty());
  CHECK(known.find(kHub)->line == 3);
  CHECK(known.find({"HUB.EXAMPLE", 32000})->keys == std::vector{key(1)});
  CHECK(known.find(kOther)->keys == std::vector{key(2), key(3)});
  CHECK(known.find({"::1", 32000})->line == 5);
  CHECK_FALSE(known.find({"hub.example", 32001}));
  CHECK_FALSE(known.find({"ub.example", 32000}));
}

TEST_CASE("known_hubs: an offered key is known, unknown or changed") {
  const KnownHubs known = parsed("hub.example:32000 " + text_of(1) + "\nother.example:4000 " +
                                 text_of(2) + " " + text_of(3) + "\nbad.example:1 nonsense\n");
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kKnown);
  CHECK(known.compare(kHub, key(2)) == KeyMatch::kChanged);
  CHECK(known.compare(kOther, key(2)) == KeyMatch::kKnown);
  CHECK(known.compare(kOther, key(3)) == KeyMatch::kKnown);
  CHECK(known.compare(kOther, key(1)) == KeyMatch::kChanged);
  CHECK(known.compare({"new.example", 1}, key(1)) == KeyMatch::kUnknown);
  CHECK(known.compare({"bad.example", 1}, key(1)) == KeyMatch::kUnreadable);
}

TEST_CASE("known_hubs: what is not changed is written as it was read") {
  const auto text =
      GENERATE(as<std::string>{}, "", "\n", "# a", "# a\n", "\r\n\r\n", "x", "x\n\n\ny",
               std::string("a\0b\n", 4), " \t hub.example:1 k # c", "\xFF\xFE\n");
  CAPTURE(text);
  CHECK(parsed(text).text() == text);
}

TEST_CASE("known_hubs: a line that cannot be read is reported by number, and kept") {
  const auto line = GENERATE(
      as<std::string>{}, "hub.example:32000", "hub.example:32000 # none", "hub.example:32000 short",
      "hub.example:32000 " + text_of(1) + "x", "hub.example:32000 " + text_of(1) + " x",
      "hub.example:32000 " + text_of(1) + " " + text_of(2) + " " + text_of(3), "a b@c", ":1",
      "hub.example:0 " + text_of(1), "\x1b[31m:1 " + text_of(1));
  CAPTURE(line);
  const std::string text = "# first\n" + line + "\nother.example:4000 " + text_of(2) + "\n";
  KnownHubs known = parsed(text);
  REQUIRE(known.problems().size() == 1);
  CHECK(known.problems()[0].line == 2);
  CHECK(known.problems()[0].message.find('\x1b') == std::string::npos);
  CHECK(known.compare(kOther, key(2)) == KeyMatch::kKnown);
  REQUIRE(known.record_proof({"new.example", 7}, key(9)));
  CHECK(known.text() == text + "new.example:7 " + text_of(9) + "\n");
}

TEST_CASE("known_hubs: a hub whose line cannot be read is not taken for a new one") {
  KnownHubs known = parsed("hub.example:32000 garbage\nhub.example:32000 " + text_of(1) + "\n");
  const std::string before = known.text();
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kUnreadable);
  CHECK_FALSE(known.record_proof(kHub, key(1)));
  CHECK_FALSE(known.record_next(kHub, key(1), key(2)));
  CHECK(known.text() == before);
}

TEST_CASE("known_hubs: the first line about a hub counts, the second is reported") {
  const KnownHubs known =
      parsed("hub.example " + text_of(1) + "\nHUB.example:32000 " + text_of(2) + "\n");
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kKnown);
  CHECK(known.compare(kHub, key(2)) == KeyMatch::kChanged);
  REQUIRE(known.problems().size() == 1);
  CHECK(known.problems()[0].line == 2);
  CHECK(known.problems()[0].message.find("line 1") != std::string::npos);
}

TEST_CASE("known_hubs: a hub that has proved itself is added, once") {
  KnownHubs known;
  REQUIRE(known.record_proof({"Hub.Example", 32000}, key(1)));
  CHECK(known.text().find("\nhub.example:32000 " + text_of(1) + "\n") != std::string::npos);
  const std::string once = known.text();
  REQUIRE(known.record_proof(kHub, key(1)));
  CHECK(known.text() == once);
  CHECK(parsed(once).compare(kHub, key(1)) == KeyMatch::kKnown);
  CHECK(parsed(once).problems().empty());
  KnownHubs unended = parsed("# no line end");
  REQUIRE(unended.record_proof(kHub, key(1)));
  CHECK(unended.text() == "# no line end\nhub.example:32000 " + text_of(1) + "\n");
}

TEST_CASE("known_hubs: another key never takes a known one's place") {
  const std::string text = "hub.example:32000 " + text_of(1) + "\n";
  KnownHubs known = parsed(text);
  CHECK_FALSE(known.record_proof(kHub, key(2)));
  CHECK_FALSE(known.record_next(kHub, key(2), key(3)));
  CHECK(known.text() == text);
}

TEST_CASE("known_hubs: an announced key stands beside the old one until it is seen in use") {
  KnownHubs known = parsed("# mine\nhub.example:32000 " + text_of(1) + " # club\n");
  REQUIRE(known.record_next(kHub, key(1), key(1)));  // announces what it has
  CHECK(known.find(kHub)->keys.size() == 1);
  REQUIRE(known.record_next(kHub, key(1), key(2)));
  CHECK(known.text() == "# mine\nhub.example:32000 " + text_of(1) + " " + text_of(2) + " # club\n");
  REQUIRE(known.record_proof(kHub, key(1)));  // the old one is still in use
  CHECK(known.find(kHub)->keys == std::vector{key(1), key(2)});
  REQUIRE(known.record_next(kHub, key(1), key(3)));  // at most two: another announcement replaces
  CHECK(known.find(kHub)->keys == std::vector{key(1), key(3)});
  REQUIRE(known.record_proof(kHub, key(3)));
  CHECK(known.text() == "# mine\nhub.example:32000 " + text_of(3) + " # club\n");
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kChanged);
}

TEST_CASE("known_hubs: an announcement under the announced key moves on by one") {
  KnownHubs known = parsed("hub.example:32000 " + text_of(1) + " " + text_of(2) + "\n");
  REQUIRE(known.record_next(kHub, key(2), key(3)));
  CHECK(known.find(kHub)->keys == std::vector{key(2), key(3)});
  KnownHubs fresh;
  REQUIRE(fresh.record_next(kHub, key(1), key(2)));
  CHECK(fresh.find(kHub)->keys == std::vector{key(1), key(2)});
}

TEST_CASE("known_hubs: its size is bounded") {
  std::string text(KnownHubs::kMaxBytes, '#');
  KnownHubs full = parsed(text);
  CHECK_FALSE(full.record_proof(kHub, key(1)));
  CHECK(full.text() == text);
  text += '#';
  CHECK_FALSE(KnownHubs::parse(text));
  const std::string line = "hub.example:32000 " + text_of(1) + "\n";
  KnownHubs known = parsed(line + std::string(KnownHubs::kMaxBytes - line.size(), '#'));
  CHECK_FALSE(known.record_next(kHub, key(1), key(2)));
  CHECK(KnownHubs::parse(known.text()));
}

TEST_CASE("known_hubs: a name that would break the file is not written") {
  KnownHubs known;
  for (const char* host : {"", "a b", "a\nb:1 k", "#", "\x1b"}) {
    CHECK_FALSE(known.record_proof({host, 1}, key(1)));
  }
  CHECK(known.text().empty());
}

}  // namespace hub::client
