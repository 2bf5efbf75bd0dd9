// Databases for a run, made through the store itself, in large batches and without a hub: accounts
// with the least key stretching there is, follows, and as much history as is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/types.hpp"
#include "store/data_directory.hpp"
#include "store/sqlite_store.hpp"

namespace hub::bench {

inline const std::string kPassword = "bench";

/// "u0", "u1", …: the accounts of a run.
std::string user_name(std::size_t index);
std::vector<std::string> user_names(std::size_t first, std::size_t count);

/// One line of so many bytes.
std::string text_of(std::size_t bytes);

/// A database being made; closed, and so complete, with this object. Throws Failure.
class Database {
 public:
  explicit Database(const std::filesystem::path& file);
  ~Database();

  void add_users(std::size_t count);
  /// By index. Every follower follows every followee given with it.
  struct Follows {
    std::size_t follower = 0;
    std::vector<std::size_t> followees;
  };
  void follow(const std::vector<Follows>& follows);
  /// So many posts; `author` says whose the i-th is.
  using AuthorOf = std::function<std::size_t(std::size_t i)>;
  void post(std::size_t posts, std::size_t bytes, const AuthorOf& author);

 private:
  void apply(std::vector<store::Request>& batch);

  std::unique_ptr<store::SqliteStore> store_;
  std::vector<AccountId> ids_;  // by user index
};

/// What the scenarios with a history share: 10,000 authors who post in an order that looks random,
/// and behind them readers, some for each number of followees. The followees are drawn at random.
/// All of it is always the same.
///
/// The last authors are the quiet ones: one after the other they fall silent during the first tenth
/// of history, so that their newest posts are old and far apart.
struct HistoryShape {
  static constexpr std::size_t kAuthors = 10'000;
  static constexpr std::size_t kQuiet = 1'000;  // of these
  static constexpr std::size_t kReaders = 16;   // of each kind
  static constexpr std::size_t kFollowees[] = {10, 100, 1000};
  static constexpr std::size_t kTextBytes = 100;

  /// The users who follow so many; empty where there are none.
  static std::vector<std::string> readers(std::size_t followees);
  /// Those who follow the quiet authors and nobody else.
  static std::vector<std::string> readers_of_quiet();
};

/// Makes `file` unless it is there already (of an earlier round of the same run). `follows`: so
/// many among the authors themselves.
void prepare_history(const std::filesystem::path& file, std::size_t posts, std::size_t follows = 0);

/// A fresh data directory holding a copy of that database, on disk before this returns.
store::DataDirectory copy_to_data(const std::filesystem::path& file,
                                  const std::filesystem::path& parent);

}  // namespace hub::bench
