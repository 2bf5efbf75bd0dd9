// The soak: the real hubd under the load of real spokes, killed again and again and started anew,
// with a ledger beside it. See soak_main.cpp for what it is asked and what it prints.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/e2e/relay.hpp"
#include "tests/e2e/soak/client.hpp"
#include "tests/e2e/soak/hub.hpp"
#include "tests/e2e/soak/ledger.hpp"
#include "tests/e2e/soak/plan.hpp"

namespace hub::test::soak {

struct Options {
  unsigned kills = 200;
  unsigned seed = 1;
  bool strict = true;
  bool kill_clients = true;
  bool lossy = true;
  std::chrono::seconds back_within{15};  // of a restart, every client; else a violation
  std::filesystem::path directory;       // for all files; must exist
};

/// What happened at kills of one kind.
struct Row {
  unsigned kills = 0;
  unsigned not_reached = 0;  // its failpoint was not passed often enough
  std::size_t acknowledged = 0;
  std::size_t delivered = 0;
  std::optional<std::chrono::milliseconds> slowest;  // comeback after a restart
};

class Soak {
 public:
  explicit Soak(Options options);

  /// All of it; false where anything was violated.
  bool run();
  std::string table() const;
  const std::vector<std::string>& violations() const { return ledger_.violations(); }

 private:
  void prepare();
  void round(const Kill& kill);
  bool is_over(const Kill& kill, Clock::time_point start);
  void look_for_clients(const Kill& kill, Clock::time_point start);
  void on_death(const Kill& kill);
  void go_on_for(std::chrono::milliseconds time);
  void come_to_rest();
  void finish();
  void begin_backup();
  bool backup_is_done();
  void compare_backup();
  void go_back_to_backup();
  void wait_for(const std::string& what, const std::function<bool()>& is_so);

  bool all_idle() const;

  void turn();
  void turn_clients();
  void kill_a_client(Clock::time_point now);
  void revive_clients(Clock::time_point now);
  void compare();
  void log(const std::string& text);

  Options options_;
  std::mt19937 random_;
  Ledger ledger_;
  Ledger* books_ = &ledger_;  // the ledger of the hub that runs now
  Hub hub_;
  std::unique_ptr<Relay> relay_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::ofstream log_;
  unsigned round_ = 0;
  bool up_ = false;                            // of this round: the hub listens
  std::optional<Clock::time_point> all_back_;  // of this round
  bool may_kill_clients_ = false;
  Clock::time_point next_client_kill_;
  std::map<Client*, Clock::time_point> revive_at_;
  bool backup_is_due_ = false;       // as soon as everybody is back
  std::optional<Process> backup_;    // hubadmin, at work
  MessageId certain_in_backup_ = 0;  // acknowledged before it began
  std::size_t backed_up_ = 0;        // posts
  std::array<Row, 2> weather_;       // in good weather and in bad
  std::map<std::string, Row> rows_;
  std::map<std::string, Row> client_rows_;
};

}  // namespace hub::test::soak
