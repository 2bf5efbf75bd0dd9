#include "tests/e2e/relay.hpp"

#include <sstream>

#include "tests/support/paths.hpp"

namespace hub::test {

namespace {

constexpr std::string_view kListening = "listening on ";

Command relay_command(const std::string& hub, const Weather& weather, unsigned seed,
                      const std::filesystem::path& capture) {
  Command command{.argv = {program("hub-relay"), "--to", hub, "--loss",
                           std::to_string(weather.loss), "--duplicate",
                           std::to_string(weather.duplicate), "--jitter",
                           std::to_string(weather.jitter), "--damage",
                           std::to_string(weather.damage), "--seed", std::to_string(seed)}};
  if (!capture.empty()) {
    command.argv.insert(command.argv.end(), {"--capture", capture.string()});
  }
  return command;
}

}  // namespace

Relay::Relay(const std::string& hub, const Weather& weather, unsigned seed,
             const std::filesystem::path& capture)
    : process_(relay_command(hub, weather, seed, capture)) {
  const std::optional<std::string> line = process_.read_line();
  if (!line || !line->starts_with(kListening)) {
    throw Unexpected("hub-relay does not listen: " + process_.errors());
  }
  address_ = line->substr(kListening.size());
}

std::string Relay::command(const std::string& line) {
  process_.write(line + "\n");
  const std::optional<std::string> answer = process_.read_line();
  if (!answer) throw Unexpected("hub-relay ended: " + process_.errors());
  return *answer;
}

void Relay::set(const Weather& weather) {
  command("set " + std::to_string(weather.loss) + " " + std::to_string(weather.duplicate) + " " +
          std::to_string(weather.jitter) + " " + std::to_string(weather.damage));
}

void Relay::rebind(const std::string& ip) { command(ip.empty() ? "rebind" : "rebind " + ip); }

Relay::Figures Relay::figures() {
  std::istringstream words(command("figures"));
  std::string word;
  Figures out;
  words >> word >> out.passed >> word >> out.lost >> word >> out.duplicated >> word >> out.damaged;
  return out;
}

}  // namespace hub::test
