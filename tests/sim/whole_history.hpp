// What is known of a run when it is over: what could be seen from outside, in the order in which it
// happened, and what the hub's database holds in the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/types.hpp"

namespace hub::test {

/// What happened, and to whom.
struct Sight {
  enum class What : std::uint8_t {
    // Of a client.
    kUp,         // a process begins
    kLeft,       // it ended properly
    kKilled,     // in the midst of its work
    kPowerCut,   // the same, and its machine lost power
    kRewound,    // its files were put back to what they were at some time before
    kFull,       // its disk takes nothing for a while: what it showed may be forgotten
    kTyped,      // text: the line
    kShown,      // text: a post that was forwarded, as `<ann>hello`
    kRetrieved,  // text: one from the past
    kAck,        // text: what is printed, "post_ack#successful"; `about`: the line it answers
    kFailed,     // text: "subscribe_ack#failed" or "error#busy"; `about` likewise
    kEarlier,    // text: how many posts of before are left out
    kPrinted,    // text: any line but a post
    kNoted,      // text: for people only, at its terminal or of what its hub says
    kOnline,     // it has a session
    kOffline,
    kDisturbed,  // it moved, or its network does not work
    // Of all.
    kFair,  // the network loses nothing
    kFoul,
    // Of the hub.
    kHubUp,
    kHubDown,    // text: how
    kDiskFails,  // text: how
    kDiskWorks,
    kOrdered,   // text: what an administrator asks, "disable bob"
    kDone,      // text: the same, once the hub said so
    kRestored,  // the database is an older one
  };

  Duration at{};  // since the beginning
  What what = What::kPrinted;
  int client = -1;  // -1: the hub, or all
  std::string text;
  std::string about;
  bool again = false;  // the same request was answered before, and its client has forgotten that
  /// Of an answer: when the client first asked for it, in whichever of its lives. Nothing where it
  /// says that nobody knows.
  std::optional<Duration> asked{};
};
std::string_view name_of(Sight::What what);

/// A row of the journal that triggers keep in the hub's database: what was committed, in order.
struct Commit {
  enum class What : std::uint8_t { kPost, kDeleted, kFollow, kUnfollow, kDisable, kEnable };
  Duration at{};  // to the millisecond
  What what = What::kPost;
  std::string who;       // the author, the follower, or whose account it is
  std::string whom;      // followed
  std::string text;      // of a post, also of a deleted one
  std::uint64_t id = 0;  // of a post
};

struct History {
  std::vector<std::string> account_of;  // of each client
  bool devices = false;  // a client goes on where it was, in another life and after another login
  std::vector<Sight> sights;
  std::vector<Commit> commits;
  /// Where a backup was put back: what the database held just before that, one a restore.
  std::vector<std::vector<Commit>> undone;
  std::vector<std::string> damage;  // what a check of the database finds
  struct Stuck {
    int client = -1;
    std::string what;
  };
  std::vector<Stuck> stuck;  // what was not over when all should have been
};

}  // namespace hub::test
