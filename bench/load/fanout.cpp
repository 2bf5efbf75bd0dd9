#include <algorithm>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/swarm.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAuthor = 0;  // the first session; the followers are behind it
constexpr std::size_t kWarmUp = 20;
constexpr auto kPatience = 2s;  // for one post; what has not come by then is lost

/// One post after the other, each to all followers.
class Fanout {
 public:
  Fanout(Swarm& swarm, std::size_t bytes)
      : swarm_(swarm), text_(text_of(bytes)), served_(swarm.size(), 0) {}

  /// The time from sending the post to the arrival of the last forward.
  Duration round() {
    ++round_;
    missing_ = swarm_.size() - 1;
    acknowledged_ = false;
    const TimePoint begin = std::chrono::steady_clock::now();
    last_ = begin;
    swarm_.send(kAuthor, Opcode::kPost, text_);
    while (missing_ > 0 || !acknowledged_) {
      const Duration left = begin + kPatience - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) break;
      swarm_.receive(left, [this](std::size_t session, const Arrived& arrived, TimePoint at) {
        take(session, arrived, at);
      });
    }
    lost_ += missing_ + (acknowledged_ ? 0 : 1);
    return last_ - begin;
  }

  std::size_t lost() const { return lost_; }

 private:
  void take(std::size_t session, const Arrived& arrived, TimePoint at) {
    if (arrived.opcode == Opcode::kPostAck) acknowledged_ = true;
    if (arrived.opcode != Opcode::kForward) return;
    swarm_.send(session, Opcode::kForwardAck, {}, arrived.id);
    if (served_[session] == round_) return;
    served_[session] = round_;
    --missing_;
    last_ = at;
  }

  Swarm& swarm_;
  const std::string text_;
  std::vector<std::size_t> served_;  // the last round in which each session had its forward
  std::size_t round_ = 0;
  std::size_t missing_ = 0;
  std::size_t lost_ = 0;
  bool acknowledged_ = false;
  TimePoint last_{};
};

void make_database(const store::DataDirectory& data, std::size_t followers) {
  data.create();
  Database database(data.database());
  database.add_users(1 + followers);
  std::vector<Database::Follows> follows;
  for (std::size_t i = 1; i <= followers; ++i) follows.push_back({i, {kAuthor}});
  database.follow(follows);
}

/// The last acks may still be on their way when the last post is done.
std::map<std::string, std::int64_t> settled_stats(const HubProcess& hub, Swarm& swarm) {
  auto stats = hub.stats();
  for (int i = 0; i < 20 && stats["forwards_acknowledged"] < stats["forwards_sent"]; ++i) {
    swarm.rest_for(50ms);
    stats = hub.stats();
  }
  return stats;
}

}  // namespace

Result run_fanout(const Setting& setting, const FanoutOptions& options) {
  const TempDirectory directory(setting.work);
  const store::DataDirectory data(directory.path() / "data");
  make_database(data, options.followers);
  const HubProcess hub(setting.hubd, data.path(), load_flags());
  const auto swarm = make_swarm(setting.framing, hub, setting.links);
  swarm->login(user_names(0, 1 + options.followers), kPassword);

  Fanout fanout(*swarm, options.bytes);
  for (std::size_t i = 0; i < kWarmUp; ++i) fanout.round();

  Samples latencies(options.posts);
  const auto received = hub.stats().at("datagrams_received");
  const Usage before = hub.usage();
  const TimePoint end = before.at + std::chrono::duration_cast<Duration>(
                                        std::chrono::duration<double>(setting.seconds));
  while (latencies.size() < options.posts && std::chrono::steady_clock::now() < end) {
    latencies.add(fanout.round());
  }
  const Usage after = hub.usage();

  const Spent spent = between(before, after);
  const auto stats_after = hub.stats();
  const auto deliveries = static_cast<double>(latencies.size() * options.followers);
  Result result;
  result.scenario = name_of(setting, fmt::format("fanout/{}", options.followers));
  result.add("posts", static_cast<double>(latencies.size()));
  result.add("deliveries_per_second", deliveries / spent.seconds);
  result.add("deliveries_per_core_second", deliveries / std::max(spent.server_seconds, 0.01));
  result.add("last_forward_p50_us", latencies.percentile_us(0.5));
  result.add("last_forward_p99_us", latencies.percentile_us(0.99));
  // Acks mostly; a sealed session acknowledges every second forward, or after the ack delay.
  result.add("hub_receives_per_delivery",
             static_cast<double>(stats_after.at("datagrams_received") - received) /
                 std::max(deliveries, 1.0));
  result.add("lost", static_cast<double>(fanout.lost()));
  if (fanout.lost() > 0) result.note("forwards or post acks were lost");
  result.add(spent);
  const auto stats = settled_stats(hub, *swarm);
  const auto sent = stats.at("forwards_sent");
  const auto acknowledged = stats.at("forwards_acknowledged");
  if (sent != acknowledged) {
    result.note(fmt::format("of {} forwards hubd saw {} acknowledged", sent, acknowledged));
  }
  note_drops(stats, result);
  return result;
}

}  // namespace hub::bench
