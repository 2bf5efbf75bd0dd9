// One live session, and the server's half of its state machine.
//
//                 login ok                    forward sent
//     OFFLINE ----------------> ONLINE ---------------------------> MESSAGE_FORWARD
//        ^                       | ^                                    |   |
//        |  logout, reset,       | |  last forward acknowledged         |   |
//        |  spurious, timeout    | +------------------------------------+   |
//        +-----------------------+------------------------------------------+
//
// OFFLINE is the absence of a Session. Everything is served in MESSAGE_FORWARD as in ONLINE; it
// says only that forwards are unacknowledged. They are tracked in memory and not kept over a
// restart.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/classic.hpp"
#include "protocol/rate_limit.hpp"
#include "protocol/types.hpp"
#include "server/core/outbox.hpp"
#include "server/core/small_list.hpp"

namespace hub::server {

struct Link;

/// Names a session inside this process, whatever its framing; never 0, never twice. They do not
/// rise with time.
using SessionId = std::uint64_t;

enum class SessionState : std::uint8_t { kOnline, kMessageForward };
std::string_view name_of(SessionState state);  // "online", "message_forward"

/// The IDs of forwards that were sent and not yet acknowledged, oldest first.
class UnacknowledgedForwards {
 public:
  /// False where `cap` was reached, so that the oldest had to be forgotten.
  bool add(MessageId id, std::size_t cap);
  /// `id` as a classic client says it: the low 32 bits, or 0 for "the oldest". False where no such
  /// forward is outstanding.
  bool acknowledge(std::uint32_t id);
  /// A sealed client's mark: everything up to `id`. How many that were.
  std::size_t acknowledge_up_to(MessageId id);
  std::size_t size() const { return ids_.size(); }

 private:
  SmallList<MessageId> ids_;
};

/// A run of retrieve replies on its way out, in bursts.
struct RetrieveRun {
  std::vector<store::Post> posts;
  std::size_t next = 0;  // index of the first post not sent yet
};

/// A forward that has to wait its turn: behind a retrieve run, or behind acks of posts that this
/// session sent before (its post ack goes out before any forward to it).
struct HeldForward {
  MessageId id = 0;
  std::string payload;
  std::uint64_t after_posts = 0;  // once this many of the session's posts are answered
};

/// What a classic session has only while it retrieves or forwards are held back.
struct SessionTraffic {
  std::optional<RetrieveRun> run;
  std::deque<std::uint32_t> waiting;  // counts of retrieves not begun, the first one being read
  std::deque<HeldForward> held;

  bool retrieving() const { return run.has_value() || !waiting.empty(); }
  bool idle() const { return !retrieving() && held.empty(); }
};

/// What only a classic session has.
struct ClassicSide {
  Path path;  // from where it logged in, and to which of our addresses its newest datagram came
  Token token = 0;
  classic::Magic magic{};  // the client's own
  std::uint64_t posts_asked = 0;
  std::uint64_t posts_answered = 0;  // committed or refused: never more than asked
  std::unique_ptr<SessionTraffic> traffic;

  bool retrieving() const { return traffic != nullptr && traffic->retrieving(); }
  /// Whether a forward must wait (see HeldForward).
  bool holds_forwards() const {
    return retrieving() || posts_answered < posts_asked ||
           (traffic != nullptr && !traffic->held.empty());
  }
};

/// There are many, and most do nothing: what few of them have stands behind a pointer.
struct Session {
  SessionId id = 0;
  AccountId account = 0;
  std::string name;  // the account's
  WallTime online_since{};
  Link* link = nullptr;                  // sealed: its connection, which outlives it
  std::unique_ptr<ClassicSide> classic;  // classic, and only then
  UnacknowledgedForwards unacknowledged;
  RateLimit posts;  // against its cap of posts a second

  // Sealed: its device, and the numbers of the requests that it asks (requests.cpp).
  store::DeviceNumber device = 0;
  DeviceId device_id{};
  std::uint64_t done_at_open = 0;   // a number up to this one is a repeat
  std::uint64_t highest_asked = 0;  // numbers rise

  // Sealed: a session is live, or behind. Behind, nothing is queued for it: it reads what it missed
  // from the store until it meets the recent posts in memory (catch_up.cpp).
  MessageId served = 0;      // every due post up to this one was handed to its connection
  MessageId sent = 0;        // the newest post in what it was sent since it opened
  MessageId mark = 0;        // the newest post that its client is known to have shown
  MessageId saved_mark = 0;  // of that, what the store has, or is being told

  // Kept by SessionTable: the list of sessions ordered by their last activity, and that of each
  // account.
  TimePoint last_active{};
  Session* less_recent = nullptr;
  Session* more_recent = nullptr;
  Session* next_of_account = nullptr;

  bool behind = false;
  bool reading = false;           // a page of what it missed is being read, or how much that is
  bool must_count = false;        // it has just come back, and may have missed more than is sent
  bool save_queued = false;       // progress.cpp
  bool post_rate_logged = false;  // once a session: the log must not become the flood
  bool has_asked = false;         // for something since the store was last told that it is seen
  bool leaving = false;           // its logout is with the store, which may refuse it

  SessionState state() const {
    return unacknowledged.size() > 0 ? SessionState::kMessageForward : SessionState::kOnline;
  }
  bool is_sealed() const { return classic == nullptr; }
  Framing framing() const { return is_sealed() ? Framing::kSealed : Framing::kClassic; }
  Token token() const { return is_sealed() ? 0 : classic->token; }
};

}  // namespace hub::server
