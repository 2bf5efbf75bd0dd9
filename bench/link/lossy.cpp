#include "bench/link/emulated_link.hpp"
#include "bench/link/scenarios.hpp"
#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/post_window.hpp"
#include "bench/load/swarm.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTextBytes = 100;

/// The authors are the first accounts, and each one's follower so many behind it.
void make_database(const store::DataDirectory& data, std::size_t pairs) {
  data.create();
  Database database(data.database());
  database.add_users(2 * pairs);
  std::vector<Database::Follows> follows;
  for (std::size_t i = 0; i < pairs; ++i) follows.push_back({pairs + i, {i}});
  database.follow(follows);
}

HubProcess start_hub(const Setting& setting, const store::DataDirectory& data,
                     const EmulatedLink& link) {
  const NetworkNamespace::Inside inside(link.server());
  return {setting.hubd, data.path(), load_flags(), EmulatedLink::server_address()};
}

void run(Swarm& swarm, Flows& flows, std::size_t pairs) {
  const auto take = [&](std::size_t session, const Arrived& arrived, TimePoint at) {
    if (arrived.opcode != Opcode::kForward) return;
    swarm.send(session, Opcode::kForwardAck, {}, arrived.id);
    if (const auto number = number_in(arrived.payload)) flows.arrived(session - pairs, *number, at);
  };
  std::optional<TimePoint> end;
  while (!flows.is_complete()) {
    const TimePoint now = std::chrono::steady_clock::now();
    while (const auto post = flows.next(now)) {
      swarm.send(post->flow, Opcode::kPost, numbered_text(post->number, kTextBytes));
    }
    const auto next = flows.next_due();
    if (!next && !end) end = now + kLastPosts;
    if (end && now > *end) return;
    swarm.receive(next ? *next - now : Duration(100ms), take);
  }
}

}  // namespace

Result run_lossy(const Setting& setting, const LossyOptions& options) {
  if (setting.framing != Framing::kSealed) {
    throw Failure("the classic framing has no answer to losses; add --sealed");
  }
  const TempDirectory directory(setting.work);
  const store::DataDirectory data(directory.path() / "data");
  make_database(data, options.pairs);
  EmulatedLink link(link_config(options.delay_ms, options.loss, options.seed));
  const HubProcess hub = start_hub(setting, data, link);
  const NetworkNamespace::Inside inside(link.client());
  const auto swarm = make_swarm(setting.framing, hub, 2 * options.pairs);
  swarm->login(user_names(0, 2 * options.pairs), kPassword);
  swarm->rest_for(500ms);

  Flows flows(options.pairs, options.rate, setting.seconds, std::chrono::steady_clock::now());
  run(*swarm, flows, options.pairs);

  Result result;
  result.scenario = name_of(setting, "lossy");
  add_flows(flows, link, result);
  note_drops(hub.stats(), result);
  return result;
}

}  // namespace hub::bench
