#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/swarm.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kWarmUp = 500ms;
constexpr auto kDrain = 2s;
constexpr std::size_t kMostSamples = 4'000'000;

/// Clients that each keep so many posts unacknowledged. A classic post ack names no post, but one
/// client's are answered in their order.
class Writers {
 public:
  Writers(Swarm& swarm, const PostOptions& options, bool numbered)
      : swarm_(swarm),
        outstanding_(options.outstanding),
        numbered_(numbered),
        acknowledges_(numbered || !options.unnumbered),
        text_(text_of(options.bytes)),
        sent_(swarm.size()),
        numbers_(swarm.size(), 0),
        latencies_(kMostSamples) {}

  void run_until(TimePoint end) {
    const TimePoint begin = std::chrono::steady_clock::now();
    for (std::size_t session = 0; session < sent_.size(); ++session) {
      while (sent_[session].size() < outstanding_) post(session, begin);
    }
    for (TimePoint now = begin; now < end; now = std::chrono::steady_clock::now()) {
      receive(end - now, true);
    }
  }

  /// Waits for what is under way; what does not come is lost.
  std::size_t drain() {
    const TimePoint end = std::chrono::steady_clock::now() + kDrain;
    while (under_way() > 0 && std::chrono::steady_clock::now() < end) receive(100ms, false);
    return under_way();
  }

  void forget_samples() {
    latencies_ = Samples(kMostSamples);
    acknowledged_ = 0;
    forwards_ = 0;
  }
  Samples& latencies() { return latencies_; }
  std::size_t acknowledged() const { return acknowledged_; }
  std::size_t forwards() const { return forwards_; }

 private:
  void post(std::size_t session, TimePoint now) {
    sent_[session].push_back(now);
    swarm_.send(session, Opcode::kPost, text_, numbered_ ? ++numbers_[session] : 0);
  }

  void receive(Duration patience, bool go_on) {
    swarm_.receive(patience, [&](std::size_t session, const Arrived& arrived, TimePoint at) {
      if (arrived.opcode == Opcode::kForward) {
        ++forwards_;
        if (acknowledges_) swarm_.send(session, Opcode::kForwardAck, {}, arrived.id);
        return;
      }
      auto& sent = sent_[session];
      if (arrived.opcode != Opcode::kPostAck || sent.empty()) return;
      latencies_.add(at - sent.front());
      sent.pop_front();
      ++acknowledged_;
      if (go_on) post(session, at);
    });
  }

  std::size_t under_way() const {
    std::size_t count = 0;
    for (const auto& sent : sent_) count += sent.size();
    return count;
  }

  Swarm& swarm_;
  const std::size_t outstanding_;
  const bool numbered_;
  const bool acknowledges_;  // sealed: by marks
  const std::string text_;
  std::vector<std::deque<TimePoint>> sent_;  // the unacknowledged posts of each session
  std::vector<MessageId> numbers_;           // the last one of each session
  std::size_t acknowledged_ = 0;
  std::size_t forwards_ = 0;
  Samples latencies_;
};

store::DataDirectory make_database(const Setting& setting, const PostOptions& options,
                                   const std::filesystem::path& parent) {
  if (options.history > 0) {
    const auto file = setting.history.empty() ? parent / "history.db" : setting.history;
    prepare_history(file, options.history);
    return copy_to_data(file, parent);
  }
  store::DataDirectory data(parent / "data");
  data.create();
  Database database(data.database());
  database.add_users(options.clients);
  std::vector<Database::Follows> follows;
  for (std::size_t i = 0; options.forwards && i < options.clients; ++i) {
    follows.push_back({i, {(i + 1) % options.clients}});
  }
  database.follow(follows);
  return data;
}

}  // namespace

Result run_post(const Setting& setting, const PostOptions& options) {
  const TempDirectory directory(setting.work);
  const store::DataDirectory data = make_database(setting, options, directory.path());
  const HubProcess hub(setting.hubd, data.path(), load_flags());
  const auto swarm = make_swarm(setting.framing, hub, setting.links_for(options.clients));
  swarm->login(user_names(0, options.clients), kPassword);

  const bool numbered = setting.framing == Framing::kSealed && !options.unnumbered;
  Writers writers(*swarm, options, numbered);
  writers.run_until(std::chrono::steady_clock::now() + kWarmUp);
  writers.forget_samples();
  const Usage before = hub.usage();
  writers.run_until(before.at + std::chrono::duration_cast<Duration>(
                                    std::chrono::duration<double>(setting.seconds)));
  const Usage after = hub.usage();
  const Spent spent = between(before, after);
  const auto posts = static_cast<double>(writers.acknowledged());

  Result result;
  result.scenario =
      name_of(setting, fmt::format("post/{}x{}{}{}{}", options.clients, options.outstanding,
                                   options.history > 0 ? "/history" : "",
                                   options.forwards ? "/forwards" : "",
                                   options.unnumbered ? "/unnumbered" : ""));
  result.add("posts_per_second", posts / spent.seconds);
  result.add("posts_per_core_second", posts / std::max(spent.server_seconds, 0.01));
  if (options.forwards) {
    result.add("forwards_per_second", static_cast<double>(writers.forwards()) / spent.seconds);
  }
  result.add("ack_p50_us", writers.latencies().percentile_us(0.5));
  result.add("ack_p99_us", writers.latencies().percentile_us(0.99));
  const std::size_t lost = writers.drain();
  result.add("lost", static_cast<double>(lost));
  if (lost > 0) result.note("posts were not acknowledged: the rate is that of fewer outstanding");
  result.add(spent);
  note_drops(hub.stats(), result);
  return result;
}

}  // namespace hub::bench
