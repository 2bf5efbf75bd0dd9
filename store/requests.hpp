// What is asked of the store's writer and what comes out of it.
//
// Requests go in as a batch and are committed together. Out comes one ordered stream: for each
// request its Reply and then the Events that it caused, in the order of commitment. Events say what
// became true for everybody; whoever keeps an index (the hub's follow index) feeds it from events
// alone, so that another writer on the same database would be no different.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/control.hpp"
#include "store/records.hpp"

namespace hub::store {

/// The asker's own number; comes back with the reply.
using Tag = std::uint64_t;

// --- Requests --------------------------------------------------------------------------------

struct AppendPost {
  AccountId author = 0;
  std::string author_name;
  std::string text;  // is_text()
};
struct Follow {
  AccountId follower = 0;
  std::string target;  // a client ID in any case
};
struct Unfollow {
  AccountId follower = 0;
  std::string target;
};
/// Records a live session; a classic one in place of the account's other classic one.
struct OpenSession {
  StoredSession session;
};
/// Forgets this session; nothing happens where it is gone or replaced.
struct CloseSession {
  AccountId account = 0;
  std::uint64_t token = 0;
  Framing framing = Framing::kClassic;
};

struct Request {
  Tag tag = 0;
  std::variant<AppendPost, Follow, Unfollow, OpenSession, CloseSession, control::AddUser,
               control::SetPassword, control::DisableUser, control::EnableUser, control::DeleteUser,
               control::DeletePost, control::EndSession>
      body;
};

/// Whether it is refused while the disk is full. Not deletions, sessions and the like: they need
/// little, and mostly the room of what they replace.
inline bool is_growth(const Request& request) {
  return std::holds_alternative<AppendPost>(request.body) ||
         std::holds_alternative<Follow>(request.body);
}

// --- Replies ---------------------------------------------------------------------------------

struct Posted {
  MessageId id = 0;
};
/// A session is recorded; whom the account follows, as of this point in the stream.
struct SessionOpened {
  StoredSession session;
  std::vector<Followee> followees;
};
using control::Done;      // Follow (also of somebody followed already), Unfollow, CloseSession, …
using control::Progress;  // DeleteUser
using control::Refused;   // final for this request: nothing of it was written

struct Reply {
  Tag tag = 0;
  std::variant<Posted, SessionOpened, Done, Progress, Refused> body;
};

/// True where the store could not write, whatever was asked: no answer to the question itself.
inline bool is_store_failure(const Refused& refused) {
  return refused.why == control::Refusal::kDiskFull || refused.why == control::Refusal::kBusy ||
         refused.why == control::Refusal::kStoreFailed;
}

// --- Events ----------------------------------------------------------------------------------

struct PostCommitted {
  Post post;
};
struct FollowAdded {
  AccountId follower = 0;
  AccountId followee = 0;
};
struct FollowRemoved {
  AccountId follower = 0;
  AccountId followee = 0;
};
/// The account's sessions are over: disabled, deleted, its password replaced, or ended by hand.
/// Its stored sessions are gone already.
struct SessionsEnded {
  AccountId account = 0;
};

using Event = std::variant<PostCommitted, FollowAdded, FollowRemoved, SessionsEnded>;
using Output = std::variant<Reply, Event>;

}  // namespace hub::store
