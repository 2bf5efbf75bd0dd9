#include <catch2/catch.hpp>

#include "protocol/message.hpp"

using namespace hub;

TEST_CASE("a retrieve's range is n, and below which post") {
  CHECK(parse_retrieve("20").count == 20);
  CHECK(parse_retrieve("20").before == 0);
  CHECK(parse_retrieve("20&345").count == 20);
  CHECK(parse_retrieve("20&345").before == 345);
  CHECK(parse_retrieve("20 posts&345, please").before == 345);
  CHECK(parse_retrieve("").count == 0);
  CHECK(parse_retrieve("&345").count == 0);
  CHECK(parse_retrieve("20&18446744073709551615").before == 18446744073709551615u);
}

TEST_CASE("a retrieve that says below what, and not which, asks for nothing") {
  CHECK(parse_retrieve("20&").count == 0);
  CHECK(parse_retrieve("20&x").count == 0);
  CHECK(parse_retrieve("20&-1").count == 0);
  CHECK(parse_retrieve("20&18446744073709551616").count == 0);
}
