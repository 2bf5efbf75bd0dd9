#include <poll.h>

#include "bench/link/roam_plan.hpp"
#include "bench/link/spoke_process.hpp"
#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/post_window.hpp"
#include "bench/load/swarm.hpp"
#include "protocol/hub_link.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTextBytes = 100;
constexpr std::size_t kAuthor = 0;
constexpr std::size_t kFollower = 1;

void make_database(const store::DataDirectory& data) {
  data.create();
  Database database(data.database());
  database.add_users(2);
  database.follow({{kFollower, {kAuthor}}});
}

std::string invite_to(const HubProcess& hub) {
  HubLink link;
  link.hub = HubName{to_string(hub.address().ip), hub.address().port};
  link.key = hub.server_key();
  return to_string(link);
}

}  // namespace

Result run_roam(const Setting& setting, const RoamOptions& options) {
  if (setting.framing != Framing::kSealed) {
    throw Failure("a classic client that moves must log in again; add --sealed");
  }
  const TempDirectory directory(setting.work);
  const store::DataDirectory data(directory.path() / "data");
  make_database(data);
  EmulatedLink link(link_config(options.delay_ms, options.loss, options.seed));
  std::optional<NetworkNamespace::Inside> inside(std::in_place, link.server());
  const HubProcess hub(setting.hubd, data.path(), load_flags(), EmulatedLink::server_address());
  const auto author = make_swarm(setting.framing, hub, 1);
  author->login({user_name(kAuthor)}, kPassword);
  inside.reset();
  inside.emplace(link.client());
  SpokeProcess follower(options.spoke, invite_to(hub), user_name(kFollower), kPassword,
                        directory.path());
  follower.await_login();

  RoamPlan plan(link, options);
  plan.run(
      [&](std::size_t number) {
        author->send(kAuthor, Opcode::kPost, numbered_text(number, kTextBytes));
      },
      [&](Duration patience) {
        author->receive(0ms, [](std::size_t, const Arrived&, TimePoint) {});
        pollfd waiting{follower.fd(), POLLIN, 0};
        ::poll(&waiting, 1, patience > 1ms ? 1 : 0);
        const TimePoint at = std::chrono::steady_clock::now();
        follower.read_lines([&](std::string_view line) {
          if (const auto number = number_in(line)) plan.flows().arrived(0, *number, at);
        });
      });

  Result result;
  result.scenario = name_of(setting, "roam");
  plan.add_to(result);
  const auto stats = hub.stats();
  result.add("logins", static_cast<double>(stats.at("logins_ok") - 2));
  note_drops(stats, result);
  return result;
}

}  // namespace hub::bench
