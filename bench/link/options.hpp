// What the command lines of both load programs say about a link.
#pragma once

#include <CLI/CLI.hpp>

#include "bench/link/scenarios.hpp"

namespace hub::bench {

inline void add_lossy_options(CLI::App& command, LossyOptions& options) {
  command.add_option("--pairs", options.pairs, "Authors with a follower each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--rate", options.rate, "Posts a second of each author")
      ->check(CLI::Range(0.1, 1000.0))
      ->capture_default_str();
  command.add_option("--delay", options.delay_ms, "Milliseconds, each way")
      ->check(CLI::Range(0.0, 5000.0))
      ->capture_default_str();
  command.add_option("--loss", options.loss, "Share of packets, each way")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the losses")->capture_default_str();
}

inline void add_roam_options(CLI::App& command, RoamOptions& options) {
  command.add_option("--rate", options.rate, "Posts a second")
      ->check(CLI::Range(0.1, 1000.0))
      ->capture_default_str();
  command.add_option("--delay", options.delay_ms, "Milliseconds, each way")
      ->check(CLI::Range(0.0, 5000.0))
      ->capture_default_str();
  command.add_option("--loss", options.loss, "Share of packets, each way")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--changes", options.changes)
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command.add_option("--interval", options.interval, "Seconds from one to the next")
      ->check(CLI::Range(0.5, 600.0))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of the losses")->capture_default_str();
}

}  // namespace hub::bench
