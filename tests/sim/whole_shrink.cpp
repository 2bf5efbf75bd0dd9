#include "tests/sim/whole_shrink.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hub::test {

using namespace std::chrono_literals;

namespace {

class Shrinker {
 public:
  Shrinker(const Script& script, const std::function<bool(const Script&)>& fails, int tries)
      : script_(script), fails_(fails), tries_(tries), best_(whole(script)) {}

  Cut run() {
    drop_actions();
    Cut calmer = best_;
    calmer.calm = true;
    attempt(calmer);
    drop_clients();
    drop_actions();  // some may have been needed only because of the rest
    return best_;
  }

 private:
  bool attempt(const Cut& candidate) {
    if (tries_ <= 0) return false;
    --tries_;
    if (!fails_(cut(script_, candidate))) return false;
    best_ = candidate;
    return true;
  }

  /// Halves, quarters, … and in the end each action by itself.
  void drop_actions() {
    for (std::size_t chunk = std::max<std::size_t>(1, best_.only.size() / 2);;) {
      bool dropped = false;
      for (std::size_t begin = 0; begin < best_.only.size();) {
        if (attempt(without(begin, chunk))) {
          dropped = true;
        } else {
          begin += chunk;
        }
      }
      if (chunk == 1 && !dropped) return;
      if (tries_ <= 0) return;
      chunk = std::max<std::size_t>(1, chunk / 2);
    }
  }

  Cut without(std::size_t begin, std::size_t count) const {
    Cut candidate = best_;
    const std::vector<int> all(best_.only.begin(), best_.only.end());
    for (std::size_t i = begin; i < std::min(begin + count, all.size()); ++i) {
      candidate.only.erase(all[i]);
    }
    return candidate;
  }

  void drop_clients() {
    while (best_.clients > 1) {
      Cut candidate = best_;
      --candidate.clients;
      if (!attempt(candidate)) return;
    }
  }

  const Script& script_;
  const std::function<bool(const Script&)>& fails_;
  int tries_;
  Cut best_;
};

}  // namespace

std::string Cut::arguments() const {
  return fmt::format("--only {}{} --clients {}",
                     only.empty() ? "none" : fmt::format("{}", fmt::join(only, ",")),
                     calm ? " --calm" : "", clients);
}

Cut whole(const Script& script) {
  Cut out;
  for (const Action& action : script.actions) out.only.insert(action.number);
  out.clients = static_cast<int>(script.cast.account_of.size());
  return out;
}

Script cut(const Script& script, const Cut& what) {
  Script out = script;
  const auto is_out = [&](const Action& action) {
    return !what.only.contains(action.number) || action.client >= what.clients;
  };
  out.actions.erase(std::remove_if(out.actions.begin(), out.actions.end(), is_out),
                    out.actions.end());
  out.cast.account_of.resize(static_cast<std::size_t>(what.clients));
  if (what.calm) {
    out.weather = {};
    out.weather.delay = 1ms;
    out.delays = {};
  }
  return out;
}

Cut shrink(const Script& script, const std::function<bool(const Script&)>& fails, int tries) {
  return Shrinker(script, fails, tries).run();
}

}  // namespace hub::test
