// What is counted of posts on their way, and what the tables make of it.
#include "bench/load/report.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <catch2/catch.hpp>

#include "bench/load/comparison.hpp"
#include "bench/load/post_window.hpp"
#include "bench/load/process.hpp"

namespace hub::bench {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

void add(Report& report, const std::string& scenario, const std::string& number, double value) {
  Result result;
  result.scenario = scenario;
  result.add(number, value);
  report.add(result);
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a post carries its number, with or without the name of its author") {
  CHECK(numbered_text(42, 20).size() == 20);
  CHECK(number_in(numbered_text(42, 20)) == 42u);
  CHECK(number_in("<u0>" + numbered_text(7, 8)) == 7u);
  CHECK(!number_in("0000042"));
  CHECK(!number_in("the quick brown fox"));
  CHECK(!number_in("<u0"));
}

TEST_CASE("a post is done when every follower has it") {
  PostWindow window(2, 2);
  window.start_measuring(10);
  CHECK(window.sent(kStart) == 0);
  CHECK(window.may_send());
  CHECK(window.sent(kStart + 1ms) == 1);
  CHECK(!window.may_send());
  window.arrived(0, 0, kStart + 5ms);
  window.arrived(0, 1, kStart + 6ms);
  CHECK(!window.may_send());
  window.arrived(1, 0, kStart + 7ms);
  CHECK(window.may_send());
  window.arrived(1, 1, kStart + 9ms);
  CHECK(window.is_empty());
  CHECK(window.deliveries() == 4);
  CHECK(window.lost() == 0);
  CHECK(window.latencies().percentile_us(0.5) == Approx(7000));
  CHECK(window.latencies().percentile_us(1) == Approx(8000));
}

TEST_CASE("what a follower is given behind a gap frees the window, and the gap is lost") {
  PostWindow window(2, 4);
  window.start_measuring(10);
  for (int i = 0; i < 3; ++i) window.sent(kStart);
  window.arrived(0, 0, kStart + 1ms);
  window.arrived(0, 2, kStart + 1ms);  // 1 is lost to it
  window.arrived(0, 2, kStart + 1ms);  // and this repeated
  for (std::size_t i = 0; i < 3; ++i) window.arrived(1, i, kStart + 1ms);
  CHECK(window.is_empty());
  CHECK(window.lost() == 1);
  CHECK(window.repeated() == 1);
  CHECK(window.deliveries() == 5);
  CHECK(window.latencies().size() == 2);  // what did not come to all has no time

  window.sent(kStart);
  window.arrived(0, 3, kStart + 1ms);
  window.give_up();
  CHECK(window.lost() == 2);
  window.arrived(1, 3, kStart + 1ms);  // too late
  CHECK(window.repeated() == 2);
  CHECK(window.sent(kStart) == 4);
}

TEST_CASE("ours and a rival's are compared round by round") {
  Report report;
  for (const double ours : {100.0, 400.0, 90.0}) {
    add(report, "fanout/1000/own/sealed", "deliveries_per_core_second", ours);
    add(report, "fanout/1000/redis", "deliveries_per_core_second", ours / 3);
  }
  add(report, "idle/10000/sealed", "bytes_per_session", 500);
  add(report, "idle/10000/mosquitto-qos1", "bytes_per_session", 1000);
  Result absent;
  absent.scenario = "fanout/1000/nats";
  absent.note("nats-server is not installed");
  report.add(absent);
  const std::string table = rivals_table(report);
  CHECK(holds(table, "Redis PUBLISH: 33.3 | 3.00 (3.00–3.00)"));
  CHECK(holds(table, "≥ 2: reached"));
  CHECK(holds(table, "Mosquitto: 1,000"));
  CHECK(holds(table, "at most 1,024: reached"));
  CHECK(holds(table, "NATS core: nats-server is not installed"));
}

TEST_CASE("of a small piece its time is read, and the percentiles and bytes that it counted") {
  const TempDirectory directory(std::filesystem::temp_directory_path());
  const auto file = directory.path() / "micro.json";
  std::ofstream(file) << R"({"benchmarks": [{"name": "store_retrieve_20_large/followees:10",
      "cpu_time": 17.0, "real_time": 18.0, "time_unit": "us", "p50_us": 16.5, "p99_us": 25.0}]})";
  Report report;
  for (const Result& result : read_results(file)) report.add(result);
  const auto* scenario = report.find("micro/store_retrieve_20_large/followees:10");
  REQUIRE(scenario != nullptr);
  CHECK(scenario->find("ns")->median() == Approx(17'000));
  CHECK(scenario->find("p50_us")->median() == 16.5);
  CHECK(scenario->find("p99_us")->median() == 25);
}

TEST_CASE("what lost posts is marked") {
  Report report;
  Result lossy;
  lossy.scenario = "fanout/1000x64/own";
  lossy.add("deliveries_per_second", 5000);
  lossy.add("lost", 3);
  report.add(lossy);
  CHECK(holds(rivals_table(report), "5,000*"));
}

TEST_CASE("two revisions are compared, and what the older one lacks stays") {
  Report base;
  Report ours;
  add(base, "count/piece", "instructions", 200);
  add(ours, "count/piece", "instructions", 150);
  add(ours, "count/new", "instructions", 70);
  const std::string table = revisions_table(base, ours);
  CHECK(holds(table, "0.75"));
  CHECK(holds(table, "new, instructions"));
}

}  // namespace hub::bench
