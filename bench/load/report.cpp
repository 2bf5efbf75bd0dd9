#include "bench/load/report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace hub::bench {

namespace {

/// A row of the table. `number` of `scenario`, shown divided by `unit`.
struct Row {
  std::string_view scenario;
  std::string_view number;
  std::string_view title;
  double unit;
  std::string_view beat;
};

// The numbers to beat come from a two-core machine; docs/PERFORMANCE.md says which and how.
constexpr std::array kRows = {
    Row{"fanout/1000", "deliveries_per_core_second", "fan-out 1→1,000, deliveries/s per hubd core",
        1, "336k: 2 × Redis PUBLISH; 324k: 6 × Mosquitto QoS 1"},
    Row{"fanout/1000", "deliveries_per_second", "… deliveries/s", 1, ""},
    Row{"fanout/1000", "last_forward_p50_us", "… post to last forward, p50, us", 1, ""},
    Row{"fanout/1000", "last_forward_p99_us", "… p99, us", 1, ""},
    Row{"fanout/1", "last_forward_p50_us", "post to forward, idle hub, p50, us", 1,
        "2 × fdatasync p50 + 150"},
    Row{"fanout/1", "last_forward_p99_us", "… p99, us", 1, "5 × that"},
    Row{"post/64x1/history", "posts_per_second", "durable posts/s, 64 clients × 1, 10^6 there", 1,
        "76k: 2 × Redis, AOF always"},
    Row{"post/64x1/history", "ack_p99_us", "… post to ack, p99, us", 1, ""},
    Row{"post/64x16/history", "posts_per_second", "durable posts/s, 64 clients × 16, 10^6 there", 1,
        "256k: Redis, AOF always"},
    Row{"post/64x16/history", "ack_p99_us", "… post to ack, p99, us", 1, ""},
    Row{"retrieve/10", "p50_us", "retrieve#20 of 10 followees at 10^6, p50, us", 1, ""},
    Row{"retrieve/100", "p50_us", "retrieve#20 of 100 followees at 10^6, p50, us", 1,
        "180: a tenth of Redis streams"},
    Row{"retrieve/100", "p99_us", "… p99, us", 1, ""},
    Row{"retrieve/1000", "p50_us", "retrieve#20 of 1,000 followees at 10^6, p50, us", 1, ""},
    Row{"idle/10000", "bytes_per_session", "memory a session, 10,000 of them, bytes", 1,
        "1,024: Mosquitto"},
    Row{"fanout/1000/sealed", "deliveries_per_core_second",
        "sealed fan-out 1→1,000, deliveries/s per hubd core", 1,
        "336k: 2 × Redis PUBLISH; 324k: 6 × Mosquitto QoS 1"},
    Row{"fanout/1000/sealed", "deliveries_per_second", "… deliveries/s", 1, ""},
    Row{"fanout/1000/sealed", "hub_receives_per_delivery", "… datagrams hubd receives a delivery",
        1, ""},
    Row{"fanout/1000/sealed", "last_forward_p50_us", "… post to last forward, p50, us", 1, ""},
    Row{"fanout/1/sealed", "last_forward_p50_us", "sealed post to forward, idle hub, p50, us", 1,
        "2 × fdatasync p50 + 150"},
    Row{"fanout/1/sealed", "last_forward_p99_us", "… p99, us", 1, "5 × that"},
    Row{"post/64x1/history/sealed", "posts_per_second",
        "sealed durable posts/s, 64 clients × 1, 10^6 there", 1, "76k: 2 × Redis, AOF always"},
    Row{"post/64x1/history/sealed", "posts_per_core_second", "… per hubd core", 1, ""},
    Row{"post/64x1/history", "posts_per_core_second", "… the same, classic", 1, ""},
    Row{"retrieve/100/sealed", "p50_us", "sealed retrieve#20 of 100 followees at 10^6, p50, us", 1,
        "180: a tenth of Redis streams"},
    Row{"retrieve/100/sealed", "hub_cpu_us_each", "… CPU time of hubd, us", 1, ""},
    Row{"idle/10000/sealed", "bytes_per_session", "memory a sealed session, 10,000 of them, bytes",
        1, "1,024: Mosquitto"},
    Row{"idle/10000/sealed", "login_hub_cpu_us_each", "CPU time of hubd a sealed login, us", 1,
        "250: 4,000 a core second"},
    Row{"micro/idle_connection_bytes/iterations:1", "bytes",
        "memory of a sealed connection at rest alone, bytes", 1, "1,024"},
    Row{"machine", "fdatasync_p50_us", "this machine: append + fdatasync, p50, us", 1, ""},
    Row{"machine", "sendmmsg_us_each", "this machine: sendmmsg(64), us a datagram", 1, ""},
};

std::string with_commas(double value) {
  std::string digits = fmt::format("{:.0f}", value);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::string show(double value) {
  if (value >= 1e6) return fmt::format("{:.2f}M", value / 1e6);
  if (value >= 1e4) return with_commas(std::round(value / 100) * 100);
  if (value >= 100) return with_commas(value);
  return fmt::format("{:.{}f}", value, value >= 10 ? 1 : 2);
}

/// Columns on a terminal, not bytes: continuation bytes of UTF-8 take none.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

using Cells = std::array<std::string, 4>;

std::string aligned(const std::vector<Cells>& rows) {
  std::array<std::size_t, 4> widths{};
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - width(row[i]), &row == &rows[1] ? '-' : ' ');
      const bool right = i == 1 || i == 2;
      out += "| " + (right ? space + row[i] : row[i] + space) + " ";
    }
    out += "|\n";
  }
  return out;
}

