// What a log line may hold when it is JSON, and that the log's end loses none.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "server/net/log.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub::server;

namespace {

/// Standard error goes to a file while this lives.
class CapturedErrors {
 public:
  explicit CapturedErrors(const std::filesystem::path& path) : before_(dup(STDERR_FILENO)) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(file, STDERR_FILENO);
    close(file);
  }
  ~CapturedErrors() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  CapturedErrors(const CapturedErrors&) = delete;
  CapturedErrors& operator=(const CapturedErrors&) = delete;

 private:
  int before_;
};

std::string without_times(const std::filesystem::path& log) {
  std::ifstream file(log);
  std::string out;
  for (std::string line; std::getline(file, line);) {
    out += line.substr(std::min(line.size(), line.find(' ') + 1)) + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("a log line in JSON survives quotes, line ends and bytes that are no text") {
  CHECK(json_string("plain") == R"("plain")");
  CHECK(json_string("say \"hi\"\\\n\x01") == R"("say \"hi\"\\\n\u0001")");
  CHECK(json_string("gr\xC3\xBC\xC3\x9F") == "\"gr\xC3\xBC\xC3\x9F\"");
  CHECK(json_string("\xFF") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("a log that ends has written every line, in order") {
  const hub::test::TempDirectory directory;
  const auto path = directory / "log";
  std::string expected;
  for (int line = 0; line < 20; ++line) expected += "info    line " + std::to_string(line) + "\n";
  for (int round = 0; round < 50; ++round) {
    {
      const CapturedErrors captured(path);
      Log log(LogLevel::kInfo, LogFormat::kText);
      for (int line = 0; line < 20; ++line) {
        log.write(LogLevel::kInfo, "line " + std::to_string(line));
      }
      // Every other time the writing thread is idle at the end: whichever of the two lets go last,
      // ThreadSanitizer has nothing to say. (Its report would be in the file, which then stays.)
      while (round % 2 == 1 && without_times(path) != expected) std::this_thread::yield();
    }
    REQUIRE(without_times(path) == expected);
  }
}
