// One spoke of a soak: types posts as fast as they are answered, or prints what others post, or
// both. It can be killed, and starts again from what it has on disk. What it reads it tells the
// ledger.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/soak/ledger.hpp"
#include "tests/support/process.hpp"

namespace hub::test::soak {

using Clock = std::chrono::steady_clock;

class Client {
 public:
  struct Role {
    std::string name;
    std::string hub;  // HOST:PORT
    bool writes = false;
    std::vector<std::string> follows;
    std::filesystem::path directory;  // its state, and a transcript
  };

  Client(Role role, Ledger& ledger);

  const std::string& name() const { return role_.name; }
  bool writes() const { return role_.writes; }
  bool follows() const { return !role_.follows.empty(); }

  /// From now on what it does is told to this ledger.
  void enter_into(Ledger& ledger);

  /// `failpoint`: NAME:K, at which it kills itself; empty for none.
  void start(const std::string& failpoint = {});
  /// SIGKILL; what it had printed is read to the end.
  void kill();
  /// It ended by itself since it was last asked: at its failpoint, or, a violation, otherwise.
  bool has_died();
  const std::string& failpoint() const { return failpoint_; }
  bool is_running() const { return process_.has_value(); }

  /// Takes in what it printed, and types what is next where it may. `round` goes into each post.
  void turn(unsigned round, bool may_write);
  void keep_writing(bool on) { writing_ = on; }
  /// Logged in, and nothing it typed waits for an answer.
  bool is_idle() const;
  /// When it first got an answer to a post of this round, or printed one.
  std::optional<Clock::time_point> back_in(unsigned round) const;
  void post(unsigned round);
  /// Asks something that changes nothing: once is_idle() again, all of before has been printed.
  void ask_for_nothing();
  /// End of input: it finishes what it was asked, and exits.
  void finish();

  Clock::time_point started() const { return started_at_; }
  /// What to poll.
  std::array<int, 2> output_fds() const;

 private:
  enum class State { kLoggingIn, kSubscribing, kSettling, kOnline };

  void on_line(const std::string& line);
  void on_forward(const std::string& line);
  void on_login();
  void seen(const std::string& text);
  void type(const std::string& line);
  void read_to_the_end();
  std::vector<std::string> read_outbox();
  void note(std::string_view what, std::string_view line);

  Role role_;
  Ledger* ledger_ = nullptr;
  std::ofstream transcript_;
  std::optional<Process> process_;
  State state_ = State::kLoggingIn;
  bool started_before_ = false;
  bool writing_ = false;
  std::string failpoint_;         // of the process that runs, or ran last
  std::size_t asked_ = 0;         // subscribe lines without an answer
  std::size_t refusals_due_ = 0;  // of those that an earlier run left in the outbox
  unsigned long number_ = 0;      // of its posts
  unsigned long starts_ = 0;
  unsigned seen_round_ = 0;
  Clock::time_point seen_at_;
  Clock::time_point started_at_;
};

}  // namespace hub::test::soak
