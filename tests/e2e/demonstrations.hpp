// What a hub must do, as ten demonstrations with the real programs: written once, checked by the
// end-to-end tests and played with their transcripts by hub-demo.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/e2e/programs.hpp"

namespace hub::test {

/// A hub with three accounts, and a client for each.
struct Stage {
  Stage(std::vector<std::string> flags, Framing framing);

  void everybody_logs_in();
  void note(const std::string& text);
  /// hubadmin, noted in the transcript; throws Unexpected if it fails.
  std::string admin(const std::vector<std::string>& arguments, const std::string& input = {});

  const Framing framing;
  TestHub hub;
  SpokeProcess alice;
  SpokeProcess bob;
  SpokeProcess carol;
};

struct Demonstration {
  int number = 0;
  std::string title;
  std::vector<std::string> flags;    // of hubd
  std::function<void(Stage&)> play;  // throws Unexpected where the hub does something else
};

const std::vector<Demonstration>& demonstrations();

}  // namespace hub::test
