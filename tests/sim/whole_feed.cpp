// What one client was shown, held against what was due to it.
#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "tests/sim/whole_verdict.hpp"

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

constexpr Duration kGrain = Journal::kGrain;

std::string brief(const std::string& text) {
  return text.size() <= 24 ? text : text.substr(0, 20) + "...";
}

class Feed {
 public:
  Feed(const History& history, const Era& era, int client, Verdict& verdict)
      : history_(history),
        journal_(era.journal),
        era_(era),
        client_(client),
        who_(history.account_of[static_cast<std::size_t>(client)]),
        verdict_(verdict) {
    // Whatever came before, a restore makes a client begin anew.
    if (era.begin > Duration::zero()) fresh_since_ = era.begin;
  }

  void judge() {
    for (const Sight& sight : history_.sights) {
      if (sight.client != client_ || sight.at >= era_.end) continue;
      if (sight.at >= era_.begin) {
        take(sight);
      } else if (sight.what == What::kFull) {
        unkept_ = true;  // a restore does not make room on it
      }
    }
    judge_gaps();
  }

 private:
  /// A time in which the client was nobody: it lost what it knew at `from`, and was a client again
  /// at `to`. What was committed by then and not shown need not be.
  struct Blank {
    Duration from{};
    Duration to{};
  };

  void take(const Sight& sight) {
    switch (sight.what) {
      case What::kShown:
        return show(sight);
      case What::kAck:
        if (sight.text == "unsubscribe_ack#successful" && !sight.again) note_unfollow(sight);
        return;
      case What::kOnline:
        return become(sight);
      case What::kKilled:
        after_ = std::max(after_, unkept_ ? After::kSetBack : After::kKill);
        if (!history_.devices) lose(sight);
        return;
      case What::kPowerCut:
      case What::kRewound:
        after_ = After::kSetBack;
        if (!history_.devices || sight.what == What::kRewound) lose(sight);
        return;
      case What::kTyped:
        if (!history_.devices && sight.text.substr(0, 6) == "login#") lose(sight);
        return;
      case What::kEarlier:
        left_out_ += std::stoul(sight.text);
        return;
      case What::kLeft:
        if (unkept_) after_ = After::kSetBack;
        if (!history_.devices) lose(sight);
        return;
      case What::kFull:
        unkept_ = true;
        return;
      default:
        return;
    }
  }

  void lose(const Sight& sight) {
    if (!fresh_since_) fresh_since_ = sight.at;
  }

  void become(const Sight& sight) {
    if (!fresh_since_) return;
    blanks_.push_back({*fresh_since_, sight.at});
    fresh_since_.reset();
  }

  void show(const Sight& sight) {
    const std::string text = text_in(sight.text);
    const auto found = journal_.find_post(text);
    if (!found || sight.text != "<" + journal_.at(*found).who + ">" + text) {
      complain("invented", "is not in the history", sight, text);
      return;
    }
    const std::size_t post = *found;
    if (!journal_.due_by(who_, post)) complain("not due", "is not due", sight, text);
    const auto cut = unfollowed_.find(journal_.at(post).who);
    if (cut != unfollowed_.end() && post < cut->second) {
      complain("not due", "is shown after the unfollow was acknowledged", sight, text);
    }
    begin_turn(sight.at);
    judge_place(post, sight, text);
    first_shown_.emplace(post, sight.at);
    last_ = post;
    after_ = After::kNothing;
    highest_ = std::max(highest_.value_or(post), post);
  }

  /// What was shown in one turn is kept as one, at its end: where the client was not killed, the
  /// turn before this one is.
  void begin_turn(Duration at) {
    if (turn_ == at) return;
    turn_ = at;
    if (after_ == After::kNothing) kept_ = last_;
    if (after_ == After::kSetBack) kept_.reset();
  }

