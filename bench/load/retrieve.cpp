#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/swarm.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 2s;
constexpr std::size_t kWarmUpRounds = 20;

class Retrieves {
 public:
  Retrieves(Swarm& swarm, std::size_t n) : swarm_(swarm), n_(std::to_string(n)), wanted_(n) {}

  /// From sending the request to the arrival of its end.
  Duration one(std::size_t session) {
    posts_ = 0;
    newest_first_ = true;
    last_id_ = std::numeric_limits<MessageId>::max();
    ended_ = false;
    const TimePoint begin = std::chrono::steady_clock::now();
    swarm_.send(session, Opcode::kRetrieve, n_);
    while (!ended_) {
      const Duration left = begin + kPatience - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) break;
      swarm_.receive(
          left, [this](std::size_t, const Arrived& arrived, TimePoint at) { take(arrived, at); });
    }
    if (!ended_ || posts_ != wanted_ || !newest_first_) ++wrong_;
    return end_ - begin;
  }

  std::size_t wrong() const { return wrong_; }

 private:
  void take(const Arrived& arrived, TimePoint at) {
    if (arrived.opcode == Opcode::kRetrieveAck) {
      ++posts_;
      newest_first_ = newest_first_ && arrived.id < last_id_;
      last_id_ = arrived.id;
    } else if (arrived.opcode == Opcode::kRetrieveEnd) {
      ended_ = true;
      end_ = at;
    }
  }

  Swarm& swarm_;
  const std::string n_;
  const std::size_t wanted_;
  std::size_t posts_ = 0;
  std::size_t wrong_ = 0;
  MessageId last_id_ = 0;
  bool newest_first_ = true;
  bool ended_ = false;
  TimePoint end_{};
};

}  // namespace

Result run_retrieve(const Setting& setting, const RetrieveOptions& options) {
  const TempDirectory directory(setting.work);
  const auto file = setting.history.empty() ? directory.path() / "history.db" : setting.history;
  prepare_history(file, options.history);
  const store::DataDirectory data = copy_to_data(file, directory.path());
  auto flags = load_flags();
  if (options.from_store) flags.insert(flags.end(), {"--recent-posts", "0"});
  const HubProcess hub(setting.hubd, data.path(), flags);
  const std::vector<std::string> readers = HistoryShape::readers(options.followees);
  const auto swarm = make_swarm(setting.framing, hub, 1);
  swarm->login(readers, kPassword);

  Retrieves retrieves(*swarm, options.n);
  for (std::size_t i = 0; i < kWarmUpRounds * readers.size(); ++i) {
    retrieves.one(i % readers.size());
  }
  Samples latencies(options.count);
  const Usage before = hub.usage();
  const TimePoint end = before.at + std::chrono::duration_cast<Duration>(
                                        std::chrono::duration<double>(setting.seconds));
  for (std::size_t i = 0; i < options.count && std::chrono::steady_clock::now() < end; ++i) {
    latencies.add(retrieves.one(i % readers.size()));
  }
  const Usage after = hub.usage();
  const Spent spent = between(before, after);
  const auto count = static_cast<double>(latencies.size());

  Result result;
  const char* from = options.from_store ? "/store" : "";
  result.scenario = name_of(setting, fmt::format("retrieve/{}{}", options.followees, from));
  result.add("retrieves", count);
  result.add("p50_us", latencies.percentile_us(0.5));
  result.add("p99_us", latencies.percentile_us(0.99));
  result.add("retrieves_per_second", count / spent.seconds);
  result.add("hub_cpu_us_each", spent.server_seconds / std::max(count, 1.0) * 1e6);
  result.add("wrong", static_cast<double>(retrieves.wrong()));
  if (retrieves.wrong() > 0) result.note("retrieves were unanswered, short or out of order");
  result.add(spent);
  note_drops(hub.stats(), result);
  return result;
}

}  // namespace hub::bench
