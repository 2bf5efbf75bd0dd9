// A history of the database, with an index. Positions count commits from 0.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tests/sim/whole_history.hpp"

namespace hub::test {

class Journal {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  /// It knows milliseconds, and what happens in one turn happens at one time.
  static constexpr Duration kGrain = std::chrono::milliseconds(2);
  /// A follow: commits behind `from` and before `to`.
  struct Span {
    std::size_t from = 0;
    std::size_t to = kNever;
  };

  explicit Journal(const std::vector<Commit>& commits);

  const std::vector<Commit>& commits() const { return *commits_; }
  const Commit& at(std::size_t position) const { return (*commits_)[position]; }
  std::optional<std::size_t> find_post(const std::string& text) const;
  /// Texts that stand there more than once.
  const std::vector<std::string>& repeated() const { return repeated_; }

  const std::vector<Span>& follows(const std::string& who, const std::string& whom) const;
  /// The follow by which a post is due to `who`; nothing where it is not.
  std::optional<Span> due_by(const std::string& who, std::size_t post) const;
  /// The first time behind `post` at which its author was disabled, or it was deleted.
  std::optional<Duration> taken_back(std::size_t post) const;
  /// Whether its author was disabled at some time from `post` to `by`, and enabled again by `now`.
  bool is_back(std::size_t post, Duration by, Duration now) const;
  std::optional<Duration> deleted(std::size_t post) const;
  /// Since when `who` has been disabled that is so at this time.
  std::optional<Duration> disabled_since(const std::string& who, Duration at) const;
  /// Whether `who` followed `whom` at some moment from `begin` to `end`; or did not.
  bool ever(bool followed, const std::string& who, const std::string& whom, Duration begin,
            Duration end) const;
  /// All the time from `begin` to `end`.
  bool is_disabled(const std::string& who, Duration begin, Duration end) const;
  bool ever_disabled(const std::string& who, Duration begin, Duration end) const;

 private:
  const std::vector<Commit>* commits_;
  std::unordered_map<std::string, std::size_t> posts_;
  std::vector<std::string> repeated_;
  std::map<std::pair<std::string, std::string>, std::vector<Span>> follows_;
  std::map<std::string, std::vector<Span>> disabled_;  // closed spans: from the one to the other
  std::unordered_map<std::string, std::size_t> deleted_;
};

}  // namespace hub::test
