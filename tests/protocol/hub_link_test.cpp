#include "protocol/hub_link.hpp"

#include <catch2/catch.hpp>

#include "protocol/fingerprint.hpp"

using namespace hub;

namespace {

Key some_key() {
  Key key{};
  key.fill(0xA7);
  return key;
}

}  // namespace

TEST_CASE("an invite link says whose account, where the hub is, and its key") {
  const std::string text = "hub://Ann_1@hub.example:4000/#" + key_text(some_key());
  const auto link = parse_hub_link(text);
  REQUIRE(link);
  CHECK(link->name->text() == "Ann_1");
  CHECK(link->hub == HubName{"hub.example", 4000});
  CHECK(link->key == some_key());
  CHECK(to_string(*link) == text);
}

TEST_CASE("name, port, slash and key of a link may be missing") {
  const std::string key = key_text(some_key());
  const auto row = GENERATE_COPY(table<std::string, std::string>({
      {"hub://host", "hub://host:32000/"},
      {"hub://host/", "hub://host:32000/"},
      {"HUB://host:1", "hub://host:1/"},
      {"hub://ann@host", "hub://ann@host:32000/"},
      {"hub://host#" + key, "hub://host:32000/#" + key},
      {"hub://ann@[::1]/#" + key, "hub://ann@[::1]:32000/#" + key},
      {"hub://[2001:db8::1]:65535/", "hub://[2001:db8::1]:65535/"},
  }));
  CAPTURE(std::get<0>(row));
  const auto link = parse_hub_link(std::get<0>(row));
  REQUIRE(link);
  CHECK(to_string(*link) == std::get<1>(row));
}

TEST_CASE("a link in which anything is wrong is refused with a sentence") {
  const std::string key = key_text(some_key());
  const std::string text = GENERATE_COPY(
      as<std::string>{}, "", "hub:", "hub:/", "http://host/", "hub://", "hub:///", "hub://@host/",
      "hub://ann@/", "hub://ann@@host/", "hub://an n@host/", "hub://ann:pw@host/",
      "hub://ann@host:/", "hub://ann@host:0/", "hub://ann@host:65536/", "hub://ann@host:1x/",
      "hub://host//", "hub://host/room", "hub://host/room/#" + key, "hub://host/?x#" + key,
      "hub://host/#", "hub://host/#" + key.substr(0, 42), "hub://host/#" + key + "A",
      "hub://host/#" + key + "#", "hub://host/# " + key, "hub://host/#" + key + "\n",
      "hub://host /#" + key, "hub://[fe80::1%eth0]/#" + key, "hub://[::1/", "hub://ho\xC3\xA4st/",
      "hub://host%41/", "hub://-oProxyCommand/", "hub://" + std::string(254, 'a') + "/",
      "hub://" + std::string(600, 'a') + "/", "hub://ann@" + std::string("h\0st", 4) + "/");
  CAPTURE(text);
  const auto link = parse_hub_link(text);
  REQUIRE_FALSE(link);
  CHECK(link.error().find("link") != std::string::npos);
  CHECK(link.error().size() < 300);
}

TEST_CASE("what looks like a link is one, in any case of letters") {
  CHECK(is_hub_link("hub://"));
  CHECK(is_hub_link("Hub://x"));
  CHECK_FALSE(is_hub_link("hub:/"));
  CHECK_FALSE(is_hub_link("hub.example:32000"));
}
