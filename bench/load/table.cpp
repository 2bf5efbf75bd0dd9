#include "bench/load/table.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace hub::bench {

namespace {

std::string with_commas(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

/// Columns on a terminal, not bytes: continuation bytes of UTF-8 take none.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::string show(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  if (value >= 1e4) return with_commas(std::round(value / 100) * 100);
  if (value >= 100) return with_commas(value);
  return fmt::format("{:.{}f}", value, value >= 10 ? 1 : 2);
}

std::string aligned(std::vector<std::vector<std::string>> rows) {
  const std::size_t columns = rows.at(0).size();
  rows.insert(rows.begin() + 1, std::vector<std::string>(columns));
  std::vector<std::size_t> widths(columns);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string space(widths[i] - width(row[i]), &row == &rows[1] ? '-' : ' ');
      const bool right = i > 0 && i + 1 < columns;
      out += "| " + (right ? space + row[i] : row[i] + space) + " ";
    }
    out += "|\n";
  }
  return out;
}

}  // namespace hub::bench
