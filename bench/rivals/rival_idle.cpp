#include <algorithm>

#include <fmt/format.h>

#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTopic = "feed";
constexpr std::size_t kWarmUp = 32;  // clients before the first reading
constexpr auto kSettle = 1s;

}  // namespace

Result run_rival_idle(const RivalSetting& setting, const IdleOptions& options) {
  const TempDirectory directory(setting.work);
  const RivalServer server(setting.rival, directory.path());
  RivalClients clients(setting.rival, server.address());
  clients.open(kWarmUp, kTopic);
  const auto before = static_cast<double>(server.resident_bytes());
  const Usage connecting = server.usage();
  clients.open(options.sessions, kTopic);
  const Spent spent = between(connecting, server.usage());
  clients.rest_for(kSettle);
  const auto full = static_cast<double>(server.resident_bytes());

  const auto sessions = static_cast<double>(options.sessions);
  Result result;
  result.scenario = name_of(setting, fmt::format("idle/{}", options.sessions));
  result.add("bytes_per_session", (full - before) / sessions);
  result.add("resident_bytes_before", before);
  result.add("resident_bytes_full", full);
  result.add("logins_per_second", sessions / spent.seconds);
  result.note(server.version());
  return result;
}

}  // namespace hub::bench