  void judge_place(std::size_t post, const Sight& sight, const std::string& text) {
    const bool seen = first_shown_.contains(post);
    if (repeats_ != After::kNothing) repeats_ = std::max(repeats_, after_);
    if (!last_ || post > *last_) {
      const bool is_late = !seen && highest_ && post < *highest_;
      const bool may_be_late =
          repeats_ == After::kSetBack || (repeats_ == After::kKill && is_due_again(post, sight.at));
      if (is_late && !may_be_late) {
        complain("disorder", "is shown after newer ones", sight, text);
      } else if (seen && repeats_ == After::kNothing) {
        complain("repeated", "is shown again", sight, text);
      }
      if (highest_ && post > *highest_) repeats_ = After::kNothing;
      return;
    }
    if (after_ == After::kSetBack) {
      repeats_ = After::kSetBack;
      return;
    }
    const bool is_unkept = after_ == After::kKill && history_.devices && (!kept_ || post > *kept_);
    if (is_unkept && (seen || is_due_again(post, sight.at))) {
      repeats_ = std::max(repeats_, After::kKill);
      return;
    }
    if (seen) {
      complain("repeated", "is shown again", sight, text);
    } else {
      complain("disorder", "is shown after newer ones", sight, text);
    }
  }

  /// Whether it was rightly passed over, and is due to who goes on from an older mark: its author
  /// was disabled when something newer was shown, and no longer is.
  bool is_due_again(std::size_t post, Duration now) const {
    Duration passed_over = now;
    for (auto newer = first_shown_.upper_bound(post); newer != first_shown_.end(); ++newer) {
      passed_over = std::min(passed_over, newer->second);
    }
    return journal_.is_back(post, passed_over, now);
  }

  /// Of several under way it is the first.
  void note_unfollow(const Sight& sight) {
    const std::string whom = sight.about.substr(sight.about.find('#') + 1);
    if (!sight.asked || *sight.asked < era_.begin) return;
    for (const Journal::Span& span : journal_.follows(who_, whom)) {
      if (span.to == Journal::kNever || journal_.at(span.to).at < *sight.asked - kGrain) continue;
      unfollowed_[whom] = std::max(unfollowed_[whom], span.to);
      return;
    }
  }

  void judge_gaps() {
    // From the newest post to the oldest: when was anything newer shown?
    std::optional<Duration> newer_shown;
    for (std::size_t post = journal_.commits().size(); post-- > 0;) {
      if (journal_.at(post).what != Commit::What::kPost) continue;
      const auto shown = first_shown_.find(post);
      if (shown != first_shown_.end()) {
        newer_shown = std::min(newer_shown.value_or(shown->second), shown->second);
        continue;
      }
      const auto due = journal_.due_by(who_, post);
      if (due) judge_missing(post, *due, newer_shown);
    }
  }

  void judge_missing(std::size_t post, const Journal::Span& due,
                     const std::optional<Duration>& newer_shown) {
    const Commit& commit = journal_.at(post);
    std::optional<Duration> excused = journal_.taken_back(post);
    const auto excuse = [&](Duration at) { excused = std::min(excused.value_or(at), at); };
    if (due.to != Journal::kNever) excuse(journal_.at(due.to).at);
    for (const Blank& blank : blanks_) {
      if (commit.at <= blank.to + kGrain) excuse(std::max(blank.from, commit.at));
    }
    if (fresh_since_) excuse(std::max(*fresh_since_, commit.at));  // and it still is nobody
    if (!era_.is_last) excuse(era_.end);
    if (excused && (!newer_shown || *excused <= *newer_shown + kGrain)) return;
    if (left_out_ > 0) {
      --left_out_;
      return;
    }
    Sight sight;
    sight.client = client_;
    sight.at = newer_shown.value_or(commit.at);
    complain("gap", newer_shown ? "was passed over" : "was never shown", sight, commit.text);
  }

  void complain(const char* check, const char* what, const Sight& sight, const std::string& text) {
    verdict_.add(check, fmt::format("{} {} to client {} ({})", brief(text), what, client_, who_),
                 sight, text);
  }

  enum class After { kNothing, kKill, kSetBack };

