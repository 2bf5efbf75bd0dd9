// The seam between the hub and what keeps its records. SqliteStore is the one that lasts; tests
// have one in memory (tests/support). Both pass the same contract suite.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "store/records.hpp"
#include "store/requests.hpp"

namespace hub::store {

/// A read that the disk or the database failed; the text says what happened.
struct ReadError {
  std::string message;
};
template <typename T>
using Read = tl::expected<T, ReadError>;

/// Reads from committed state, beside the writer. One thread at a time; each thread has its own.
/// What the writer's apply() returned before a call is visible to that call.
class Reader {
 public:
  virtual ~Reader() = default;

  virtual Read<HubInfo> info() = 0;
  /// Counts what there is: a second a few million accounts and follows.
  virtual Read<Counts> counts() = 0;
  /// What counts() says of it, at once.
  virtual Read<MessageId> last_post() = 0;
  /// The newest `n` posts, or as many as have `most_bytes` of text and names.
  virtual Read<HistoryEnd> history_end(std::uint32_t n, std::size_t most_bytes) = 0;

  /// By client ID in any case.
  virtual Read<std::optional<Account>> account(std::string_view id) = 0;

  /// The newest `n` posts of those `account` follows now, newest first: IDs below `before` (0: from
  /// the newest), not deleted, not by disabled accounts. Costs O(followees + n), whatever the
  /// length of history; with `before`, a bounded search for where that is comes on top, which may
  /// bring fewer than there are: where those followed posted tens of thousands of posts since, and
  /// hardly any around it.
  virtual Read<std::vector<Post>> retrieve(AccountId account, std::uint32_t n,
                                           MessageId before) = 0;

  /// Posts above `after` that are due to `account`: by those it follows now, committed after the
  /// follow, not deleted, not by disabled accounts. Oldest first, at most `limit`; looks at no more
  /// than twice kCatchUpScan posts, so a page may be short or empty and not the last. It gets
  /// beyond `after` (CatchUpPage::up_to) unless that is the newest ID given out, though the posts
  /// above be gone. Where few are due above `after`, it costs no more than they do, however many
  /// others there are.
  virtual Read<CatchUpPage> catch_up(AccountId account, MessageId after, std::uint32_t limit) = 0;

  /// Where the catch-up of `account` begins that has shown everything due up to `after`: so that
  /// the newest `keep` due posts lie above it. Counts what that leaves out, up to `most_counted`.
  /// Costs O(followees + keep + most_counted), whatever the length of history.
  virtual Read<Backlog> backlog(AccountId account, MessageId after, std::uint32_t keep,
                                std::uint32_t most_counted) = 0;

  virtual Read<std::vector<Followee>> followees(AccountId account) = 0;

  /// For each of `names`, in their order, the device; nothing where it or its account is unknown or
  /// the account is disabled. For many the cost is less than that of one by one.
  virtual Read<std::vector<std::optional<KnownDevice>>> find_devices(
      std::span<const DeviceName> names) = 0;
  /// All devices of an account, the least recently seen first (online or not).
  virtual Read<std::vector<Device>> devices(AccountId account) = 0;

  // Pages, ordered by key; `after` is the last key of the page before ("" or zeros for the first).
  virtual Read<std::vector<Account>> accounts(std::string_view after_id, std::uint32_t limit) = 0;
  virtual Read<std::vector<StoredSession>> sessions(const SessionKey& after,
                                                    std::uint32_t limit) = 0;
};

/// How the store is, for whoever watches over the hub.
struct Health {
  enum class Writing {
    kAll,
    kTight,   // the disk is full: posts and follows are refused
    kFailed,  // the disk or the database failed: nothing is written until it is opened again
  };
  Writing writing = Writing::kAll;
  std::string said;           // what happened last and what to do about it; a line for the log
  std::uint64_t refused = 0;  // requests, for want of room, since it was opened
  std::uint64_t reserve_bytes = 0;        // kept for a full disk, now
  std::uint64_t log_bytes = 0;            // of the write-ahead log, now
  bool log_is_long = false;               // over its bound: a reader keeps it from being emptied
  std::uint64_t checkpoints = 0;          // the log was written back, as a whole
  std::uint64_t checkpoints_blocked = 0;  // a reader was in the way
  bool is_restless = false;  // maintain() has something to do in a second, batch or none

  bool operator==(const Health&) const = default;
};

/// The one writer. Blocks on the disk: only the store thread calls it (or a tool on its own).
class Store {
 public:
  virtual ~Store() = default;

  /// Applies the batch in order and commits it as one transaction; returns only after the commit is
  /// on disk. A request that is refused leaves nothing behind and does not disturb the others. If
  /// the commit fails, there is no event and every reply is Refused. With kBusy (another program
  /// holds the database locked) nothing was written, and the next batch is tried afresh. With
  /// kDiskFull nothing was written of what is refused: posts and follows first; the rest of the
  /// batch is done where there is room for it. With kStoreFailed all are refused until the store is
  /// opened again; the batch that met it may then turn out to be there, whole. Message IDs are
  /// given out here, strictly increasing, never twice. The batch is used up: the texts of posts go
  /// on in their events, so that they return to the thread that allocated them.
  virtual std::vector<Output> apply(std::span<Request> batch, WallTime now) = 0;

  /// What is better done between batches than while somebody waits for one. Called when the outputs
  /// of each apply() have been passed on, and about once a second while health().is_restless.
  virtual void maintain(WallTime now) { static_cast<void>(now); }
  virtual Health health() const { return {}; }

  /// Any thread may call this; the reader then belongs to its caller. It must not outlive the
  /// store.
  virtual std::unique_ptr<Reader> open_reader() = 0;
};

}  // namespace hub::store
