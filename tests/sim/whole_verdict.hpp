// What the checker's parts share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/whole_checker.hpp"
#include "tests/sim/whole_journal.hpp"

namespace hub::test {

/// From one restore, or the beginning, to the next, or the end.
struct Era {
  Journal journal;
  Duration begin{};
  Duration end{};
  bool is_last = false;
};

class Verdict {
 public:
  void add(std::string check, std::string what, const Sight& sight, std::string text = {}) {
    found_.push_back({std::move(check), std::move(what), sight.client, sight.at, std::move(text)});
  }
  void add(std::string check, std::string what, std::string text = {}) {
    found_.push_back({std::move(check), std::move(what), -1, {}, std::move(text)});
  }
  std::vector<Violation> take() { return std::move(found_); }

 private:
  std::vector<Violation> found_;
};

/// What a client was shown (whole_feed.cpp).
void judge_feed(const History& history, const std::vector<Era>& eras, int client, Verdict& verdict);
/// What it was shown too late (whole_withdrawn.cpp).
void judge_taken_back(const History& history, const std::vector<Era>& eras, int client,
                      Verdict& verdict);
/// How the hub came back, and whether all came to rest (whole_return.cpp).
void judge_returns(const History& history, Verdict& verdict);

/// "t17.0" of "post#t17.0" or "<ann>t17.0"; nothing of other lines.
std::string text_in(const std::string& line);

}  // namespace hub::test
