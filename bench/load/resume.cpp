#include <memory>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "bench/load/hubd_flags.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/sealed_swarm.hpp"

namespace hub::bench {

namespace {

constexpr std::size_t kWarmUp = 32;  // sessions before the first reading: caches, pools, threads

void make_database(const store::DataDirectory& data, std::size_t users) {
  data.create();
  Database database(data.database());
  database.add_users(users);
  std::vector<Database::Follows> follows;
  for (std::size_t i = 0; i < users; ++i) follows.push_back({i, {(i + 1) % users}});
  database.follow(follows);
}

}  // namespace

Result run_resume(const Setting& setting, const ResumeOptions& options) {
  const TempDirectory directory(setting.work);
  const store::DataDirectory data(directory.path() / "data");
  const std::size_t users = kWarmUp + options.sessions;
  make_database(data, users);
  auto hub = std::make_unique<HubProcess>(setting.hubd, data.path(), load_flags());
  SealedSwarm before(hub->address(), hub->server_key(), setting.links);
  before.login(user_names(0, users), kPassword);
  before.flush();

  hub.reset();
  std::filesystem::remove(data.path() / "hubd.log");  // where it listened is read there
  hub = std::make_unique<HubProcess>(setting.hubd, data.path(), load_flags());
  SealedSwarm swarm(hub->address(), hub->server_key(), setting.links);
  const auto& devices = before.devices();
  const auto split = devices.begin() + static_cast<std::ptrdiff_t>(kWarmUp);
  swarm.resume(user_names(0, kWarmUp), {devices.begin(), split});

  const Usage begin = hub->usage();
  swarm.resume(user_names(kWarmUp, options.sessions), {split, devices.end()});
  const Spent spent = between(begin, hub->usage());

  const auto sessions = static_cast<double>(options.sessions);
  const auto stats = hub->stats();
  Result result;
  result.scenario = fmt::format("resume/{}", options.sessions);
  result.add("hub_cpu_us_each", spent.server_seconds / sessions * 1e6);
  result.add("resumes_per_core_second", sessions / spent.server_seconds);
  result.add("resumes_per_second", sessions / spent.seconds);
  result.add("wrong", static_cast<double>(users) - static_cast<double>(stats.at("resumes_ok")));
  result.add(spent);
  note_drops(stats, result);
  return result;
}

}  // namespace hub::bench
