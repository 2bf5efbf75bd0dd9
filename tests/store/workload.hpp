// What a hub asks of its store, in batches, on a disk that fails: posts, follows, sessions. And
// what must be so afterwards, whatever the disk did: everything acknowledged is there, nothing
// refused is, nothing is there twice, and no batch is there in part.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "store/sqlite_store.hpp"

namespace hub::test {

struct WorkloadSize {
  int batches = 10;
  std::size_t text_size = 10;
  int posts = 1;  // unnumbered ones, a batch
};

class Workload {
 public:
  enum class Answer { kDone, kNoRoom, kFailed };
  /// By fact: "3.follow" and the like, the number being the batch's.
  using Answers = std::map<std::string, Answer>;
  using Facts = std::set<std::string>;

  explicit Workload(const WorkloadSize& size = {}) : size_(size) {}

  /// A database in which the batches have not been asked for yet.
  void set_up(const std::filesystem::path& file) const;

  /// Asks for them, a second after each other; between them maintain(), then `between` with the
  /// batch's number. What was answered is in `answers` as soon as apply() has returned.
  void run(store::Store& store, Answers& answers,
           const std::function<void(int)>& between = {}) const;

  /// What of it is there. Fails the test where something is there twice.
  Facts facts(store::Reader& reader) const;
  /// What was acknowledged.
  static Facts done(const Answers& answers);
  static bool is_growth(const std::string& fact);

  /// Opens the file, and sees whether it is sound and holds what it must; then asks again for what
  /// was not answered, as a device would, and for something new.
  void require_sound(const std::filesystem::path& file, const Answers& answers) const;

  std::size_t facts_of_a_batch() const { return 4 + static_cast<std::size_t>(size_.posts); }

 private:
  struct Names;
  std::vector<std::pair<std::string, store::Request>> batch(const Names& names, int number) const;
  void require_whole(const Facts& there, const Answers& answers) const;

  const WorkloadSize size_;
};

/// Options with which ten batches meet everything there is: heads written, checkpoints, some
/// forced.
store::StoreOptions busy_options();

}  // namespace hub::test
