// What a log line may hold when it is JSON, and what becomes of lines at its end or unread.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "server/net/log.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub::server;

namespace {

/// Standard error goes to a file, or to `file`, which is closed here, while this lives.
class CapturedErrors {
 public:
  explicit CapturedErrors(const std::filesystem::path& path)
      : CapturedErrors(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}
  explicit CapturedErrors(int file) : before_(dup(STDERR_FILENO)) {
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

std::string without_times(std::istream& log) {
  std::string out;
  for (std::string line; std::getline(log, line);) {
    out += line.substr(std::min(line.size(), line.find(' ') + 1)) + "\n";
  }
  return out;
}

std::string without_times(const std::filesystem::path& log) {
  std::ifstream file(log);
  return without_times(file);
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

TEST_CASE("where nobody reads the log, nobody waits for it, and it tells how much is missing") {
  constexpr int kLines = 50'000;
  int pipe[2];
  REQUIRE(pipe2(pipe, O_CLOEXEC) == 0);
  std::string written;
  std::thread reading;
  {
    const CapturedErrors captured(pipe[1]);
    Log log(LogLevel::kInfo, LogFormat::kText);
    std::vector<LogLine> turn;
    for (int line = 0; line < kLines; ++line) {
      turn.push_back({LogLevel::kInfo, std::to_string(line)});
      turn.push_back({LogLevel::kDebug, "not asked for"});
      if (turn.size() < 100) continue;
      log.write(turn, hub::WallTime{});
      turn.clear();
      if (reading.joinable() || line < kLines / 2) continue;
      reading = std::thread([&] {  // only now
        char buffer[4096];
        for (ssize_t n = 0; (n = read(pipe[0], buffer, sizeof buffer)) > 0;) {
          written.append(buffer, static_cast<std::size_t>(n));
        }
      });
    }
  }
  reading.join();
  close(pipe[0]);

  std::istringstream lines(written);
  std::istringstream words(without_times(lines));
  int printed = 0;
  int lost = 0;
  for (std::string level, first, rest; words >> level >> first && std::getline(words, rest);) {
    if (level == "info") {
      REQUIRE(std::stoi(first) == printed + lost);  // in order, and what is missing was told
      ++printed;
    } else {
      REQUIRE(level == "warning");
      REQUIRE(rest.find("missing here") != std::string::npos);
      lost += std::stoi(first);
    }
  }
  CHECK(printed + lost == kLines);
  CHECK(printed >= 8'192);
  CHECK(lost > 0);
}
