#include "admin/format.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace hub::admin {

namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kUnits = {
    {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}}};

}  // namespace

std::string iso_time(WallTime time, bool exact) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const auto in_day = time - day;
  const auto hour = duration_cast<hours>(in_day);
  const auto minute = duration_cast<minutes>(in_day - hour);
  const auto second = duration_cast<seconds>(in_day - hour - minute);
  const auto rest = in_day - hour - minute - second;
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  hour.count(), minute.count(), second.count());
  if (exact) out += fmt::format(".{:06}", rest.count());
  return out + "Z";
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  for (const auto& unit : kUnits) {
    if (!text.ends_with(unit.first)) continue;
    const auto count = parse_number(text.substr(0, text.size() - unit.first.size()));
    if (!count || *count > std::numeric_limits<std::uint64_t>::max() / unit.second) {
      return std::nullopt;
    }
    return *count * unit.second;
  }
  return parse_number(text);
}

std::string format_size(std::uint64_t bytes) {
  for (const auto& unit : kUnits) {
    if (bytes >= unit.second && bytes % unit.second == 0) {
      return fmt::format("{}{}", bytes / unit.second, unit.first);
    }
  }
  return fmt::format("{} bytes", bytes);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace hub::admin
