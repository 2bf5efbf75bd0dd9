#include "bench/load/report.hpp"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "bench/load/table.hpp"

namespace hub::bench {

namespace {

using Cells = std::vector<std::string>;

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
  if (find(result.scenario) == nullptr) scenarios_.push_back({result.scenario, {}, {}});
  auto& scenario = *std::find_if(scenarios_.begin(), scenarios_.end(),
                                 [&](const Scenario& s) { return s.name == result.scenario; });
  for (const auto& [name, value] : result.numbers) {
    if (scenario.find(name) == nullptr) scenario.numbers.push_back({name, {}});
    for (auto& [key, series] : scenario.numbers) {
      if (key == name) series.values.push_back(value);
    }
  }
  for (const std::string& note : result.notes) {
    auto& notes = scenario.notes;
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  }
}

std::string Report::table() const {
  std::vector<Cells> rows = {{"measured", "median", "least – most", "to beat"}};
  for (const ReportRow& row : report_rows()) {
    const Scenario* scenario = find(std::string(row.scenario));
    const Series* series = scenario != nullptr ? scenario->find(std::string(row.number)) : nullptr;
    if (series != nullptr) {
      rows.push_back(cells(std::string(row.title), *series, row.unit, std::string(row.beat)));
    }
  }
  std::vector<Cells> small = {{"small pieces", "median, us", "least – most", "items/s"}};
  for (const Scenario& scenario : scenarios_) {
    if (scenario.name.rfind("micro/", 0) != 0 || scenario.find("bytes") != nullptr) continue;
    const Series* items = scenario.find("items_per_second");
    small.push_back(cells(scenario.name.substr(6), *scenario.find("ns"), 1e3,
                          items != nullptr ? show(items->median()) : ""));
  }
  std::string out = rows.size() > 1 ? aligned(rows) + "\n" : "";
  if (small.size() > 1) out += aligned(small) + "\n";
  return out + notes();
}

std::string Report::notes() const {
  std::vector<std::pair<std::string, std::string>> lines;  // a note, and whose it is
  for (const Scenario& scenario : scenarios_) {
    for (const std::string& note : scenario.notes) {
      const auto same = std::find_if(lines.begin(), lines.end(),
                                     [&](const auto& line) { return line.first == note; });
      if (same != lines.end()) {
        same->second += ", " + scenario.name;
      } else {
        lines.emplace_back(note, scenario.name);
      }
    }
  }
  std::string out;
  for (const auto& [note, names] : lines) out += fmt::format("{} ({})\n", note, names);
  return out;
}

void tell(const Result& result) {
  fmt::print("{}\n", to_json(result));
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", to_line(result));
}

void tell(const std::string& name, const std::function<Result()>& run) try {
  tell(run());
} catch (const NotHere& why) {
  Result result;
  result.scenario = name;
  result.note(why.what());
  tell(result);
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