Cells cells(std::string title, const Series& series, double unit, std::string beat) {
  return {std::move(title), show(series.median() / unit),
          show(series.least() / unit) + " – " + show(series.most() / unit), std::move(beat)};
}

}  // namespace

double Series::median() const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
double Series::least() const { return *std::min_element(values.begin(), values.end()); }
double Series::most() const { return *std::max_element(values.begin(), values.end()); }

const Series* Report::Scenario::find(const std::string& number) const {
  for (const auto& [key, series] : numbers) {
    if (key == number) return &series;
  }
  return nullptr;
}

const Report::Scenario* Report::find(const std::string& name) const {
  for (const Scenario& scenario : scenarios_) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

void Report::add(const Result& result) {
  if (find(result.scenario) == nullptr) scenarios_.push_back({result.scenario, {}});
  auto& scenario = *std::find_if(scenarios_.begin(), scenarios_.end(),
                                 [&](const Scenario& s) { return s.name == result.scenario; });
  for (const auto& [name, value] : result.numbers) {
    if (scenario.find(name) == nullptr) scenario.numbers.push_back({name, {}});
    for (auto& [key, series] : scenario.numbers) {
      if (key == name) series.values.push_back(value);
    }
  }
  for (const std::string& note : result.notes) {
    const std::string line = result.scenario + ": " + note;
    if (std::find(notes_.begin(), notes_.end(), line) == notes_.end()) notes_.push_back(line);
  }
}

std::string Report::table() const {
  std::vector<Cells> rows = {{"measured", "median", "least – most", "to beat"}, {}};
  for (const Row& row : kRows) {
    const Scenario* scenario = find(std::string(row.scenario));
    const Series* series = scenario != nullptr ? scenario->find(std::string(row.number)) : nullptr;
    if (series != nullptr) {
      rows.push_back(cells(std::string(row.title), *series, row.unit, std::string(row.beat)));
    }
  }
  std::vector<Cells> small = {{"small pieces", "median, us", "least – most", "items/s"}, {}};
  for (const Scenario& scenario : scenarios_) {
    if (scenario.name.rfind("micro/", 0) != 0 || scenario.find("bytes") != nullptr) continue;
    const Series* items = scenario.find("items_per_second");
    small.push_back(cells(scenario.name.substr(6), *scenario.find("ns"), 1e3,
                          items != nullptr ? show(items->median()) : ""));
  }
  std::string out = rows.size() > 2 ? aligned(rows) + "\n" : "";
  if (small.size() > 2) out += aligned(small) + "\n";
  for (const std::string& note : notes_) out += note + "\n";
  return out;
}

std::string to_line(const Result& result) {
  std::string out = result.scenario + ":";
  for (const auto& [name, value] : result.numbers) {
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    out += fmt::format(" {} {},", words, show(value));
  }
  out.back() = '.';
  for (const std::string& note : result.notes) out += "\n  " + note;
  return out;
}

}  // namespace hub::bench
