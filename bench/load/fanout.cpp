#include <algorithm>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/post_window.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/swarm.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAuthor = 0;  // the first session; the followers are behind it
constexpr std::size_t kWarmUp = 20;
constexpr auto kPatience = 2s;  // what has not come by then, with nothing else coming, is lost

/// One author's posts, so many at a time, each to all followers. One at a time, the next one waits
/// for the post ack as well.
class Fanout {
 public:
  Fanout(Swarm& swarm, const FanoutOptions& options)
      : swarm_(swarm),
        bytes_(options.bytes),
        waits_for_ack_(options.in_flight == 1),
        window_(options.followers, options.in_flight) {}

  /// Until so many posts are done or the time is over; what is under way then stays so.
  void run(std::size_t posts, TimePoint end) {
    while (window_.latencies().size() < posts && std::chrono::steady_clock::now() < end) {
      while (window_.may_send() && !is_ack_missing()) post();
      receive();
    }
  }
  /// Until nothing is under way.
  void drain() {
    while (!window_.is_empty() || is_ack_missing()) receive();
  }
  PostWindow& window() { return window_; }
  std::size_t lost_acks() const { return lost_acks_; }

 private:
  bool is_ack_missing() const { return waits_for_ack_ && unacknowledged_ > 0; }

  void post() {
    ++unacknowledged_;
    const std::size_t number = window_.sent(std::chrono::steady_clock::now());
    swarm_.send(kAuthor, Opcode::kPost, numbered_text(number, bytes_));
  }

  void receive() {
    const std::size_t count =
        swarm_.receive(kPatience, [this](std::size_t session, const Arrived& arrived,
                                         TimePoint at) { take(session, arrived, at); });
    const TimePoint now = std::chrono::steady_clock::now();
    if (count > 0) last_news_ = now;
    if (now - last_news_ <= kPatience) return;
    window_.give_up();
    lost_acks_ += std::exchange(unacknowledged_, 0);
  }

  void take(std::size_t session, const Arrived& arrived, TimePoint at) {
    if (arrived.opcode == Opcode::kPostAck && unacknowledged_ > 0) --unacknowledged_;
    if (arrived.opcode != Opcode::kForward) return;
    swarm_.send(session, Opcode::kForwardAck, {}, arrived.id);
    if (const auto number = number_in(arrived.payload)) {
      window_.arrived(session - kAuthor - 1, *number, at);
    }
  }

  Swarm& swarm_;
  const std::size_t bytes_;
  const bool waits_for_ack_;
  PostWindow window_;
  std::size_t unacknowledged_ = 0;  // posts
  std::size_t lost_acks_ = 0;
  TimePoint last_news_ = std::chrono::steady_clock::now();
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
  const auto swarm = make_swarm(setting.framing, hub, setting.links_for(1 + options.followers));
  swarm->login(user_names(0, 1 + options.followers), kPassword);

  Fanout fanout(*swarm, options);
  PostWindow& window = fanout.window();
  window.start_measuring(kWarmUp);
  fanout.run(kWarmUp, TimePoint::max());
  fanout.drain();

  window.start_measuring(options.posts);
  const auto received = hub.stats().at("datagrams_received");
  const Usage before = hub.usage();
  fanout.run(options.posts, before.at + std::chrono::duration_cast<Duration>(
                                            std::chrono::duration<double>(setting.seconds)));
  const Usage after = hub.usage();
  const auto deliveries = static_cast<double>(window.deliveries());
  Samples latencies = window.latencies();
  fanout.drain();

  const Spent spent = between(before, after);
  const auto stats_after = hub.stats();
  Result result;
  result.scenario = name_of(setting, fanout_name(options.followers, options.in_flight));
  result.add("posts", static_cast<double>(latencies.size()));
  result.add("deliveries_per_second", deliveries / spent.seconds);
  result.add("deliveries_per_core_second", deliveries / std::max(spent.server_seconds, 0.01));
  result.add("last_forward_p50_us", latencies.percentile_us(0.5));
  result.add("last_forward_p99_us", latencies.percentile_us(0.99));
  // Acks mostly; a sealed session acknowledges every second forward, or after the ack delay.
  result.add("hub_receives_per_delivery",
             static_cast<double>(stats_after.at("datagrams_received") - received) /
                 std::max(deliveries, 1.0));
  result.add("lost", static_cast<double>(window.lost() + fanout.lost_acks()));
  if (window.lost() + fanout.lost_acks() > 0) {
    result.note(
        fmt::format("{} forwards and {} post acks were lost", window.lost(), fanout.lost_acks()));
  }
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
