#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/load/report.hpp"

namespace hub::bench {

namespace {

using Json = nlohmann::ordered_json;

double nanoseconds(double value, const std::string& unit) {
  if (unit == "us") return value * 1e3;
  if (unit == "ms") return value * 1e6;
  if (unit == "s") return value * 1e9;
  return value;
}

std::vector<Result> of_google_benchmark(const Json& file) {
  std::vector<Result> out;
  for (const Json& each : file.at("benchmarks")) {
    if (each.value("run_type", "iteration") != "iteration") continue;
    Result result;
    const auto name = each.at("name").get<std::string>();
    // Those that wait for the disk are measured by the clock, the others by what they cost.
    static constexpr std::string_view kByClock = "/real_time";
    const std::size_t suffix = name.rfind(kByClock);
    result.scenario = "micro/" + name.substr(0, suffix);
    const char* time = suffix != std::string::npos ? "real_time" : "cpu_time";
    result.add("ns", nanoseconds(each.at(time), each.value("time_unit", "ns")));
    if (each.contains("items_per_second")) {
      result.add("items_per_second", each.at("items_per_second"));
    }
    for (const char* counter : {"bytes", "p50_us", "p99_us"}) {
      if (each.contains(counter)) result.add(counter, each.at(counter));
    }
    if (each.contains("error_message")) result.note(each.at("error_message"));
    out.push_back(std::move(result));
  }
  return out;
}

Result of_line(const std::string& line) {
  Result out;
  const Json object = Json::parse(line);
  for (const auto& [key, value] : object.items()) {
    if (key == "scenario") out.scenario = value;
    if (value.is_number()) out.add(key, value);
    if (key == "notes") out.notes = value.get<std::vector<std::string>>();
  }
  return out;
}

}  // namespace

std::string to_json(const Result& result) {
  Json out{{"scenario", result.scenario}};
  for (const auto& [name, value] : result.numbers) out[name] = value;
  if (!result.notes.empty()) out["notes"] = result.notes;
  return out.dump();
}

std::vector<Result> read_results(const std::filesystem::path& file) {
  std::ifstream in(file);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in || text.empty()) throw Failure("there is nothing in " + file.string());
  try {
    if (Json whole = Json::parse(text, nullptr, false);
        !whole.is_discarded() && whole.contains("benchmarks")) {
      return of_google_benchmark(whole);
    }
    std::vector<Result> out;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) out.push_back(of_line(line));
    return out;
  } catch (const Json::exception& error) {
    throw Failure(
        fmt::format("{} holds something else than results: {}", file.string(), error.what()));
  }
}

std::string Report::json() const {
  Json scenarios = Json::object();
  for (const Scenario& scenario : scenarios_) {
    Json numbers = Json::object();
    for (const auto& [name, series] : scenario.numbers) {
      numbers[name] = {{"median", series.median()},
                       {"least", series.least()},
                       {"most", series.most()},
                       {"values", series.values}};
    }
    if (!scenario.notes.empty()) numbers["notes"] = scenario.notes;
    scenarios[scenario.name] = std::move(numbers);
  }
  return Json{{"scenarios", scenarios}}.dump(2) + "\n";
}

}  // namespace hub::bench
