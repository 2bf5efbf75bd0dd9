#include "tests/sim/whole_journal.hpp"

#include <algorithm>
#include <utility>

namespace hub::test {

using What = Commit::What;

Journal::Journal(const std::vector<Commit>& commits) : commits_(&commits) {
  for (std::size_t i = 0; i < commits.size(); ++i) {
    const Commit& commit = commits[i];
    switch (commit.what) {
      case What::kPost:
        if (!posts_.emplace(commit.text, i).second) repeated_.push_back(commit.text);
        break;
      case What::kDeleted:
        deleted_.emplace(commit.text, i);
        break;
      case What::kFollow:
        follows_[{commit.who, commit.whom}].push_back({i, kNever});
        break;
      case What::kUnfollow:
        follows_[{commit.who, commit.whom}].back().to = i;
        break;
      case What::kDisable:
        disabled_[commit.who].push_back({i, kNever});
        break;
      case What::kEnable:
        disabled_[commit.who].back().to = i;
        break;
    }
  }
}

std::optional<std::size_t> Journal::find_post(const std::string& text) const {
  const auto found = posts_.find(text);
  if (found == posts_.end()) return std::nullopt;
  return found->second;
}

const std::vector<Journal::Span>& Journal::follows(const std::string& who,
                                                   const std::string& whom) const {
  static const std::vector<Span> kNone;
  const auto found = follows_.find({who, whom});
  return found == follows_.end() ? kNone : found->second;
}

std::optional<Journal::Span> Journal::due_by(const std::string& who, std::size_t post) const {
  for (const Span& span : follows(who, at(post).who)) {
    if (span.from < post && post < span.to) return span;
  }
  return std::nullopt;
}

std::optional<Duration> Journal::taken_back(std::size_t post) const {
  std::optional<Duration> first;
  const auto note = [&](std::size_t position) {
    if (position > post && (!first || at(position).at < *first)) first = at(position).at;
  };
  const auto deleted = deleted_.find(at(post).text);
  if (deleted != deleted_.end()) note(deleted->second);
  const auto disabled = disabled_.find(at(post).who);
  if (disabled != disabled_.end()) {
    for (const Span& span : disabled->second) note(span.from);
  }
  return first;
}

bool Journal::is_back(std::size_t post, Duration by, Duration now) const {
  const auto found = disabled_.find(at(post).who);
  if (found == disabled_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Span& span) {
    return span.from > post && at(span.from).at <= by + kGrain && span.to != kNever &&
           at(span.to).at <= now + kGrain;
  });
}

std::optional<Duration> Journal::deleted(std::size_t post) const {
  const auto found = deleted_.find(at(post).text);
  if (found == deleted_.end()) return std::nullopt;
  return at(found->second).at;
}

std::optional<Duration> Journal::disabled_since(const std::string& who, Duration now) const {
  const auto found = disabled_.find(who);
  if (found == disabled_.end()) return std::nullopt;
  for (const Span& span : found->second) {
    const bool is_over = span.to != kNever && at(span.to).at < now + kGrain;
    if (at(span.from).at + kGrain <= now && !is_over) return at(span.from).at;
  }
  return std::nullopt;
}

bool Journal::ever(bool followed, const std::string& who, const std::string& whom, Duration begin,
                   Duration end) const {
  bool now = false;
  for (const Span& span : follows(who, whom)) {
    // Whatever it was until this follow began, and from there on.
    const Duration from = at(span.from).at;
    if (from > end + kGrain) break;
    if (from >= begin - kGrain) return true;  // it changed meanwhile: both
    now = true;
    if (span.to == kNever) continue;
    const Duration to = at(span.to).at;
    if (to > end + kGrain) continue;
    if (to >= begin - kGrain) return true;
    now = false;
  }
  return now == followed;
}

bool Journal::is_disabled(const std::string& who, Duration begin, Duration end) const {
  const auto found = disabled_.find(who);
  if (found == disabled_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Span& span) {
    return at(span.from).at + kGrain <= begin &&
           (span.to == kNever || at(span.to).at >= end + kGrain);
  });
}

bool Journal::ever_disabled(const std::string& who, Duration begin, Duration end) const {
  const auto found = disabled_.find(who);
  if (found == disabled_.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(), [&](const Span& span) {
    return at(span.from).at <= end + kGrain &&
           (span.to == kNever || at(span.to).at >= begin - kGrain);
  });
}

}  // namespace hub::test
