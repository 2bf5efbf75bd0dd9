#include "store/checkpoints.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>

#include <sqlite3.h>

#include "protocol/fault.hpp"
#include "store/connection.hpp"

namespace hub::store {

namespace {

// For the readers under way to end, once a second at most. Posts wait meanwhile.
constexpr int kForcedMilliseconds = 50;
constexpr std::chrono::seconds kBetweenRuns{1};
constexpr std::chrono::seconds kMostPatience{32};

std::filesystem::path log_of(const std::filesystem::path& file) {
  return std::filesystem::path(file) += "-wal";
}

}  // namespace

Checkpoints::Checkpoints(SQLite::Database& db, const std::filesystem::path& file,
                         const CheckpointPolicy& policy)
    : db_(db), log_(log_of(file)), policy_(policy), due_at_(policy.pages) {
  sqlite3_wal_hook(db_.getHandle(), &Checkpoints::on_commit, this);
  measure();
  held_up_ = is_over_bound();  // left by a crash
}

Checkpoints::~Checkpoints() { sqlite3_wal_hook(db_.getHandle(), nullptr, nullptr); }

int Checkpoints::on_commit(void* self, sqlite3*, const char*, int pages) {
  auto& checkpoints = *static_cast<Checkpoints*>(self);
  const auto now = static_cast<std::uint64_t>(pages);
  if (now < checkpoints.log_pages_) checkpoints.due_at_ = checkpoints.policy_.pages;  // begun anew
  checkpoints.log_pages_ = now;
  return SQLITE_OK;
}

Checkpoints::Result Checkpoints::run(WallTime now) {
  measure();
  const bool is_due = log_pages_ >= due_at_;
  const bool clock_went_back = last_ && now < *last_;
  const bool waited = !last_ || now >= *last_ + kBetweenRuns || clock_went_back;
  if (clock_went_back) next_forced_.reset();
  if (!is_due && !(waited && (held_up_ || is_over_bound()))) return Result::kFine;
  last_ = now;
  due_at_ = log_pages_ + policy_.pages;
  Round round = write_back(SQLITE_CHECKPOINT_PASSIVE);
  if (is_over_bound() && !fault("checkpoint_never_forced") &&
      (round == Round::kWhole || (round == Round::kBlocked && !(next_forced_ > now)))) {
    round = write_back_forced();
    patience_ = round == Round::kBlocked ? std::min(2 * patience_, kMostPatience) : kBetweenRuns;
    next_forced_ = now + patience_;
  }
  measure();
  held_up_ = round != Round::kWhole || is_over_bound();
  if (round == Round::kWhole) ++done_;
  if (round == Round::kBlocked) ++blocked_;
  if (round == Round::kNoRoom) return Result::kNoRoom;
  return round == Round::kFailed ? Result::kFailed : Result::kFine;
}

Checkpoints::Round Checkpoints::write_back(int mode) {
  int in_log = 0;
  int written_back = 0;
  const int result =
      sqlite3_wal_checkpoint_v2(db_.getHandle(), "main", mode, &in_log, &written_back);
  const int error = errno;
  if (result == SQLITE_OK) return written_back == in_log ? Round::kWhole : Round::kBlocked;
  switch (trouble_of(sqlite3_extended_errcode(db_.getHandle()), error)) {
    case Trouble::kLocked:
      return Round::kBlocked;
    case Trouble::kNoRoom:
    case Trouble::kLeftInLog:  // of a transaction; here there was none
      return Round::kNoRoom;
    case Trouble::kFailing:
      break;
  }
  return fault("checkpoint_error_ignored") ? Round::kBlocked : Round::kFailed;
}

Checkpoints::Round Checkpoints::write_back_forced() {
  sqlite3_busy_timeout(db_.getHandle(), kForcedMilliseconds);
  const Round round = write_back(SQLITE_CHECKPOINT_TRUNCATE);
  sqlite3_busy_timeout(db_.getHandle(), kBusyMilliseconds);
  if (round == Round::kWhole) {
    log_pages_ = 0;
    due_at_ = policy_.pages;
  }
  return round;
}

void Checkpoints::measure() {
  std::error_code error;
  const auto size = std::filesystem::file_size(log_, error);
  log_bytes_ = error ? 0 : size;
}

}  // namespace hub::store
