// hub-sim: runs the whole system in simulation, seed after seed, and judges each run. Exit code 0:
// nothing was found; 1: something was; 2: wrong arguments.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "tests/sim/whole_crowd.hpp"
#include "tests/sim/whole_shrink.hpp"
#include "tests/sim/whole_trial.hpp"
#include "tests/sim/whole_world.hpp"

using namespace hub;
using namespace hub::test;
using What = Sight::What;

namespace {

constexpr const char* kUsage =
    R"(usage: hub-sim [--seeds N] [--first S] [--minutes M] [--jobs N]
               [--failures N] [--quick] [--verbose]
       hub-sim --seed S [--minutes M] [--only N,N,...|none] [--calm] [--clients N] [--verbose]

Runs the hub, its store on a simulated disk and several clients in virtual time, once for each seed,
and checks that nothing was lost, nothing came twice and nothing out of order. A run that fails is
made small and shown.

  --seeds N    so many seeds (200)
  --first S    from this one on (1)
  --seed S     this one alone
  --minutes M  of virtual time a run (1)
  --jobs N     so many at once (all cores)
  --failures N stop after so many that fail (20); the first of them is made small
  --quick      stop at the first that fails, and do not make it small
  --verbose    show what was made of each seed; with --seed: all that could be seen
  --only, --calm, --clients   of a run that was made small: what is left of it
)";

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t seeds = 200;
  bool one = false;
  double minutes = 1;
  unsigned jobs = static_cast<unsigned>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  std::size_t failures = 20;
  bool quick = false;
  bool verbose = false;
  std::optional<std::set<int>> only;
  bool calm = false;
  std::optional<int> clients;
};

template <typename Number>
Number number(const std::string& text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::invalid_argument("'" + text + "' is no number");
  }
  return out;
}

std::set<int> numbers(const std::string& text) {
  std::set<int> out;
  if (text == "none") return out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    out.insert(number<int>(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

Arguments read_arguments(const std::vector<std::string>& words) {
  Arguments out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value = [&] {
      if (i + 1 >= words.size()) throw std::invalid_argument(words[i] + " wants a value");
      return words[++i];
    };
    const std::string& word = words[i];
    if (word == "--seeds") {
      out.seeds = number<std::uint64_t>(value());
    } else if (word == "--first") {
      out.first = number<std::uint64_t>(value());
    } else if (word == "--seed") {
      out.first = number<std::uint64_t>(value());
      out.one = true;
    } else if (word == "--minutes") {
      out.minutes = number<double>(value());
    } else if (word == "--jobs") {
      out.jobs = std::max(1u, number<unsigned>(value()));
    } else if (word == "--failures") {
      out.failures = number<std::size_t>(value());
    } else if (word == "--quick") {
      out.quick = true;
    } else if (word == "--verbose") {
      out.verbose = true;
    } else if (word == "--only") {
      out.only = numbers(value());
    } else if (word == "--calm") {
      out.calm = true;
    } else if (word == "--clients") {
      out.clients = number<int>(value());
    } else {
      throw std::invalid_argument("there is no argument '" + word + "'");
    }
  }
  return out;
}

Duration length_of(const Arguments& arguments) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(60 * arguments.minutes));
}

std::string line_of(const Sight& sight) {
  const std::string who = sight.client < 0 ? "hub" : fmt::format("client {}", sight.client);
  const std::string about = sight.about.empty() ? "" : "   to " + sight.about.substr(0, 40);
  return fmt::format("{:10.3f}  {:9} {:12} {}{}", std::chrono::duration<double>(sight.at).count(),
                     who, name_of(sight.what), sight.text.substr(0, 60), about);
}

/// What of a run has to do with the violation: the hub, the client, the post.
bool concerns(const Sight& sight, const Violation& violation) {
  if (sight.client < 0 || sight.client == violation.client) return true;
  return !violation.text.empty() && (sight.text.find(violation.text) != std::string::npos ||
                                     sight.about.find(violation.text) != std::string::npos);
}

