#include <algorithm>

#include "bench/load/post_window.hpp"
#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTopic = "feed";
constexpr std::size_t kWarmUp = 20;
constexpr auto kPatience = 10s;

class Fanout {
 public:
  Fanout(RivalClients& clients, const FanoutOptions& options)
      : clients_(clients),
        first_(clients.open(options.followers, kTopic)),
        author_(clients.open(1)),
        bytes_(options.bytes),
        waits_for_ack_(options.in_flight == 1 && clients.confirms()),
        window_(options.followers, options.in_flight) {}

  /// Until so many posts are done or the time is over; what is under way then stays so.
  void run(std::size_t posts, TimePoint end) {
    while (window_.latencies().size() < posts && std::chrono::steady_clock::now() < end) {
      while (window_.may_send() && !is_ack_missing()) publish();
      receive();
    }
  }
  void drain() {
    while (!window_.is_empty() || is_ack_missing()) receive();
  }
  PostWindow& window() { return window_; }

 private:
  bool is_ack_missing() const { return waits_for_ack_ && unacknowledged_ > 0; }

  void publish() {
    ++unacknowledged_;
    const std::size_t number = window_.sent(std::chrono::steady_clock::now());
    clients_.publish(author_, kTopic, numbered_text(number, bytes_));
  }

  void receive() {
    const std::size_t count =
        clients_.receive(kPatience, [this](std::size_t client, const Frame& frame, TimePoint at) {
          if (frame.kind == Frame::Kind::kPublished && unacknowledged_ > 0) --unacknowledged_;
          if (frame.kind != Frame::Kind::kDelivery) return;
          const auto number = number_in(frame.payload);
          if (number) window_.arrived(client - first_, *number, at);
        });
    if (count == 0) throw Failure("the server delivers nothing any more");
  }

  RivalClients& clients_;
  const std::size_t first_;  // of the followers
  const std::size_t author_;
  const std::size_t bytes_;
  const bool waits_for_ack_;
  PostWindow window_;
  std::size_t unacknowledged_ = 0;
};

}  // namespace

Result run_rival_fanout(const RivalSetting& setting, const FanoutOptions& options) {
  if (setting.rival.persist) throw Failure("posts are fanned out by the rivals that keep none");
  const TempDirectory directory(setting.work);
  const RivalServer server(setting.rival, directory.path());
  RivalClients clients(setting.rival, server.address());
  Fanout fanout(clients, options);
  PostWindow& window = fanout.window();
  window.start_measuring(kWarmUp);
  fanout.run(kWarmUp, TimePoint::max());
  fanout.drain();

  window.start_measuring(options.posts);
  const Usage before = server.usage();
  fanout.run(options.posts, before.at + std::chrono::duration_cast<Duration>(
                                            std::chrono::duration<double>(setting.seconds)));
  const Spent spent = between(before, server.usage());
  const auto deliveries = static_cast<double>(window.deliveries());
  Samples& latencies = window.latencies();

  Result result;
  result.scenario = name_of(setting, fanout_name(options.followers, options.in_flight));
  result.add("posts", static_cast<double>(latencies.size()));
  result.add("deliveries_per_second", deliveries / spent.seconds);
  result.add("deliveries_per_core_second", deliveries / std::max(spent.server_seconds, 0.01));
  result.add("last_forward_p50_us", latencies.percentile_us(0.5));
  result.add("last_forward_p99_us", latencies.percentile_us(0.99));
  result.add("lost", static_cast<double>(window.lost()));
  result.add(spent);
  result.note(server.version());
  return result;
}

}  // namespace hub::bench
