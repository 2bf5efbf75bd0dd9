// Makes a failing script small: leaves out whatever it still fails without (delta debugging), so
// that what is left can be understood.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/whole_script.hpp"

namespace hub::test {

/// What is left of a script, as hub-sim's arguments can say it.
struct Cut {
  std::set<int> only;  // the numbers of its actions
  bool calm = false;   // a perfect network, and nothing takes time in the hub
  int clients = 0;     // the first so many

  /// "--only 3,17 --calm --clients 4"
  std::string arguments() const;
};

Cut whole(const Script& script);
Script cut(const Script& script, const Cut& what);

/// The smallest cut found with at most `tries` runs for which `fails` holds; it holds for the
/// whole.
Cut shrink(const Script& script, const std::function<bool(const Script&)>& fails, int tries);

}  // namespace hub::test
