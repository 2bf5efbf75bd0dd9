// The log: lines on standard error, as text or as one JSON object each. Written by a thread of its
// own, so that a stopped terminal or a full pipe never stops the hub; where too many lines wait,
// further ones are lost, and a line in their place tells how many. Any thread may write.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/types.hpp"
#include "server/core/outbox.hpp"

namespace hub::server {

enum class LogFormat { kText, kJson };

class Log {
 public:
  Log(LogLevel least, LogFormat format);
  /// Waits until every line is written.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void write(LogLevel level, std::string text);
  /// All lines of a turn at once: its thread is woken once for them.
  void write(std::vector<LogLine>& lines, WallTime at);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The words of --log-level, and of the "level" in every line.
std::string_view word_of(LogLevel level);

/// `text` as a JSON string, quotes included; what is not UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

}  // namespace hub::server
