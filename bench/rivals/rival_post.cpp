#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTopic = "posts";
constexpr auto kWarmUp = 500ms;
constexpr std::size_t kMostSamples = 4'000'000;

/// Clients that each keep so many posts unconfirmed; a server confirms a client's in their order.
class Writers {
 public:
  Writers(RivalClients& clients, const PostOptions& options)
      : clients_(clients),
        outstanding_(options.outstanding),
        text_(text_of(options.bytes)),
        sent_(options.clients),
        latencies_(kMostSamples) {}

  void run_until(TimePoint end) {
    const TimePoint begin = std::chrono::steady_clock::now();
    for (std::size_t client = 0; client < sent_.size(); ++client) {
      while (sent_[client].size() < outstanding_) post(client, begin);
    }
    for (TimePoint now = begin; now < end; now = std::chrono::steady_clock::now()) {
      clients_.receive(end - now, [this](std::size_t client, const Frame& frame, TimePoint at) {
        if (frame.kind == Frame::Kind::kPublished) confirmed(client, at);
      });
    }
  }

  void forget_samples() {
    latencies_ = Samples(kMostSamples);
    confirmed_ = 0;
  }
  Samples& latencies() { return latencies_; }
  std::size_t confirmed() const { return confirmed_; }

 private:
  void post(std::size_t client, TimePoint now) {
    sent_[client].push_back(now);
    clients_.publish(client, kTopic, text_);
  }

  void confirmed(std::size_t client, TimePoint at) {
    auto& sent = sent_[client];
    if (sent.empty()) return;  // of the connection's own beginning
    latencies_.add(at - sent.front());
    sent.pop_front();
    ++confirmed_;
    post(client, at);
  }

  RivalClients& clients_;
  const std::size_t outstanding_;
  const std::string text_;
  std::vector<std::deque<TimePoint>> sent_;  // the unconfirmed posts of each client
  std::size_t confirmed_ = 0;
  Samples latencies_;
};

}  // namespace

Result run_rival_post(const RivalSetting& setting, const PostOptions& options) {
  if (!setting.rival.persist) throw Failure("durable posts are for the rivals that keep them");
  const TempDirectory directory(setting.work);
  const RivalServer server(setting.rival, directory.path());
  RivalClients clients(setting.rival, server.address());
  clients.open(options.clients);
  // What the greetings made, a stream above all, is confirmed in the same way as posts.
  clients.rest_for(500ms);

  Writers writers(clients, options);
  writers.run_until(std::chrono::steady_clock::now() + kWarmUp);
  writers.forget_samples();
  const Usage before = server.usage();
  writers.run_until(before.at + std::chrono::duration_cast<Duration>(
                                    std::chrono::duration<double>(setting.seconds)));
  const Spent spent = between(before, server.usage());
  const auto posts = static_cast<double>(writers.confirmed());

  Result result;
  result.scenario =
      name_of(setting, fmt::format("post/{}x{}", options.clients, options.outstanding));
  result.add("posts_per_second", posts / spent.seconds);
  result.add("posts_per_core_second", posts / std::max(spent.server_seconds, 0.01));
  result.add("ack_p50_us", writers.latencies().percentile_us(0.5));
  result.add("ack_p99_us", writers.latencies().percentile_us(0.99));
  result.add(spent);
  result.note(server.version());
  return result;
}

}  // namespace hub::bench
