#include <fmt/format.h>

#include "bench/link/emulated_link.hpp"
#include "bench/load/post_window.hpp"
#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTextBytes = 100;

/// One topic a pair; the authors are the first clients.
std::string topic_of(std::size_t pair) { return fmt::format("feed{}", pair); }

void run(RivalClients& clients, Flows& flows, std::size_t pairs) {
  const auto take = [&](std::size_t client, const Frame& frame, TimePoint at) {
    if (frame.kind != Frame::Kind::kDelivery) return;
    const auto number = number_in(frame.payload);
    if (number) flows.arrived(client - pairs, *number, at);
  };
  std::optional<TimePoint> end;
  while (!flows.is_complete()) {
    const TimePoint now = std::chrono::steady_clock::now();
    while (const auto post = flows.next(now)) {
      clients.publish(post->flow, topic_of(post->flow), numbered_text(post->number, kTextBytes));
    }
    const auto next = flows.next_due();
    if (!next && !end) end = now + kLastPosts;
    if (end && now > *end) return;
    clients.receive(next ? *next - now : Duration(100ms), take);
  }
}

}  // namespace

Result run_rival_lossy(const RivalSetting& setting, const LossyOptions& options) {
  if (setting.rival.persist) throw Failure("a bad link is for the rivals that deliver posts");
  const TempDirectory directory(setting.work);
  EmulatedLink link(link_config(options.delay_ms, options.loss, options.seed));
  std::optional<NetworkNamespace::Inside> inside(std::in_place, link.server());
  const RivalServer server(setting.rival, directory.path(), EmulatedLink::server_address());
  inside.reset();
  inside.emplace(link.client());
  RivalClients clients(setting.rival, server.address());
  clients.open(options.pairs);
  for (std::size_t i = 0; i < options.pairs; ++i) clients.open(1, topic_of(i));
  clients.rest_for(500ms);

  Flows flows(options.pairs, options.rate, setting.seconds, std::chrono::steady_clock::now());
  run(clients, flows, options.pairs);

  Result result;
  result.scenario = name_of(setting, "lossy");
  add_flows(flows, link, result);
  result.note(server.version());
  result.note(tcp_of_this_system());
  return result;
}

}  // namespace hub::bench
