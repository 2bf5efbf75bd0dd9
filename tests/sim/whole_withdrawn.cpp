// Whether what was deleted, or whose author was disabled, was still shown to somebody.
#include <map>
#include <optional>

#include <fmt/format.h>

#include "tests/sim/whole_verdict.hpp"

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

/// What may be on its way on a network that works.
constexpr Duration kUnderWay = 2s;
/// What was handed to a connection comes out of it however long it takes; a session that the client
/// has only since then has nothing from before: its login ok would have come first.
constexpr Duration kOpening = 15s;
/// So long after the last trouble nothing of it is left.
constexpr Duration kCalm = 20s;

class TakenBack {
 public:
  TakenBack(const History& history, const Era& era, int client, Verdict& verdict)
      : history_(history), journal_(era.journal), era_(era), client_(client), verdict_(verdict) {}

  void judge() {
    for (const Sight& sight : history_.sights) {
      if (sight.client == client_) {
        take(sight);
      } else if (sight.client < 0) {
        take_of_all(sight);
      }
    }
  }

 private:
  void take(const Sight& sight) {
    switch (sight.what) {
      case What::kOnline:
        online_since_ = sight.at;
        return;
      case What::kDisturbed:
        if (sight.text == "cut") is_cut_ = true;
        if (sight.text == "mended") is_cut_ = false;
        disturbed_at_ = sight.at;
        return;
      case What::kShown:
        if (sight.at >= era_.begin && sight.at < era_.end) show(sight);
        return;
      default:
        return;
    }
  }

  void take_of_all(const Sight& sight) {
    switch (sight.what) {
      case What::kFoul:
      case What::kFair:
        is_foul_ = sight.what == What::kFoul;
        disturbed_at_ = sight.at;
        return;
      case What::kHubDown:
      case What::kHubUp:
        disturbed_at_ = sight.at;
        return;
      case What::kDone:
        // The first time: a deletion is over then.
        if (sight.at >= era_.begin) done_[sight.text].push_back(sight.at);
        return;
      default:
        return;
    }
  }

  void show(const Sight& sight) {
    const std::string text = text_in(sight.text);
    const auto post = journal_.find_post(text);
    if (!post) return;
    const auto since = taken_back_since(*post, sight.at);
    if (!since || sight.at < *since + kUnderWay) return;
    const bool is_calm = !is_foul_ && !is_cut_ && disturbed_at_ + kCalm <= *since;
    if (!is_calm && online_since_ < *since + kOpening) return;
    verdict_.add(
        "taken back",
        fmt::format("client {} is shown what was deleted, or its author disabled, {} ms ago",
                    client_, (sight.at - *since) / 1ms),
        sight, text);
  }

  /// Since when the hub says so; nothing where it may still be shown.
  std::optional<Duration> taken_back_since(std::size_t post, Duration now) const {
    const Commit& commit = journal_.at(post);
    if (const auto deleted = journal_.deleted(post); deleted && *deleted <= now) {
      const auto done = done_since(fmt::format("delete-post {}", commit.id), *deleted);
      if (done) return done;
    }
    const auto disabled = journal_.disabled_since(commit.who, now);
    if (!disabled) return std::nullopt;
    const auto by_disabling = done_since("disable " + commit.who, *disabled);
    return by_disabling ? by_disabling : done_since("delete-user " + commit.who, *disabled);
  }

  /// What stood in the backup is so from the restore on.
  std::optional<Duration> done_since(const std::string& order, Duration committed) const {
    if (committed < era_.begin) return era_.begin;
    const auto found = done_.find(order);
    if (found == done_.end()) return std::nullopt;
    for (const Duration at : found->second) {
      if (at + Journal::kGrain >= committed) return at;
    }
    return std::nullopt;
  }

  const History& history_;
  const Journal& journal_;
  const Era& era_;
  int client_;
  Verdict& verdict_;
  std::map<std::string, std::vector<Duration>> done_;
  Duration online_since_{};
  Duration disturbed_at_{};
  bool is_foul_ = false;
  bool is_cut_ = false;
};

}  // namespace

void judge_taken_back(const History& history, const std::vector<Era>& eras, int client,
                      Verdict& verdict) {
  for (const Era& era : eras) TakenBack(history, era, client, verdict).judge();
}

}  // namespace hub::test
