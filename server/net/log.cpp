#include "server/net/log.hpp"

#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "protocol/fault.hpp"

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

}  // namespace

struct Log::Impl {
  std::shared_ptr<spdlog::details::thread_pool> writer =
      std::make_shared<spdlog::details::thread_pool>(kMaxWaitingLines, 1);
  std::shared_ptr<spdlog::async_logger> logger;
};

Log::Log(LogLevel least, LogFormat format) : impl_(std::make_unique<Impl>()) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  impl_->logger = std::make_shared<spdlog::async_logger>(
      "hubd", std::move(sink), impl_->writer, spdlog::async_overflow_policy::overrun_oldest);
  impl_->logger->set_level(to_spdlog(least));
  impl_->logger->set_formatter(make_formatter(format));
  impl_->logger->set_error_handler([](const std::string&) {});  // standard error is gone
}

Log::~Log() {
  impl_->writer.reset();  // joins its thread, so that nobody uses the logger any more
  impl_->logger.reset();
}

void Log::write(LogLevel level, std::string_view text) {
  impl_->logger->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
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
