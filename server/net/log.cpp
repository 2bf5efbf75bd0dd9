#include "server/net/log.hpp"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/details/os.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "protocol/fault.hpp"
#include "server/net/inbox.hpp"

namespace hub::server {

namespace {

constexpr std::size_t kMaxWaitingLines = 8192;

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

/// %J: the message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string quoted = json_string(text);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

std::unique_ptr<spdlog::formatter> make_formatter(LogFormat format) {
  auto out = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::kText) {
    out->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v");
  } else {
    out->add_flag<JsonMessage>('J');
    out->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%J})");
  }
  return out;
}

struct TimedLine {
  spdlog::log_clock::time_point at;
  LogLevel level = LogLevel::kInfo;
  std::string text;
};

TimedLine told_lost(std::size_t lines, spdlog::log_clock::time_point at) {
  return {
      at, LogLevel::kWarning,
      fmt::format("{} lines of the log are missing here: they were not read fast enough", lines)};
}

}  // namespace

class Log::Impl {
 public:
  Impl(LogLevel least, LogFormat format);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  /// One line at least. That lines are missing is told whatever the level: they were of this one.
  void push(std::vector<TimedLine>& lines);
  bool wants(LogLevel level) const { return level >= least_; }

 private:
  void run();
  void write(const TimedLine& line);

  const LogLevel least_;
  Inbox<TimedLine> waiting_{kMaxWaitingLines};
  std::mutex lost_mutex_;
  std::size_t lost_ = 0;   // since the last line for which there was room
  spdlog::logger logger_;  // the thread's own
  std::thread thread_;
};

Log::Impl::Impl(LogLevel least, LogFormat format)
    : least_(least), logger_("hubd", std::make_shared<spdlog::sinks::stderr_sink_st>()) {
  logger_.set_level(spdlog::level::trace);
  logger_.set_formatter(make_formatter(format));
  logger_.set_error_handler([](const std::string&) {});  // standard error is gone
  thread_ = std::thread([this] { run(); });
}

Log::Impl::~Impl() {
  waiting_.close();
  thread_.join();
  if (lost_ > 0) write(told_lost(lost_, spdlog::details::os::now()));
}

void Log::Impl::push(std::vector<TimedLine>& lines) {
  const std::lock_guard lock(lost_mutex_);
  const bool tells = lost_ > 0;
  if (tells) lines.insert(lines.begin(), told_lost(lost_, lines.front().at));
  const std::size_t taken = waiting_.push_some(lines);
  if (tells && taken > 0) lost_ = 0;
  if (!fault("lost_lines_not_told")) {
    lost_ += lines.size() - std::max<std::size_t>(taken, tells ? 1 : 0);
  }
}

void Log::Impl::run() {
  std::vector<TimedLine> lines;
  while (waiting_.wait_all(lines)) {
    for (const TimedLine& line : lines) write(line);
  }
}

void Log::Impl::write(const TimedLine& line) {
  logger_.log(line.at, {}, to_spdlog(line.level), line.text);
}

Log::Log(LogLevel least, LogFormat format) : impl_(std::make_unique<Impl>(least, format)) {}

Log::~Log() = default;

void Log::write(LogLevel level, std::string text) {
  std::vector<LogLine> one;
  one.push_back({level, std::move(text)});
  write(one, std::chrono::time_point_cast<WallTime::duration>(spdlog::details::os::now()));
}

void Log::write(std::vector<LogLine>& lines, WallTime at) {
  std::vector<TimedLine> timed;
  for (LogLine& line : lines) {
    if (impl_->wants(line.level)) timed.push_back({at, line.level, std::move(line.text)});
  }
  if (!timed.empty()) impl_->push(timed);
}

std::string_view word_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

std::string json_string(std::string_view text) {
  if (fault("log_json_unescaped")) return '"' + std::string(text) + '"';
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace hub::server
