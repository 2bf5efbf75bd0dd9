// What the numbered requests of devices did, so that one that is sent again is not done again.
//
// It is on disk in two places: a post's row names its device and number, and the device's row has
// the highest number done and the last results. Follows and unfollows write the device's row with
// what they do; a post does not, so that it writes one row and nothing else, and its device's row
// falls behind until the newest posts of all accounts are written down as well (store/heads.hpp).
// Memory holds the devices whose row is behind, and no others.
//
// One RequestLedger belongs to a store. Readers may ask done() on any thread; the rest is the
// writer's: what a transaction changes is staged, and published after its commit or forgotten.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <unordered_map>

#include "store/requests.hpp"
#include "store/statement.hpp"

namespace hub::store {

/// Of one device. Bit i of `ok` and `failed` is number done - i; neither: it was not done.
struct RequestResults {
  std::uint64_t done = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;

  /// Of a number above `done`.
  void record(std::uint64_t number, bool was_ok);
  /// Of a number from 1 to `done`.
  Repeated::Outcome outcome(std::uint64_t number) const;
};

class RequestLedger {
 public:
  struct Entry {
    AccountId account = 0;  // 0: there is no such device
    RequestResults results;
    bool row_is_behind = false;
  };
  using Entries = std::unordered_map<DeviceNumber, Entry>;
  /// From `devices`.
  static constexpr const char* kColumns = "account, done, ok, failed";
  static Entry read_entry(const Use& row);

  /// Reads the posts that device rows do not tell of. Throws SQLite::Exception.
  void load(SQLite::Database& db);

  /// 0 where the device's row says it; else the row is behind this.
  std::uint64_t done(DeviceNumber device) const;

  /// As of the open transaction; nullptr: as its row says.
  const Entry* find(DeviceNumber device) const;
  void stage(DeviceNumber device, const Entry& entry) { staged_[device] = entry; }
  /// Those whose rows are behind, the open transaction's included.
  Entries behind() const;

  /// After a commit. `rows_are_written`: of all that were behind.
  void publish(bool rows_are_written);
  void forget_staged() { staged_.clear(); }

 private:
  mutable std::shared_mutex mutex_;  // of behind_, which only the writer changes
  Entries behind_;
  Entries staged_;
};

}  // namespace hub::store
