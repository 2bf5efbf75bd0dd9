// hubload: measures a real hubd with real datagrams over loopback. One scenario a run: one JSON
// object on standard output, one line for people on standard error. It starts the hubd itself, in a
// directory of its own, and ends only that one.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/link/namespaces.hpp"
#include "bench/link/options.hpp"
#include "bench/load/comparison.hpp"
#include "bench/load/database.hpp"
#include "bench/load/process.hpp"
#include "bench/load/report.hpp"
#include "bench/load/scenarios.hpp"

namespace {

using namespace hub::bench;

constexpr std::size_t kMostSessions = 100'000;
constexpr std::size_t kMostHistory = 20'000'000;

struct ReportOptions {
  std::vector<std::string> files;
  std::vector<std::string> base;
  bool rivals = false;
  std::string out;
};

Report read_report(const std::vector<std::string>& files) {
  Report out;
  for (const std::string& file : files) {
    for (const Result& result : read_results(file)) out.add(result);
  }
  return out;
}

void write_report(const ReportOptions& options) {
  const Report report = read_report(options.files);
  if (options.rivals) {
    fmt::print("{}{}", rivals_table(report), report.notes());
  } else if (!options.base.empty()) {
    fmt::print("{}{}", revisions_table(read_report(options.base), report), report.notes());
  } else {
    fmt::print("{}", report.table());
  }
  if (options.out.empty()) return;
  std::ofstream json(options.out);
  json << report.json();
  if (!json.flush()) throw Failure("cannot write " + options.out);
}

/// What the shell has set for a hub of its own must not reach ours.
void forget_hub_settings() {
  std::vector<std::string> names;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string entry = *at;
    if (entry.rfind("HUB_", 0) == 0) names.push_back(entry.substr(0, entry.find('=')));
  }
  for (const std::string& name : names) unsetenv(name.c_str());
}

void add_common(CLI::App& app, Setting& setting) {
  app.add_option("--hubd", setting.hubd, "The hubd to measure (beside this program)");
  app.add_option("--work", setting.work, "Where to make temporary directories: on a real disk")
      ->capture_default_str();
  app.add_option("--history-file", setting.history,
                 "Make the database with a history here, or use it if it is here");
  app.add_option("--links", setting.links, "Sockets that the sessions share")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--seconds", setting.seconds, "The longest that a measurement lasts")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_flag_callback(
      "--sealed", [&setting] { setting.framing = hub::Framing::kSealed; },
      "Sealed sessions instead of classic ones");
}

void add_network_flags(CLI::App& command, Setting& setting) {
  command.add_flag("--own-sockets", setting.own_sockets, "Each session has a socket of its own");
  command.add_flag(
      "--ethernet", setting.ethernet,
      "Over a loopback interface that carries 1,500 bytes, as Ethernet does, in a network "
      "namespace of its own");
}

template <typename Run>
void tell_over_network(const Setting& setting, const std::string& scenario, const Run& run) {
  constexpr int kEthernetMtu = 1500;
  if (!setting.ethernet) return tell(run());
  tell(name_of(setting, scenario), [&] {
    const hub::bench::NetworkNamespace network(kEthernetMtu);
    const hub::bench::NetworkNamespace::Inside inside(network);
    return run();
  });
}

struct FeedOptions {
  FanoutOptions fanout;
  PostOptions post;
};

