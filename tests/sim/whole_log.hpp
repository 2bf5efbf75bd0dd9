// Where a world notes what happens in it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/whole_history.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

class Log {
 public:
  explicit Log(const SimNet& net) : net_(net), begin_(net.now().mono) {}

  Duration now() const { return net_.now().mono - begin_; }
  TimePoint begin() const { return begin_; }
  Sight& add(Sight::What what, int client = -1, std::string text = {}, std::string about = {}) {
    sights_.push_back({now(), what, client, std::move(text), std::move(about), false});
    return sights_.back();
  }
  std::vector<Sight> take() { return std::move(sights_); }

 private:
  const SimNet& net_;
  TimePoint begin_;
  std::vector<Sight> sights_;
};

}  // namespace hub::test
