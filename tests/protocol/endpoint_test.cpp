#include "protocol/endpoint.hpp"

#include <catch2/catch.hpp>

using namespace hub;

TEST_CASE("endpoints are read and written the usual way") {
  for (const char* text :
       {"127.0.0.1:32000", "[::1]:32000", "0.0.0.0:0", "[::]:65535", "[2001:db8::1]:53"}) {
    const auto endpoint = Endpoint::parse(text);
    REQUIRE(endpoint);
    CHECK(to_string(*endpoint) == text);
  }
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:", ":1", "::1:32000", "[::1]", "[::1]:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:1x", "[127.0.0.1]:1", "localhost:1", "[::1:1", "300.0.0.1:1"}) {
    CAPTURE(text);
    CHECK_FALSE(Endpoint::parse(text));
  }
}

TEST_CASE("an IPv4 address is the same mapped and plain") {
  CHECK(IpAddress::parse("127.0.0.1") == IpAddress::parse("::ffff:127.0.0.1"));
  CHECK(IpAddress::parse("::ffff:127.0.0.1")->is_loopback());
  CHECK(IpAddress::parse("127.9.9.9")->is_loopback());
  CHECK(IpAddress::parse("::1")->is_loopback());
  CHECK_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  CHECK_FALSE(IpAddress::parse("::2")->is_loopback());
  CHECK_FALSE(IpAddress::parse("::")->is_loopback());
  CHECK(IpAddress::parse("::")->is_unspecified());
  CHECK(IpAddress::parse("0.0.0.0")->is_unspecified());
}

TEST_CASE("a prefix is all of IPv4 and 56 bits of IPv6") {
  const auto prefix = [](const char* text) { return to_string(IpAddress::parse(text)->prefix()); };
  CHECK(prefix("192.0.2.7") == "192.0.2.7");
  CHECK(prefix("2001:db8:1:2345:6:7:8:9") == "2001:db8:1:2300::");
}