void add_feed_commands(CLI::App& app, Setting& setting, FeedOptions& options) {
  FanoutOptions& fanout = options.fanout;
  auto* fanout_command = app.add_subcommand("fanout", "One author's posts to many followers");
  fanout_command->add_option("--followers", fanout.followers)
      ->check(CLI::Range(std::size_t{1}, kMostSessions));
  fanout_command->add_option("--posts", fanout.posts)->check(CLI::Range(1, 1'000'000));
  fanout_command->add_option("--bytes", fanout.bytes)->check(CLI::Range(8, 240));
  fanout_command->add_option("--in-flight", fanout.in_flight, "Posts under way at a time")
      ->check(CLI::Range(1, 200))
      ->capture_default_str();
  add_network_flags(*fanout_command, setting);
  fanout_command->callback([&setting, &fanout] {
    const std::string name = fanout_name(fanout.followers, fanout.in_flight);
    tell_over_network(setting, name, [&] { return run_fanout(setting, fanout); });
  });

  PostOptions& post = options.post;
  auto* post_command = app.add_subcommand("post", "Durable posts a second");
  post_command->add_option("--clients", post.clients)->check(CLI::Range(1, 10'000));
  post_command->add_option("--outstanding", post.outstanding)->check(CLI::Range(1, 1000));
  add_network_flags(*post_command, setting);
  post_command->add_flag("--unnumbered", post.unnumbered,
                         "Sealed posts without request numbers, and forwards without marks, to see "
                         "what those cost");
  auto* post_history = post_command->add_option("--history", post.history)
                           ->check(CLI::Range(std::size_t{0}, kMostHistory));
  post_command->add_flag("--forwards", post.forwards, "Each client follows the next one")
      ->excludes(post_history);
  post_command->add_option("--bytes", post.bytes)->check(CLI::Range(1, 240));
  post_command->callback([&setting, &post] {
    tell_over_network(setting, "post", [&] { return run_post(setting, post); });
  });
}

/// What shows only where there is much of everything.
struct ScaleOptions {
  ResumeOptions resume;
  StartOptions start;
  CrowdOptions crowd;
};

void add_scale_commands(CLI::App& app, Setting& setting, ScaleOptions& options) {
  auto* resume = app.add_subcommand("resume", "Sealed devices after a restart of the hub");
  resume->add_option("--sessions", options.resume.sessions)
      ->check(CLI::Range(std::size_t{1}, kMostSessions));
  resume->callback([&] { tell(run_resume(setting, options.resume)); });

  auto* start =
      app.add_subcommand("start", "From starting hubd to the first login, with a long history");
  start->add_option("--history", options.start.history)
      ->check(CLI::Range(std::size_t{1}, kMostHistory));
  start->add_option("--follows", options.start.follows)
      ->check(CLI::Range(std::size_t{0}, kMostHistory));
  start->callback([&] { tell(run_start(setting, options.start)); });

  auto* crowd =
      app.add_subcommand("crowd", "Posts of an author whose many followers are mostly offline");
  crowd->add_option("--followers", options.crowd.followers)
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}));
  crowd->add_option("--online", options.crowd.online)
      ->check(CLI::Range(std::size_t{1}, kMostSessions));
  crowd->add_option("--posts", options.crowd.posts)->check(CLI::Range(1, 100'000));
  crowd->callback([&] { tell(run_crowd(setting, options.crowd)); });
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Measures a hubd of its own with real datagrams over loopback.", "hubload");
  app.require_subcommand(1);
  hub::bench::raise_descriptor_limit();  // a socket a session
  app.fallthrough();                     // the common options may stand behind the scenario as well
  Setting setting;
  setting.hubd = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hubd";
  setting.work = "/var/tmp";
  add_common(app, setting);

  FeedOptions feed;
  add_feed_commands(app, setting, feed);

  RetrieveOptions retrieve;
  auto* retrieve_command = app.add_subcommand("retrieve", "retrieve#n, one at a time");
  retrieve_command->add_flag("--from-store", retrieve.from_store, "hubd keeps no posts in memory");
  retrieve_command->add_option("--followees", retrieve.followees)
      ->check(CLI::IsMember({10, 100, 1000}));
  retrieve_command->add_option("--history", retrieve.history)
      ->check(CLI::Range(std::size_t{1}, kMostHistory));
  retrieve_command->add_option("-n", retrieve.n)->check(CLI::Range(1, 200));
  retrieve_command->add_option("--count", retrieve.count)->check(CLI::Range(1, 10'000'000));
  retrieve_command->callback([&] { tell(run_retrieve(setting, retrieve)); });

  IdleOptions idle;
  auto* idle_command = app.add_subcommand("idle", "Memory of sessions that do nothing");
  idle_command->add_option("--sessions", idle.sessions)
      ->check(CLI::Range(std::size_t{1}, kMostSessions));
  idle_command->add_option("--followees", idle.followees)->check(CLI::Range(0, 1000));
  idle_command->callback([&] { tell(run_idle(setting, idle)); });

  ScaleOptions scale;
  add_scale_commands(app, setting, scale);

  LossyOptions lossy;
  auto* lossy_command = app.add_subcommand("lossy", "Posts at a steady rate over a bad link");
  add_lossy_options(*lossy_command, lossy);
  lossy_command->callback(
      [&] { tell(name_of(setting, "lossy"), [&] { return run_lossy(setting, lossy); }); });

  RoamOptions roam;
  roam.spoke = setting.hubd.parent_path() / "spoke";
  auto* roam_command = app.add_subcommand("roam", "A follower whose address changes");
  roam_command->add_option("--spoke", roam.spoke, "The spoke that follows (beside this program)");
  add_roam_options(*roam_command, roam);
  roam_command->callback(
      [&] { tell(name_of(setting, "roam"), [&] { return run_roam(setting, roam); }); });

  auto* machine_command = app.add_subcommand("machine", "What this machine gives");
  machine_command->callback([&] { tell(run_machine(setting)); });

  std::size_t posts = 1'000'000;
  std::size_t follows = 0;
  auto* prepare_command = app.add_subcommand("prepare", "Make the --history-file");
  prepare_command->add_option("--history", posts)->check(CLI::Range(std::size_t{1}, kMostHistory));
  prepare_command->add_option("--follows", follows, "So many among the authors")
      ->check(CLI::Range(std::size_t{0}, kMostHistory));
  prepare_command->callback([&] {
    if (setting.history.empty()) throw Failure("prepare wants --history-file");
    prepare_history(setting.history, posts, follows);
  });

  ReportOptions report;
  auto* report_command = app.add_subcommand("report", "One table from the results of all rounds");
  report_command->add_option("FILES", report.files)->required();
  report_command->add_option("--out", report.out, "Write JSON here as well");
  report_command->add_flag("--rivals", report.rivals, "Ours beside the rivals'");
  report_command->add_option("--base", report.base, "Beside these results of another revision");
  report_command->callback([&] { write_report(report); });

  forget_hub_settings();
  CLI11_PARSE(app, argc, argv);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "hubload: {}\n", error.what());
  return 1;
}
