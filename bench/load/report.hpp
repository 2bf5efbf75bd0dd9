// From the results of several rounds to one table of medians with their spread, and one JSON file.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/load/measure.hpp"

namespace hub::bench {

/// One line: {"scenario": …, its numbers, "notes": […]}.
std::string to_json(const Result& result);
/// The same for people.
std::string to_line(const Result& result);

/// JSON on standard output, and the same for people on standard error.
void tell(const Result& result);
/// Of a scenario that is run now; where this machine has not what it needs, the result of that
/// `name` holds nothing but a note why.
void tell(const std::string& name, const std::function<Result()>& run);

/// Lines of to_json(), or one file of Google Benchmark's JSON. Throws Failure.
std::vector<Result> read_results(const std::filesystem::path& file);

/// One number of one scenario over all rounds.
struct Series {
  std::vector<double> values;
  double median() const;
  double least() const;
  double most() const;
};

class Report {
 public:
  /// A scenario's rounds in the order in which they were run.
  struct Scenario {
    std::string name;
    std::vector<std::pair<std::string, Series>> numbers;
    std::vector<std::string> notes;  // each once
    const Series* find(const std::string& number) const;
  };

  void add(const Result& result);
  const Scenario* find(const std::string& name) const;
  const std::vector<Scenario>& scenarios() const { return scenarios_; }

  /// A Markdown table: what was measured, median, least to most, and the numbers to beat.
  std::string table() const;
  /// Each note once, a line with the scenarios that have it.
  std::string notes() const;
  std::string json() const;

 private:
  std::vector<Scenario> scenarios_;  // in the order they were first seen
};

/// A row of the tables. `number` of `scenario`, shown divided by `unit`.
struct ReportRow {
  std::string_view scenario;
  std::string_view number;
  std::string_view title;
  double unit;
  std::string_view beat;
};
std::span<const ReportRow> report_rows();

}  // namespace hub::bench
