// What a log line may hold when it is JSON.
#include <catch2/catch.hpp>

#include "server/net/log.hpp"

using namespace hub::server;

TEST_CASE("a log line in JSON survives quotes, line ends and bytes that are no text") {
  CHECK(json_string("plain") == R"("plain")");
  CHECK(json_string("say \"hi\"\\\n\x01") == R"("say \"hi\"\\\n\u0001")");
  CHECK(json_string("gr\xC3\xBC\xC3\x9F") == "\"gr\xC3\xBC\xC3\x9F\"");
  CHECK(json_string("\xFF") == "\"\xEF\xBF\xBD\"");
}
