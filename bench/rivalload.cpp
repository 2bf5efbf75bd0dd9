// rivalload: hubload's scenarios with a rival's server in hubd's place, so that one report can set
// them side by side. One scenario a run: one JSON object on standard output, one line for people on
// standard error. It starts the server itself, from Debian's packages, and ends only that one.
#include <exception>
#include <filesystem>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/link/options.hpp"
#include "bench/load/report.hpp"
#include "bench/rivals/scenarios.hpp"

using namespace hub::bench;

int main(int argc, char** argv) try {
  CLI::App app("Measures a rival's server of its own over loopback, as hubload measures hubd.",
               "rivalload");
  app.require_subcommand(1);
  app.fallthrough();
  RivalSetting setting;
  std::string rival;
  setting.work = "/var/tmp";
  app.add_option("--rival", rival, "Which: " + fmt::format("{}", fmt::join(rival_names(), ", ")))
      ->required();
  app.add_option("--work", setting.work, "Where to make temporary directories: on a real disk")
      ->capture_default_str();
  app.add_option("--seconds", setting.seconds, "The longest that a measurement lasts")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  const auto run = [&](const std::string& scenario, const std::function<Result()>& scenario_run) {
    setting.rival = rival_named(rival);
    tell(name_of(setting, scenario), scenario_run);
  };

  FanoutOptions fanout;
  auto* fanout_command = app.add_subcommand("fanout", "One author's posts to many subscribers");
  fanout_command->add_option("--followers", fanout.followers)
      ->check(CLI::Range(std::size_t{1}, std::size_t{15'000}));
  fanout_command->add_option("--posts", fanout.posts)->check(CLI::Range(1, 1'000'000));
  fanout_command->add_option("--bytes", fanout.bytes)->check(CLI::Range(8, 240));
  fanout_command->add_option("--in-flight", fanout.in_flight)->check(CLI::Range(1, 200));
  fanout_command->callback([&] {
    run(fanout_name(fanout.followers, fanout.in_flight),
        [&] { return run_rival_fanout(setting, fanout); });
  });

  PostOptions post;
  auto* post_command = app.add_subcommand("post", "Posts that are kept, a second");
  post_command->add_option("--clients", post.clients)->check(CLI::Range(1, 10'000));
  post_command->add_option("--outstanding", post.outstanding)->check(CLI::Range(1, 1000));
  post_command->add_option("--bytes", post.bytes)->check(CLI::Range(1, 240));
  post_command->callback([&] {
    run(fmt::format("post/{}x{}", post.clients, post.outstanding),
        [&] { return run_rival_post(setting, post); });
  });

  RetrieveOptions retrieve;
  auto* retrieve_command = app.add_subcommand("retrieve", "The newest n of many streams");
  retrieve_command->add_option("--followees", retrieve.followees)->check(CLI::Range(1, 1000));
  retrieve_command->add_option("--history", retrieve.history)
      ->check(CLI::Range(std::size_t{1}, std::size_t{20'000'000}));
  retrieve_command->add_option("-n", retrieve.n)->check(CLI::Range(1, 200));
  retrieve_command->add_option("--count", retrieve.count)->check(CLI::Range(1, 10'000'000));
  retrieve_command->callback([&] {
    run(fmt::format("retrieve/{}", retrieve.followees),
        [&] { return run_rival_retrieve(setting, retrieve); });
  });

  IdleOptions idle;
  auto* idle_command = app.add_subcommand("idle", "Memory of clients that do nothing");
  idle_command->add_option("--sessions", idle.sessions)
      ->check(CLI::Range(std::size_t{1}, std::size_t{15'000}));
  idle_command->callback([&] {
    run(fmt::format("idle/{}", idle.sessions), [&] { return run_rival_idle(setting, idle); });
  });

  LossyOptions lossy;
  auto* lossy_command = app.add_subcommand("lossy", "Posts at a steady rate over a bad link");
  add_lossy_options(*lossy_command, lossy);
  lossy_command->callback([&] { run("lossy", [&] { return run_rival_lossy(setting, lossy); }); });

  RoamOptions roam;
  auto* roam_command = app.add_subcommand("roam", "A follower whose address changes");
  roam_command->add_option("--keep-alive", roam.keep_alive, "Seconds: the subscriber's")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  add_roam_options(*roam_command, roam);
  roam_command->callback([&] { run("roam", [&] { return run_rival_roam(setting, roam); }); });

  raise_descriptor_limit();  // a connection a client
  CLI11_PARSE(app, argc, argv);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "rivalload: {}\n", error.what());
  return 1;
}
