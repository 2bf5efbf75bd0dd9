#include "protocol/hub_name.hpp"

#include <catch2/catch.hpp>

namespace hub {

TEST_CASE("a hub is named by host, port and, for IPv6, brackets") {
  const auto row = GENERATE(table<std::string, std::string, int, std::string>({
      {"localhost", "localhost", 32000, "localhost:32000"},
      {"hub.example:1", "hub.example", 1, "hub.example:1"},
      {"127.0.0.1:65535", "127.0.0.1", 65535, "127.0.0.1:65535"},
      {"[::1]", "::1", 32000, "[::1]:32000"},
      {"[fe80::1%eth0]:32001", "fe80::1%eth0", 32001, "[fe80::1%eth0]:32001"},
  }));
  CAPTURE(std::get<0>(row));
  const auto name = parse_hub_name(std::get<0>(row));
  REQUIRE(name);
  CHECK(name->host == std::get<1>(row));
  CHECK(name->port == std::get<2>(row));
  CHECK(to_string(*name) == std::get<3>(row));
}

TEST_CASE("what names no hub is refused with a reason") {
  const auto text =
      GENERATE(as<std::string>{}, "", ":32000", "[]:32000", "[::1", "[::1]32000", "::1",
               "::1:32000", "host:", "host:0", "host:65536", "host:32000x", "host:-1", "host: 1",
               "a b", "a#b", "a/b", "a@b", "-host", "h\n", "h\xC3\xA4", "[a]", "[1.2.3.4]",
               "[::1%]", "[::1% ]", "[::g]", std::string(254, 'a'));
  CAPTURE(text);
  const auto name = parse_hub_name(text);
  REQUIRE_FALSE(name);
  CHECK(name.error().find("HOST:PORT") != std::string::npos);
}

}  // namespace hub