  const History& history_;
  const Journal& journal_;
  const Era& era_;
  int client_;
  const std::string& who_;
  Verdict& verdict_;

  std::map<std::size_t, Duration> first_shown_;
  std::optional<std::size_t> last_;
  std::optional<std::size_t> highest_;
  After after_ = After::kNothing;    // since the last post shown
  After repeats_ = After::kNothing;  // what it showed before that, until it has shown it all
  std::optional<Duration> turn_;     // of the last post shown
  std::optional<std::size_t> kept_;  // its mark is no older than this
  bool unkept_ = false;              // its disk was full: its mark may be an old one
  std::optional<Duration> fresh_since_ = Duration::zero();
  std::vector<Blank> blanks_;
  std::size_t left_out_ = 0;                       // posts, as it was told
  std::map<std::string, std::size_t> unfollowed_;  // by whom; the last unfollow it was told of
};

/// The posts that the last retrieve should have brought, newest first.
std::vector<std::string> past_of(const Journal& journal, const std::string& who, std::size_t n) {
  std::map<std::string, bool> shown;
  std::map<std::string, bool> disabled;
  std::vector<std::string> deleted;
  for (const Commit& commit : journal.commits()) {
    if (commit.what == Commit::What::kFollow && commit.who == who) shown[commit.whom] = true;
    if (commit.what == Commit::What::kUnfollow && commit.who == who) shown[commit.whom] = false;
    if (commit.what == Commit::What::kDeleted) deleted.push_back(commit.text);
    if (commit.what == Commit::What::kDisable) disabled[commit.who] = true;
    if (commit.what == Commit::What::kEnable) disabled[commit.who] = false;
  }
  std::vector<std::string> out;
  const auto& commits = journal.commits();
  for (auto commit = commits.rbegin(); commit != commits.rend() && out.size() < n; ++commit) {
    if (commit->what != Commit::What::kPost || !shown[commit->who]) continue;
    if (disabled[commit->who]) continue;
    if (std::find(deleted.begin(), deleted.end(), commit->text) != deleted.end()) continue;
    out.push_back("<" + commit->who + ">" + commit->text);
  }
  return out;
}

void judge_past(const History& history, const Era& last, int client, Verdict& verdict) {
  std::optional<Sight> asked;
  std::vector<std::string> brought;
  for (const Sight& sight : history.sights) {
    if (sight.client != client) continue;
    if (sight.what == What::kTyped && sight.text.substr(0, 9) == "retrieve#") {
      asked = sight;
      brought.clear();
    } else if (sight.what == What::kRetrieved) {
      brought.push_back(sight.text);
    }
  }
  if (!asked) return;
  const auto n = static_cast<std::size_t>(std::stoul(asked->text.substr(9)));
  const auto& who = history.account_of[static_cast<std::size_t>(client)];
  if (brought == past_of(last.journal, who, n)) return;
  verdict.add(
      "past",
      fmt::format("the last retrieve of client {} brings {} other posts", client, brought.size()),
      *asked);
}

/// Who is disabled is shown nothing.
void judge_ended(const History& history, const Era& era, int client, Verdict& verdict) {
  constexpr Duration kUnderWay = 2s;
  const auto& who = history.account_of[static_cast<std::size_t>(client)];
  for (const Sight& sight : history.sights) {
    if (sight.what != What::kShown || sight.client != client) continue;
    if (sight.at < era.begin || sight.at >= era.end) continue;
    if (era.journal.is_disabled(who, sight.at - kUnderWay, sight.at)) {
      verdict.add("ended", fmt::format("client {} is shown a post while disabled", client), sight,
                  text_in(sight.text));
    }
  }
}

}  // namespace

void judge_feed(const History& history, const std::vector<Era>& eras, int client,
                Verdict& verdict) {
  for (const Era& era : eras) {
    Feed(history, era, client, verdict).judge();
    judge_ended(history, era, client, verdict);
  }
  if (history.stuck.empty()) judge_past(history, eras.back(), client, verdict);
}

}  // namespace hub::test
