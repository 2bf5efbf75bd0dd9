#include <algorithm>

#include <fmt/format.h>

#include "bench/link/roam_plan.hpp"
#include "bench/load/post_window.hpp"
#include "bench/rivals/mqtt.hpp"
#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTextBytes = 100;
constexpr std::string_view kTopic = "feed";
constexpr int kQos = 1;

/// A subscriber whose session the broker keeps: it says something at least every keep-alive, and
/// where its connection is gone it makes another one at once.
class Subscriber {
 public:
  using Take = std::function<void(std::string_view, TimePoint)>;

  Subscriber(const Endpoint& broker, unsigned keep_alive, Take take)
      : connections_(broker), keep_alive_(keep_alive), take_(std::move(take)) {
    connections_.let_end();
    connect();
    while (!is_subscribed_) receive(100ms);
  }

  void receive(Duration patience) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (now - last_sent_ >= std::chrono::seconds(keep_alive_)) {
      mqtt_ping(out());
    }
    connections_.receive(patience,
                         [this](std::size_t connection, std::string_view bytes, TimePoint at) {
                           std::size_t used = 0;
                           while (const auto frame = mqtt_read(bytes.substr(used))) {
                             used += frame->size;
                             if (connection == current_) take(*frame, at);
                           }
                           return used;
                         });
    if (!connections_.is_open(current_)) connect();
  }
  std::size_t reconnects() const { return current_; }

 private:
  void connect() {
    current_ = connections_.open();
    mqtt_connect({"follower", false, static_cast<std::uint16_t>(keep_alive_)}, out());
  }

  std::string& out() {
    last_sent_ = std::chrono::steady_clock::now();
    return connections_.out(current_);
  }

  void take(const Frame& frame, TimePoint at) {
    if (frame.kind == Frame::Kind::kReady) {
      if (is_connected_once_) is_subscribed_ = true;
      if (!std::exchange(is_connected_once_, true)) mqtt_subscribe(kTopic, kQos, out());
    }
    if (frame.kind != Frame::Kind::kDelivery) return;
    mqtt_acknowledge(frame.packet_id, out());
    take_(frame.payload, at);
  }

  Connections connections_;
  const unsigned keep_alive_;
  Take take_;
  std::size_t current_ = 0;
  TimePoint last_sent_{};
  bool is_connected_once_ = false;
  bool is_subscribed_ = false;
};

}  // namespace

Result run_rival_roam(const RivalSetting& setting, const RoamOptions& options) {
  if (setting.rival.qos != kQos) throw Failure("only mosquitto-qos1 has sessions that come back");
  const TempDirectory directory(setting.work);
  EmulatedLink link(link_config(options.delay_ms, options.loss, options.seed));
  std::optional<NetworkNamespace::Inside> inside(std::in_place, link.server());
  const RivalServer server(setting.rival, directory.path(), EmulatedLink::server_address());
  RivalClients author(setting.rival, server.address());
  author.open(1);
  inside.reset();
  inside.emplace(link.client());

  std::optional<RoamPlan> plan;
  Subscriber follower(server.address(), options.keep_alive,
                      [&](std::string_view text, TimePoint at) {
                        const auto number = number_in(text);
                        if (number && plan) plan->flows().arrived(0, *number, at);
                      });
  plan.emplace(link, options);
  plan->run(
      [&](std::size_t number) { author.publish(0, kTopic, numbered_text(number, kTextBytes)); },
      [&](Duration patience) {
        author.receive(0ms, [](std::size_t, const Frame&, TimePoint) {});
        follower.receive(std::min<Duration>(patience, 1ms));
      });

  Result result;
  result.scenario = name_of(setting, "roam");
  plan->add_to(result);
  result.add("logins", static_cast<double>(follower.reconnects()));
  result.note(server.version());
  result.note(fmt::format("clients of Mosquitto say something every {} s", options.keep_alive));
  result.note(tcp_of_this_system());
  return result;
}

}  // namespace hub::bench
