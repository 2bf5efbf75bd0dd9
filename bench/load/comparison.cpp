#include "bench/load/comparison.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "bench/load/table.hpp"

namespace hub::bench {

namespace {

enum class Better : bool { kMore, kLess };

/// What is set beside the rivals: `number` of `ours` (and of that with "/sealed" behind it) and of
/// `theirs` with each rival's name behind it.
struct Subject {
  std::string_view title;
  std::string_view ours;
  std::string_view theirs;
  std::string_view number;
  double unit;
  Better better;
};

struct Against {
  std::string_view rival;
  std::string_view title;
  double goal = 0;  // how many times better ours is to be; 0: none is set
};

struct Group {
  Subject subject;
  std::array<Against, 4> rivals;  // empty ones at the end
};

constexpr double kMs = 1000;

constexpr Against kRedis{"redis", "Redis PUBLISH"};
constexpr Against kQos1{"mosquitto-qos1", "Mosquitto QoS 1"};
constexpr Against kQos0{"mosquitto-qos0", "Mosquitto QoS 0"};
constexpr Against kNats{"nats", "NATS core"};
constexpr Against kAof{"redis-aof", "Redis, AOF always"};
constexpr Against kJetStream{"jetstream", "JetStream (not synced)"};

constexpr Against at_least(Against against, double goal) {
  against.goal = goal;
  return against;
}

constexpr std::array<Against, 4> kFeeds = {kRedis, kQos1, kQos0, kNats};
// Ours with a socket for each client, as theirs have a connection. By a rival's name: ours with
// eight sockets that all share, so that the kernel moves what is for several in one piece.
constexpr std::string_view kOneOwn = "fanout/1000/own";
constexpr std::string_view kOne = "fanout/1000";
constexpr std::string_view kManyOwn = "fanout/1000x64/own";
constexpr std::string_view kMany = "fanout/1000x64";
constexpr std::string_view kEthernet = "… sealed packets of at most 1,500 bytes";
constexpr std::string_view kShared = "… our clients sharing 8 sockets";

constexpr std::array kGroups = {
    Group{{"A. 1→1,000, one post at a time: deliveries per server core second", kOneOwn, kOne,
           "deliveries_per_core_second", 1, Better::kMore},
          {at_least(kRedis, 2), at_least(kQos1, 6), kQos0, kNats}},
    Group{{kShared, kOne, kOne, "deliveries_per_core_second", 1, Better::kMore}, {kRedis, kQos1}},
    Group{{"… deliveries/s", kOneOwn, kOne, "deliveries_per_second", 1, Better::kMore}, kFeeds},
    Group{{"… to the last of them, p50, ms", kOneOwn, kOne, "last_forward_p50_us", kMs,
           Better::kLess},
          kFeeds},
    Group{{"… p99, ms", kOneOwn, kOne, "last_forward_p99_us", kMs, Better::kLess}, kFeeds},
    Group{{"B. 64 in flight: deliveries per server core second", kManyOwn, kMany,
           "deliveries_per_core_second", 1, Better::kMore},
          {kRedis, kQos1, kQos0, at_least(kNats, 1)}},
    Group{{kShared, kMany, kMany, "deliveries_per_core_second", 1, Better::kMore}, {kNats}},
    Group{{kEthernet, "fanout/1000x64/own/ethernet", kMany, "deliveries_per_core_second", 1,
           Better::kMore},
          {kNats}},
    Group{{"… deliveries/s", kManyOwn, kMany, "deliveries_per_second", 1, Better::kMore},
          {kRedis, kQos1, kQos0, at_least(kNats, 1)}},
    Group{{"… to the last of them, p50, ms", kManyOwn, kMany, "last_forward_p50_us", kMs,
           Better::kLess},
          kFeeds},
    Group{{"… p99, ms", kManyOwn, kMany, "last_forward_p99_us", kMs, Better::kLess}, kFeeds},
    Group{{"C. durable posts/s, 64 clients × 1", "post/64x1/history/own", "post/64x1",
           "posts_per_second", 1, Better::kMore},
          {at_least(kAof, 2), kJetStream}},
    Group{{kShared, "post/64x1/history", "post/64x1", "posts_per_second", 1, Better::kMore},
          {kAof}},
    Group{{"… to the ack, p99, ms", "post/64x1/history/own", "post/64x1", "ack_p99_us", kMs,
           Better::kLess},
          {kAof, kJetStream}},
    Group{{"… 64 clients × 16", "post/64x16/history/own", "post/64x16", "posts_per_second", 1,
           Better::kMore},
          {at_least(kAof, 1), kJetStream}},
    Group{{kShared, "post/64x16/history", "post/64x16", "posts_per_second", 1, Better::kMore},
          {kAof}},
    Group{{kEthernet, "post/64x16/history/own/ethernet", "post/64x16", "posts_per_second", 1,
           Better::kMore},
          {kAof}},
    Group{{"… to the ack, p99, ms", "post/64x16/history/own", "post/64x16", "ack_p99_us", kMs,
           Better::kLess},
          {kAof, kJetStream}},
    Group{{"E. retrieve#20 of 100 followees, 10^6 posts there, p50, us", "retrieve/100",
           "retrieve/100", "p50_us", 1, Better::kLess},
          {Against{"redis", "Redis streams", 10}}},
    Group{{"… p99, us", "retrieve/100", "retrieve/100", "p99_us", 1, Better::kLess},
          {Against{"redis", "Redis streams"}}},
    Group{{"… hubd keeping no posts in memory, p50, us", "retrieve/100/store", "retrieve/100",
           "p50_us", 1, Better::kLess},
          {Against{"redis", "Redis streams"}}},
    Group{{"F. memory an idle client, 10,000 of them, bytes", "idle/10000", "idle/10000",
           "bytes_per_session", 1, Better::kLess},
          {Against{"mosquitto-qos1", "Mosquitto", 1}, Against{"redis", "Redis"},
           Against{"nats", "NATS core"}, Against{"", "at most 1,024", 1024}}},
    Group{{"H. 5 % lost and 25 ms each way, post to delivery, p50, ms", "lossy", "lossy", "p50_us",
           kMs, Better::kLess},
          {kQos1}},
    Group{{"… p90, ms", "lossy", "lossy", "p90_us", kMs, Better::kLess}, {kQos1}},
    Group{{"… p99, ms", "lossy", "lossy", "p99_us", kMs, Better::kLess}, {kQos1}},
    Group{{"… p99.9, ms", "lossy", "lossy", "p999_us", kMs, Better::kLess}, {kQos1}},
    Group{{"K. a NAT's mapping changes at 20 posts/s: silence, p50, ms", "roam", "roam",
           "gap_p50_us", kMs, Better::kLess},
          {kQos1}},
    Group{{"… the longest, ms", "roam", "roam", "gap_most_us", kMs, Better::kLess}, {kQos1}},
    Group{{"… posts lost", "roam", "roam", "lost", 1, Better::kLess}, {kQos1}},
    Group{{"… posts shown again", "roam", "roam", "repeated", 1, Better::kLess}, {kQos1}},
};

/// A series, or why there is none.
struct Found {
  const Series* series = nullptr;
  std::string instead = "–";
  bool has_losses = false;
};

Found find(const Report& report, std::string_view scenario, std::string_view number,
           std::string_view variant) {
  std::string name(scenario);
  if (!variant.empty()) name += "/" + std::string(variant);
  const Report::Scenario* found = report.find(name);
  Found out;
  if (found == nullptr) return out;
  out.series = found->find(std::string(number));
  const Series* lost = found->find("lost");
  out.has_losses = lost != nullptr && lost->most() > 0 && number != "lost";
  if (out.series == nullptr && !found->notes.empty()) out.instead = found->notes.front();
  return out;
}

std::string value(const Found& found, double unit) {
  if (found.series == nullptr) return found.instead;
  return show(found.series->median() / unit) + (found.has_losses ? "*" : "");
}

/// Round by round where both have as many rounds, else of the medians.
std::optional<Series> ratios(const Series& above, const Series& below) {
  Series out;
  const bool paired = above.values.size() == below.values.size();
  for (std::size_t i = 0; paired && i < above.values.size(); ++i) {
    if (below.values[i] != 0) out.values.push_back(above.values[i] / below.values[i]);
  }
  if (!paired && below.median() != 0) out.values.push_back(above.median() / below.median());
  if (out.values.empty()) return std::nullopt;
  return out;
}

std::string value(const std::optional<Series>& series) {
  if (!series) return "–";
  const std::string median = fmt::format("{:.2f}", series->median());
  if (series->values.size() == 1) return median;
  return fmt::format("{} ({:.2f}–{:.2f})", median, series->least(), series->most());
}

std::optional<Series> times_better(const Found& ours, const Found& theirs, Better better) {
  if (ours.series == nullptr || theirs.series == nullptr) return std::nullopt;
  return better == Better::kMore ? ratios(*ours.series, *theirs.series)
                                 : ratios(*theirs.series, *ours.series);
}

std::string verdict(double reached, double wanted, const std::string& goal) {
  return goal + (reached >= wanted ? ": reached" : ": not reached");
}

std::vector<std::string> row_of(const Report& report, const Subject& subject,
                                const Against& against, bool is_first) {
  const Found sealed = find(report, subject.ours, subject.number, "sealed");
  const Found classic = find(report, subject.ours, subject.number, "");
  std::vector<std::string> out(3);
  if (is_first) {
    out = {std::string(subject.title), value(sealed, subject.unit), value(classic, subject.unit)};
  }
  if (against.rival.empty()) {  // no rival but a bound
    const Series* judged = sealed.series != nullptr ? sealed.series : classic.series;
    out.insert(out.end(), {"", "", "", std::string(against.title)});
    if (judged != nullptr) out.back() = verdict(against.goal, judged->median(), out.back());
    return out;
  }
  const Found theirs = find(report, subject.theirs, subject.number, against.rival);
  const auto sealed_ratio = times_better(sealed, theirs, subject.better);
  const auto classic_ratio = times_better(classic, theirs, subject.better);
  out.insert(out.end(), {std::string(against.title) + ": " + value(theirs, subject.unit),
                         value(sealed_ratio), value(classic_ratio), ""});
  const auto& judged = sealed_ratio ? sealed_ratio : classic_ratio;
  if (against.goal > 0) {
    out.back() = fmt::format("≥ {}", against.goal);
    if (judged) out.back() = verdict(judged->median(), against.goal, out.back());
  }
  return out;
}

/// How quiet the machine was, for whoever reads the times.
std::string machine_line(const Report& report) {
  const auto told = [&](std::string_view number, double unit) {
    const Series* series = find(report, "machine", number, "").series;
    if (series == nullptr) return std::string("unknown");
    return fmt::format("{} ({}–{})", show(series->median() / unit), show(series->least() / unit),
                       show(series->most() / unit));
  };
  return fmt::format("The machine meanwhile: load average {}, append + fdatasync {} ms.\n\n",
                     told("load_average", 1), told("fdatasync_p50_us", kMs));
}

}  // namespace

std::string rivals_table(const Report& report) {
  std::vector<std::vector<std::string>> rows = {
      {"measured", "sealed", "classic", "rival", "× sealed", "× classic", "goal (sealed)"}};
  for (const Group& group : kGroups) {
    bool is_first = true;
    for (const Against& against : group.rivals) {
      if (against.title.empty()) continue;
      rows.push_back(row_of(report, group.subject, against, std::exchange(is_first, false)));
    }
  }
  return aligned(std::move(rows)) +
         "\n× is how many times better ours is, round by round: median (least–most).\n"
         "* some were lost.\n" +
         machine_line(report);
}

std::string revisions_table(const Report& base, const Report& ours) {
  std::vector<std::vector<std::string>> rows = {{"measured", "base", "this", "this / base"}};
  const auto add = [&](const std::string& scenario, const std::string& number, std::string title,
                       double unit) {
    const Found before = find(base, scenario, number, "");
    const Found after = find(ours, scenario, number, "");
    if (after.series == nullptr) return;
    rows.push_back(
        {std::move(title), value(before, unit), value(after, unit),
         value(before.series != nullptr ? ratios(*after.series, *before.series) : std::nullopt)});
  };
  for (const ReportRow& row : report_rows()) {
    add(std::string(row.scenario), std::string(row.number), std::string(row.title), row.unit);
  }
  for (const Report::Scenario& scenario : ours.scenarios()) {
    if (scenario.name.rfind("micro/", 0) == 0 && scenario.find("bytes") == nullptr) {
      add(scenario.name, "ns", scenario.name.substr(6) + ", us", 1000);
    }
    if (scenario.name.rfind("count/", 0) == 0) {
      add(scenario.name, "instructions", scenario.name.substr(6) + ", instructions", 1);
    }
  }
  return aligned(std::move(rows)) + "\n" + machine_line(ours);
}

}  // namespace hub::bench
