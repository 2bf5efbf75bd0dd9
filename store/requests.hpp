// What is asked of the store's writer and what comes out of it.
//
// Requests go in as a batch and are committed together. Out comes one ordered stream: for each
// request its Reply and then the Events that it caused, in the order of commitment. Events say what
// became true for everybody; whoever keeps an index (the hub's follow index) feeds it from events
// alone, so that another writer on the same database would be no different.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/control.hpp"
#include "store/records.hpp"

namespace hub::store {

/// The asker's own number; comes back with the reply.
using Tag = std::uint64_t;

// --- Requests --------------------------------------------------------------------------------

/// A request by the number that its device gave it: done once, however often it is asked. What a
/// number did is written in the same transaction as what it did.
struct Numbered {
  DeviceNumber device = 0;
  std::uint64_t number = 0;  // 0: not numbered
};

struct AppendPost {
  AccountId author = 0;
  std::string author_name;
  std::string text;  // is_text()
  Numbered once{};
};
struct Follow {
  AccountId follower = 0;
  std::string target;  // a client ID in any case
  Numbered once{};
};
struct Unfollow {
  AccountId follower = 0;
  std::string target;
  Numbered once{};
};

/// A sealed login's device. By password: it is made, or given a new resume key; one too many takes
/// the place of one of the account's: of those without a session, while there are any, the one that
/// was seen least recently. By its resume key: it must still have this one.
struct DeviceLogin {
  enum class Proof { kPassword, kResumeKey };
  DeviceId id{};
  Key resume_key{};
  Proof proof = Proof::kPassword;
  /// By password: the Verifier::stored_key that the proof was held against. It must still be the
  /// account's, or a password just replaced would leave a resume key behind. Nothing: not asked.
  std::optional<Key> verified_by{};
};
/// Records a live session, in place of the account's other classic one, or of the device's other
/// one.
struct OpenSession {
  StoredSession session;                // its device is the store's to fill in
  std::optional<DeviceLogin> device{};  // exactly where the session is sealed
};
/// Forgets this session; nothing happens where it is gone or replaced.
struct CloseSession {
  AccountId account = 0;
  std::uint64_t token = 0;
  Framing framing = Framing::kClassic;
  MessageId mark = 0;       // of its device; one below what is stored changes nothing
  bool logged_out = false;  // its device has to prove the password next time
};
/// What the store knows lazily of a sealed session: nothing happens where it is gone or replaced.
struct SaveProgress {
  AccountId account = 0;
  std::uint64_t token = 0;
  MessageId mark = 0;  // as above
  Endpoint remote;     // where it is now
  Endpoint local;
};

struct Request {
  Tag tag = 0;
  std::variant<AppendPost, Follow, Unfollow, OpenSession, CloseSession, SaveProgress,
               control::AddUser, control::SetPassword, control::DisableUser, control::EnableUser,
               control::DeleteUser, control::DeletePost, control::EndSession, control::ForgetDevice>
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
  std::optional<Device> device{};  // sealed
};
/// The number is not above the highest one done: nothing was done now.
struct Repeated {
  enum class Outcome {
    kOk,
    kFailed,     // as no such account, not followed
    kRefused,    // it was not done, and a higher number was
    kForgotten,  // more than kRememberedRequests ago
  };
  Outcome outcome = Outcome::kForgotten;
};
using control::Done;      // Follow (also of somebody followed already), Unfollow, CloseSession, …
using control::Progress;  // DeleteUser
using control::Refused;   // final for this request: nothing of it was written

struct Reply {
  Tag tag = 0;
  std::variant<Posted, SessionOpened, Repeated, Done, Progress, Refused> body;
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

/// The device's session, if it has one, is over; the stored one is gone already.
struct DeviceEnded {
  AccountId account = 0;
  DeviceNumber device = 0;
  bool replaced = false;  // by another device, as there were too many; else by an administrator
};

/// The post is shown to nobody any more.
struct PostDeleted {
  MessageId post = 0;
};
/// Nor are this author's posts above `above`.
struct PostsDeleted {
  AccountId author = 0;
  MessageId above = 0;
};
/// The account is disabled, or being deleted: its posts are shown to nobody until PostsShown.
struct PostsHidden {
  AccountId author = 0;
};
/// The account is enabled: to its followers again, those that are not deleted.
struct PostsShown {
  AccountId author = 0;
};

using Event = std::variant<PostCommitted, FollowAdded, FollowRemoved, SessionsEnded, DeviceEnded,
                           PostDeleted, PostsDeleted, PostsHidden, PostsShown>;
using Output = std::variant<Reply, Event>;

}  // namespace hub::store
