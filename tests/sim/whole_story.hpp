// Histories made by hand, for the tests of the checker of whole-world simulations.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/whole_checker.hpp"

namespace hub::test {

using Checks = std::set<std::string>;

/// A history told in order; every sentence is one second after the one before.
struct Story {
  using What = Sight::What;

  History history;
  Duration now = std::chrono::seconds(1);
  std::uint64_t next_id = 1;

  explicit Story(std::vector<std::string> accounts) {
    history.account_of = std::move(accounts);
    history.devices = true;
    see(What::kHubUp);
    see(What::kFair);
    for (std::size_t i = 0; i < history.account_of.size(); ++i) {
      const int client = static_cast<int>(i);
      see(What::kUp, client);
      see(What::kTyped, client, "login#");
      answer(client, "login_ack#successful", "login#");
      see(What::kOnline, client);
    }
  }

  void see(What what, int client = -1, const std::string& text = {},
           const std::string& about = {}) {
    now += std::chrono::seconds(1);
    history.sights.push_back({now, what, client, text, about, false});
  }
  void type(int client, const std::string& line) { see(What::kTyped, client, line); }
  /// Of the line typed last of those that are the same, or of the one that was asked then.
  void answer(int client, const std::string& line, const std::string& about,
              std::optional<Duration> asked = std::nullopt) {
    const bool good = line.find("successful") != std::string::npos;
    see(good ? What::kAck : What::kFailed, client, line, about);
    history.sights.back().asked = asked ? asked : typed_at(client, about);
  }
  /// When it was typed last.
  std::optional<Duration> typed_at(int client, const std::string& line) const {
    const auto& all = history.sights;
    const auto found = std::find_if(all.rbegin(), all.rend(), [&](const Sight& sight) {
      return sight.what == What::kTyped && sight.client == client && sight.text == line;
    });
    return found == all.rend() ? std::nullopt : std::optional(found->at);
  }
  void show(int client, const std::string& line) { see(What::kShown, client, line); }
  /// In the same turn as what was told before.
  void show_at_once(int client, const std::string& line) {
    now -= std::chrono::seconds(1);
    show(client, line);
  }
  void commit(Commit::What what, const std::string& who, const std::string& whom = {},
              const std::string& text = {}) {
    now += std::chrono::seconds(1);
    history.commits.push_back({now, what, who, whom, text, next_id++});
  }
  void follow(const std::string& who, const std::string& whom) {
    commit(Commit::What::kFollow, who, whom);
  }
  void unfollow(const std::string& who, const std::string& whom) {
    commit(Commit::What::kUnfollow, who, whom);
  }
  void post(const std::string& who, const std::string& text) {
    commit(Commit::What::kPost, who, {}, text);
  }
  void crash(What how, int client) {
    see(how, client);
    see(What::kUp, client);
    see(What::kOnline, client);
  }

  Checks checks() const {
    Checks out;
    for (const Violation& violation : judge(history)) out.insert(violation.check);
    return out;
  }
};

/// ann is client 0, bob, who follows her, is client 1.
struct TwoPeople : Story {
  TwoPeople() : Story({"ann", "bob"}) { follow("bob", "ann"); }
  /// Typed, committed, acknowledged, shown.
  void say(const std::string& text) {
    type(0, "post#" + text);
    post("ann", text);
    answer(0, "post_ack#successful", "post#" + text);
    show(1, "<ann>" + text);
  }
};

}  // namespace hub::test
