#include "tests/sim/whole_trial.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/whole_world.hpp"
#include "tests/support/trials.hpp"

namespace hub::test {

using What = Sight::What;

namespace {

Tally tally_of(const Script& script, const History& history) {
  Tally tally;
  tally.seconds = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(script.length).count());
  tally.actions = script.actions.size();
  for (const Sight& sight : history.sights) {
    tally.posts += sight.what == What::kTyped && sight.text.compare(0, 5, "post#") == 0;
    tally.acknowledged += sight.what == What::kAck && sight.text == "post_ack#successful";
    tally.shown += sight.what == What::kShown;
    tally.hub_ends += sight.what == What::kHubDown;
    tally.power_cuts += sight.what == What::kHubDown && sight.text == "power cut";
    tally.disk_failures += sight.what == What::kDiskFails;
    tally.client_ends += sight.what == What::kKilled || sight.what == What::kPowerCut ||
                         sight.what == What::kRewound;
    tally.restores += sight.what == What::kRestored;
  }
  return tally;
}

constexpr char kField = '\x1f';
constexpr char kEnd = '\n';

std::string pack(const std::vector<Violation>& violations) {
  std::string out;
  for (const Violation& v : violations) {
    out += fmt::format("{}{}{}{}{}{}{}{}{}{}", v.check, kField, v.what, kField, v.client, kField,
                       v.at.count(), kField, v.text, kEnd);
  }
  return out + "whole\n";
}

std::vector<Violation> unpack(const std::string& packed) {
  std::vector<Violation> out;
  std::vector<std::string> fields(1);
  for (const char c : packed) {
    if (c == kField) {
      fields.emplace_back();
    } else if (c != kEnd) {
      fields.back() += c;
    } else {
      if (fields.size() == 5) {
        out.push_back({fields[0], fields[1], std::stoi(fields[2]), Duration(std::stoll(fields[3])),
                       fields[4]});
      }
      fields.assign(1, {});
    }
  }
  return out;
}

void write_all(int fd, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(fd, text.data() + done, text.size() - done);
    if (written <= 0) return;
    done += static_cast<std::size_t>(written);
  }
}

std::string read_all(int fd) {
  std::string out;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

}  // namespace

void Tally::add(const Tally& other) {
  seconds += other.seconds;
  actions += other.actions;
  posts += other.posts;
  acknowledged += other.acknowledged;
  shown += other.shown;
  hub_ends += other.hub_ends;
  power_cuts += other.power_cuts;
  disk_failures += other.disk_failures;
  client_ends += other.client_ends;
  restores += other.restores;
}

unsigned time_limit() { return trials(30u, 300u); }

Trial try_here(const Script& script) {
  Trial trial;
  try {
    trial.history = run_world(script);
    trial.violations = judge(trial.history);
    trial.tally = tally_of(script, trial.history);
  } catch (const std::exception& error) {
    trial.violations.push_back({"crash", error.what(), -1, {}, {}});
  }
  std::stable_sort(trial.violations.begin(), trial.violations.end(),
                   [](const Violation& a, const Violation& b) { return a.at < b.at; });
  return trial;
}

std::vector<Violation> try_apart(const Script& script) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    ::close(ends[0]);
    ::alarm(time_limit());
    write_all(ends[1], pack(try_here(script).violations));
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string packed = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  const std::string whole = "whole\n";
  const bool is_whole = packed.size() >= whole.size() &&
                        packed.compare(packed.size() - whole.size(), whole.size(), whole) == 0;
  if (is_whole) return unpack(packed);
  return {{"crash", fmt::format("it died, status {:#x}", status), -1, {}, {}}};
}

}  // namespace hub::test
