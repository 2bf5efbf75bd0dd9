#include "store/request_ledger.hpp"

#include <mutex>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::store {

static_assert(kRememberedRequests == 64, "one bit a request");

void RequestResults::record(std::uint64_t number, bool was_ok) {
  const std::uint64_t distance = number - done;
  const bool all_forgotten = distance >= kRememberedRequests;
  ok = all_forgotten ? 0 : ok << distance;
  failed = all_forgotten ? 0 : failed << distance;
  (was_ok ? ok : failed) |= 1;
  done = number;
}

Repeated::Outcome RequestResults::outcome(std::uint64_t number) const {
  const std::uint64_t back = done - number;
  if (back >= kRememberedRequests) return Repeated::Outcome::kForgotten;
  const std::uint64_t bit = std::uint64_t{1} << back;
  if ((ok & bit) != 0) return Repeated::Outcome::kOk;
  return (failed & bit) != 0 ? Repeated::Outcome::kFailed : Repeated::Outcome::kRefused;
}

RequestLedger::Entry RequestLedger::read_entry(const Use& row) {
  const auto number = [&](int column) { return static_cast<std::uint64_t>(row.number(column)); };
  return {row.number(0), {number(1), number(2), number(3)}, false};
}

void RequestLedger::load(SQLite::Database& db) {
  const std::unique_lock lock(mutex_);
  behind_.clear();
  staged_.clear();
  if (fault("ledger_lost_at_opening")) return;
  SQLite::Statement device(db, std::string("SELECT ") + kColumns + " FROM devices WHERE id = ?");
  SQLite::Statement recent(db,
                           "SELECT device, sequence FROM posts"
                           " WHERE id > (SELECT heads_position FROM settings) AND device <> 0"
                           " ORDER BY id");
  for (Use row(recent); row.step();) {
    const DeviceNumber number = row.number(0);
    const auto [found, is_new] = behind_.try_emplace(number);
    Entry& entry = found->second;
    if (is_new) {
      Use its(device, number);
      if (its.step()) entry = read_entry(its);
    }
    const auto sequence = static_cast<std::uint64_t>(row.number(1));
    if (sequence <= entry.results.done) continue;
    entry.results.record(sequence, true);
    entry.row_is_behind = true;
  }
  // A post outlives its device, and a row that was written since knows of the post.
  std::erase_if(behind_, [](const auto& entry) {
    return entry.second.account == 0 || !entry.second.row_is_behind;
  });
}

std::uint64_t RequestLedger::done(DeviceNumber device) const {
  const std::shared_lock lock(mutex_);
  const auto found = behind_.find(device);
  return found != behind_.end() ? found->second.results.done : 0;
}

const RequestLedger::Entry* RequestLedger::find(DeviceNumber device) const {
  for (const Entries* entries : {&staged_, &behind_}) {
    const auto found = entries->find(device);
    if (found != entries->end()) return &found->second;
  }
  return nullptr;
}

RequestLedger::Entries RequestLedger::behind() const {
  Entries out = behind_;
  for (const auto& [device, entry] : staged_) out[device] = entry;
  std::erase_if(out, [](const auto& entry) { return !entry.second.row_is_behind; });
  return out;
}

void RequestLedger::publish(bool rows_are_written) {
  const std::unique_lock lock(mutex_);
  if (rows_are_written) {
    behind_.clear();
  } else {
    for (const auto& [device, entry] : staged_) {
      if (entry.row_is_behind) {
        behind_[device] = entry;
      } else {
        behind_.erase(device);
      }
    }
  }
  staged_.clear();
}

}  // namespace hub::store
