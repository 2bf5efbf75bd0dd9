// From the results of several rounds to one table of medians with their spread, and one JSON file.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/load/measure.hpp"

namespace hub::bench {

/// One line: {"scenario": …, its numbers, "notes": […]}.
std::string to_json(const Result& result);
/// The same for people.
std::string to_line(const Result& result);

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
  void add(const Result& result);

  /// A Markdown table: what was measured, median, least to most, and the numbers to beat.
  std::string table() const;
  std::string json() const;

 private:
  struct Scenario {
    std::string name;
    std::vector<std::pair<std::string, Series>> numbers;
    const Series* find(const std::string& number) const;
  };
  const Scenario* find(const std::string& name) const;

  std::vector<Scenario> scenarios_;  // in the order they were first seen
  std::vector<std::string> notes_;   // "scenario: note", each once
};

}  // namespace hub::bench
