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

constexpr std::size_t kWarmUp = 32;  // sessions before the first reading: caches, pools, threads
constexpr auto kSettle = 1s;

void make_database(const store::DataDirectory& data, const IdleOptions& options) {
  data.create();
  Database database(data.database());
  const std::size_t users = kWarmUp + options.sessions;
  database.add_users(users);
  std::vector<Database::Follows> follows;
  for (std::size_t i = 0; i < users; ++i) {
    Database::Follows each{i, {}};
    for (std::size_t k = 1; k <= options.followees; ++k) each.followees.push_back((i + k) % users);
    follows.push_back(std::move(each));
  }
  database.follow(follows);
}

}  // namespace

Result run_idle(const Setting& setting, const IdleOptions& options) {
  const TempDirectory directory(setting.work);
  const store::DataDirectory data(directory.path() / "data");
  make_database(data, options);
  const HubProcess hub(setting.hubd, data.path(), load_flags());
  const auto swarm = make_swarm(setting.framing, hub, setting.links);
  swarm->login(user_names(0, kWarmUp), kPassword);
  const auto before = static_cast<double>(hub.resident_bytes());

  const Usage logging_in = hub.usage();
  swarm->login(user_names(kWarmUp, options.sessions), kPassword);
  const Spent logins = between(logging_in, hub.usage());
  swarm->rest_for(kSettle);
  const auto full = static_cast<double>(hub.resident_bytes());
  const Usage quiet = hub.usage();
  swarm->rest_for(std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(std::min(setting.seconds, 2.0))));
  const Spent spent = between(quiet, hub.usage());

  const auto sessions = static_cast<double>(options.sessions);
  Result result;
  result.scenario = name_of(setting, fmt::format("idle/{}", options.sessions));
  result.add("bytes_per_session", (full - before) / sessions);
  result.add("resident_bytes_before", before);
  result.add("resident_bytes_full", full);
  result.add("logins_per_second", sessions / logins.seconds);
  result.add("login_hub_cpu_us_each", logins.server_seconds / sessions * 1e6);
  result.add("idle_hub_cpu_share", spent.server_share);
  const auto stats = hub.stats();
  result.note(
      fmt::format("accounts followed by each session: {}; accounts are made with the least key "
                  "stretching (8 KiB, 1 pass)",
                  options.followees));
  note_drops(stats, result);
  return result;
}

}  // namespace hub::bench
