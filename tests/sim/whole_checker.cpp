#include "tests/sim/whole_checker.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "tests/sim/whole_verdict.hpp"

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

bool starts_with(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

std::string brief(const std::string& text) {
  return text.size() <= 24 ? text : text.substr(0, 20) + "...";
}

/// At that time or later: what a restore has undone by then may be refused when asked for again.
bool is_there_after(Duration at, const std::vector<Era>& eras, const std::string& text) {
  return std::any_of(eras.begin(), eras.end(), [&](const Era& era) {
    return era.end >= at && era.journal.find_post(text).has_value();
  });
}

bool is_in_any(const std::vector<Era>& eras, const std::string& text) {
  return is_there_after({}, eras, text);
}

/// Whether the client's files may have forgotten what it was told, or never known it.
bool is_set_back(const History& history, const Sight& told) {
  return std::any_of(history.sights.begin(), history.sights.end(), [&](const Sight& sight) {
    if (sight.client != told.client) return false;
    if (sight.what == What::kFull) return sight.at <= told.at;
    return sight.at >= told.at && (sight.what == What::kPowerCut || sight.what == What::kRewound);
  });
}

bool was_rewound(const History& history, int client) {
  return std::any_of(history.sights.begin(), history.sights.end(), [&](const Sight& sight) {
    return sight.client == client && sight.what == What::kRewound;
  });
}

void judge_posts(const History& history, const std::vector<Era>& eras, Verdict& verdict) {
  for (const Era& era : eras) {
    for (const std::string& text : era.journal.repeated()) {
      verdict.add("once", brief(text) + " is there more than once", text);
    }
  }
  // These say for certain that nothing was done.
  constexpr std::array kCertain = {
      "error#busy",      "error#disk_full", "error#invalid",         "error#disabled",
      "error#not_found", "error#refused",   "error#must_login_first"};
  for (const Sight& sight : history.sights) {
    if (!starts_with(sight.about, "post#")) continue;
    const std::string text = text_in(sight.about);
    const bool is_there = is_in_any(eras, text);
    if (sight.what == What::kAck && sight.text == "post_ack#successful" && !is_there) {
      verdict.add("kept", brief(text) + " was acknowledged and is not there", sight, text);
    }
    const bool is_certain =
        sight.what == What::kFailed &&
        std::find(kCertain.begin(), kCertain.end(), sight.text) != kCertain.end();
    if (is_certain && is_there_after(sight.at, eras, text) && !is_set_back(history, sight)) {
      verdict.add("refused", brief(text) + " was refused (" + sight.text + ") and is there", sight,
                  text);
    }
  }
}

void judge_order(const History& history, const std::vector<Era>& eras, Verdict& verdict) {
  for (const Era& era : eras) {
    std::map<int, std::size_t> newest;  // position of each client's last post
    for (const Sight& sight : history.sights) {
      if (sight.what != What::kTyped || !starts_with(sight.text, "post#")) continue;
      const auto post = era.journal.find_post(text_in(sight.text));
      if (!post || was_rewound(history, sight.client)) continue;
      const auto [last, is_first] = newest.emplace(sight.client, *post);
      if (!is_first && *post < last->second) {
        verdict.add("order", brief(text_in(sight.text)) + " stands before a post typed earlier",
                    sight, text_in(sight.text));
      }
      last->second = std::max(last->second, *post);
    }
  }
}

/// Follows and unfollows, as their acks tell of them.
class Follows {
 public:
  Follows(const History& history, const std::vector<Era>& eras, Verdict& verdict)
      : history_(history), eras_(eras), verdict_(verdict) {}

  void judge() {
    for (const Sight& sight : history_.sights) {
      if (sight.what == What::kTyped) {
        if (starts_with(sight.text, "unsubscribe#")) {
          ++unfollows_[{account_of(sight), whom_of(sight.text)}].typed;
        }
      } else if (starts_with(sight.about, "subscribe#") ||
                 starts_with(sight.about, "unsubscribe#")) {
        const bool is_answer = sight.what == What::kAck || sight.what == What::kFailed;
        if (is_answer && !sight.again) judge(sight);
      }
    }
    if (eras_.size() == 1) judge_numbers(eras_.front().journal);
  }

 private:
  /// How often somebody asked to unfollow somebody, and what they were told.
  struct Unfollows {
    std::size_t typed = 0;
    std::size_t done = 0;
    std::size_t not_done = 0;
  };

  const std::string& account_of(const Sight& sight) const {
    return history_.account_of[static_cast<std::size_t>(sight.client)];
  }
  static std::string whom_of(const std::string& line) { return line.substr(line.find('#') + 1); }

  void judge(const Sight& sight) {
    auto& unfollows = unfollows_[{account_of(sight), whom_of(sight.about)}];
    if (sight.text == "unsubscribe_ack#successful") ++unfollows.done;
    if (sight.text == "unsubscribe_ack#failed") ++unfollows.not_done;
    if (!sight.asked) return;
    const Duration begin = *sight.asked;
    for (const Era& era : eras_) {  // all else would be guessing
      if (begin < era.end && sight.at > era.end) return;
    }
    const auto era =
        std::find_if(eras_.begin(), eras_.end(), [&](const Era& e) { return sight.at <= e.end; });
    if (era != eras_.end()) judge(sight, era->journal, begin);
  }

  void judge(const Sight& sight, const Journal& journal, Duration begin) {
    const std::string& who = account_of(sight);
    const std::string whom = whom_of(sight.about);
    const auto complain = [&](const char* what) {
      verdict_.add("follows", fmt::format("{} after {}: {}", sight.text, sight.about, what), sight);
    };
    if (sight.text == "subscribe_ack#successful") {
      if (!journal.ever(true, who, whom, begin, sight.at)) complain("it is not followed");
    } else if (sight.text == "subscribe_ack#failed") {
      if (!journal.ever_disabled(whom, begin, sight.at)) complain("there is no reason for it");
    } else if (sight.text == "unsubscribe_ack#successful") {
      if (!unfollowed(journal, who, whom, begin, sight.at)) complain("nothing was undone");
    } else if (sight.text == "unsubscribe_ack#failed") {
      if (!journal.ever(false, who, whom, begin, sight.at))
        complain("it was followed all the time");
    }
  }

  bool is_deleted(const std::string& who) const {
    return std::any_of(history_.sights.begin(), history_.sights.end(), [&](const Sight& sight) {
      return sight.what == What::kOrdered && sight.text == "delete-user " + who;
    });
  }

  static bool unfollowed(const Journal& journal, const std::string& who, const std::string& whom,
                         Duration begin, Duration end) {
    const auto& spans = journal.follows(who, whom);
    return std::any_of(spans.begin(), spans.end(), [&](const Journal::Span& span) {
      return span.to != Journal::kNever && journal.at(span.to).at >= begin - 2ms &&
             journal.at(span.to).at <= end + 2ms;
    });
  }

  /// Each unfollow that was acknowledged undid one follow, each that failed none. (So does the
  /// deletion of who is followed.)
  void judge_numbers(const Journal& journal) {
    for (const auto& [pair, told] : unfollows_) {
      const auto& spans = journal.follows(pair.first, pair.second);
      const auto undone = static_cast<std::size_t>(
          std::count_if(spans.begin(), spans.end(),
                        [](const Journal::Span& span) { return span.to != Journal::kNever; }));
      const bool is_too_many = undone + told.not_done > told.typed && !is_deleted(pair.second);
      if (undone >= told.done && !is_too_many) continue;
      verdict_.add(
          "follows",
          fmt::format("{} unfollowed {} {} times: of {} asked, {} were done and {} not", pair.first,
                      pair.second, undone, told.typed, told.done, told.not_done));
    }
  }

  const History& history_;
  const std::vector<Era>& eras_;
  Verdict& verdict_;
  std::map<std::pair<std::string, std::string>, Unfollows> unfollows_;
};

void judge_silence(const std::vector<Era>& eras, Verdict& verdict) {
  for (const Era& era : eras) {
    std::map<std::string, bool> disabled;
    for (const Commit& commit : era.journal.commits()) {
      if (commit.what == Commit::What::kDisable) disabled[commit.who] = true;
      if (commit.what == Commit::What::kEnable) disabled[commit.who] = false;
      if (commit.what == Commit::What::kPost && disabled[commit.who]) {
        verdict.add("silence", commit.who + " posts while disabled", commit.text);
      }
    }
  }
}

void judge_devices(const History& history, Verdict& verdict) {
  std::set<std::string> excused;  // accounts: one device that is new may take the place of another
  bool all_are = false;
  for (const Sight& sight : history.sights) {
    const bool forgets = sight.what == What::kOrdered && (starts_with(sight.text, "forget") ||
                                                          starts_with(sight.text, "delete-user"));
    all_are = all_are || forgets || sight.what == What::kRestored;
    if (sight.client < 0) continue;
    const std::string& account = history.account_of[static_cast<std::size_t>(sight.client)];
    const bool is_renewed = sight.what == What::kNoted &&
                            sight.text.find("it is a new device now") != std::string::npos;
    if (is_renewed && !all_are && !excused.contains(account)) {
      verdict.add("forgetful", "what it had sent is no longer in its files", sight);
    }
    if (is_renewed || sight.what == What::kRewound || sight.what == What::kFull) {
      excused.insert(account);
    }
  }
}

std::vector<Era> eras_of(const History& history) {
  std::vector<Era> eras;
  Duration begin{};
  for (const Sight& sight : history.sights) {
    if (sight.what != What::kRestored) continue;
    eras.push_back({Journal(history.undone.at(eras.size())), begin, sight.at, false});
    begin = sight.at;
  }
  eras.push_back({Journal(history.commits), begin, Duration::max(), true});
  return eras;
}

}  // namespace

std::string text_in(const std::string& line) {
  const auto end = line.find(starts_with(line, "<") ? '>' : '#');
  return end == std::string::npos ? std::string() : line.substr(end + 1);
}

std::vector<Violation> judge(const History& history) {
  Verdict verdict;
  const std::vector<Era> eras = eras_of(history);
  for (const std::string& damage : history.damage) verdict.add("sound", damage);
  judge_posts(history, eras, verdict);
  judge_order(history, eras, verdict);
  Follows(history, eras, verdict).judge();
  judge_silence(eras, verdict);
  for (std::size_t client = 0; client < history.account_of.size(); ++client) {
    judge_feed(history, eras, static_cast<int>(client), verdict);
    judge_taken_back(history, eras, static_cast<int>(client), verdict);
  }
  judge_devices(history, verdict);
  judge_returns(history, verdict);
  return verdict.take();
}

}  // namespace hub::test