void show(const Script& script, const Trial& trial, bool everything) {
  fmt::print("  network: {}\n", describe(script.weather));
  for (const Action& action : script.actions) fmt::print("  {}\n", describe(action, script));
  constexpr std::size_t kMost = 160;
  std::vector<std::string> lines;
  for (const Sight& sight : trial.history.sights) {
    if (everything || trial.violations.empty() || concerns(sight, trial.violations.front())) {
      lines.push_back(line_of(sight));
    }
  }
  fmt::print("What could be seen of it:\n");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!everything && lines.size() > kMost && i == kMost / 2) {
      fmt::print("  ... {} lines\n", lines.size() - kMost);
      i = lines.size() - kMost / 2;
    }
    fmt::print("{}\n", lines[i]);
  }
  for (const Violation& violation : trial.violations) {
    fmt::print("{}: {} ({:.3f})\n", violation.check, violation.what,
               std::chrono::duration<double>(violation.at).count());
  }
}

/// What the failing run of this seed comes down to.
void explain(std::uint64_t seed, const Arguments& arguments) {
  const Script script = make_script(seed, length_of(arguments));
  const auto found = try_apart(script);
  if (found.empty()) {
    fmt::print("seed {} does not fail again by itself: something is not decided by the seed\n",
               seed);
    return;
  }
  const std::string check = found.front().check;
  fmt::print("seed {} fails: {}: {}\n", seed, check, found.front().what);
  std::fflush(stdout);
  const auto fails = [&](const Script& candidate) {
    const auto again = try_apart(candidate);
    return std::any_of(again.begin(), again.end(),
                       [&](const Violation& violation) { return violation.check == check; });
  };
  constexpr int kTries = 600;
  const Cut small = shrink(script, fails, kTries);
  const Script left = cut(script, small);
  fmt::print("Of its {} actions these {} do as well:\n", script.actions.size(),
             left.actions.size());
  std::fflush(stdout);
  show(left, check == "crash" ? Trial{} : try_here(left), false);
  fmt::print("Again: hub-sim --seed {} --minutes {} {}\n", seed, arguments.minutes,
             small.arguments());
}

int run_one(const Arguments& arguments) {
  const Script script = make_script(arguments.first, length_of(arguments));
  Cut what = whole(script);
  if (arguments.only) what.only = *arguments.only;
  what.calm = arguments.calm;
  if (arguments.clients) what.clients = std::clamp(*arguments.clients, 1, what.clients);
  const bool is_cut = arguments.only || arguments.calm || arguments.clients;
  const Script left = cut(script, what);
  const Trial trial = try_here(left);
  if (arguments.verbose || is_cut) {
    show(left, trial, arguments.verbose);
  } else if (!trial.violations.empty()) {
    explain(arguments.first, arguments);
  }
  fmt::print("seed {}: {}\n", arguments.first, trial.violations.empty() ? "passed" : "failed");
  return trial.violations.empty() ? 0 : 1;
}

int run_many(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const Crowd crowd = run_crowd({.first = arguments.first,
                                 .seeds = arguments.seeds,
                                 .length = length_of(arguments),
                                 .jobs = arguments.jobs,
                                 .most_failures = arguments.quick ? 1 : arguments.failures,
                                 .verbose = arguments.verbose});
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const Failure& failure : crowd.failures) {
    fmt::print("seed {} failed: {}\n", failure.seed, failure.check);
  }
  const Tally& t = crowd.tally;
  fmt::print(
      "{} runs, {:.1f} hours of virtual time in {:.0f} s: {} posts typed, {} acknowledged, {} "
      "shown;\nthe hub ended {} times ({} power cuts), its disk failed {} times, {} restores; "
      "clients ended {} times.\n",
      crowd.runs, static_cast<double>(t.seconds) / 3600, took, t.posts, t.acknowledged, t.shown,
      t.hub_ends, t.power_cuts, t.disk_failures, t.restores, t.client_ends);
  if (!crowd.failures.empty() && !arguments.quick) {
    explain(crowd.failures.front().seed, arguments);
  }
  fmt::print("{} passed, {} failed\n", crowd.runs - crowd.failures.size(), crowd.failures.size());
  return crowd.failures.empty() ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    const std::vector<std::string> given(words + 1, words + count);
    if (std::find(given.begin(), given.end(), "--help") != given.end()) {
      fmt::print("{}", kUsage);
      return 0;
    }
    const Arguments arguments = read_arguments(given);
    prepare_worlds();
    return arguments.one ? run_one(arguments) : run_many(arguments);
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "hub-sim: {}\n{}", error.what(), kUsage);
    return 2;
  }
}
