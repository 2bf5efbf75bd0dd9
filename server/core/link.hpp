// A sealed connection and what the hub knows of it; and all of them. The connection itself is
// protocol/sealed/connection.hpp. Owned by the core, on the reactor's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/scram.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/message.hpp"
#include "server/core/flat_map.hpp"
#include "server/core/session.hpp"
#include "server/core/slots.hpp"

namespace hub::server {

/// A login or resume under way on a connection: from the client's first message until its session
/// is recorded.
struct LoginAttempt {
  enum class Stage : std::uint8_t {
    kLookup,      // the account or the device is being read
    kChallenged,  // the proof of the password is awaited
    kRecording,   // the proof was right: the session is being recorded
  };
  /// What happened to it meanwhile.
  enum class Fate : std::uint8_t {
    kGoesOn,
    kEnded,     // the account's sessions were ended: what it was held against may be gone
    kReplaced,  // the device began anew on another connection
  };
  Stage stage = Stage::kLookup;
  Fate fate = Fate::kGoesOn;
  bool is_resume = false;
  LoginTranscript transcript;    // resume: the ID alone
  IpAddress tried_from;          // where the throttle took the try from; not for a resume
  Verifier verifier;             // of the account, or a decoy's
  Key proof{};                   // resume: to be held against the device
  DeviceId device{};             // of a login once it is proved
  Key resume_key{};              // the device's
  sealed::Mark mark;             // that the client brought
  AccountId account = 0;         // 0: nobody can log in so, whatever the proof
  std::string name;              // the account's own spelling
  store::Tag lookup = 0;         // of the account or the device
  std::vector<AccountId> ended;  // accounts whose sessions were ended during the lookup
};

/// A post as a retrieve brings it: `<client_ID>text`.
struct RetrievedPost {
  MessageId id = 0;
  std::string payload;
};

/// A run of retrieve replies on its way into a stream of the bulk lane, read in pages as the client
/// takes them.
struct RetrieveStream {
  std::uint32_t left = 0;                     // posts still to be read, at most
  MessageId before = 0;                       // the next page has those below; 0: the newest
  std::optional<channel::StreamId> stream{};  // opened once the first page is there
  std::vector<RetrievedPost> posts{};         // of the page under way
  std::size_t next = 0;                       // index of the first one not sent yet
  bool reading = false;
  TimePoint not_before{};  // of the next try, where a page could not be read
};

struct Link {
  Link(const sealed::Established& made, const Path& path, Random& random, TimePoint now)
      : connection(sealed::Side::kServer, made, path, random, now) {}

  // There are many: what follows the connection begins in its padding.
  [[no_unique_address]] sealed::Connection connection;
  bool resume_failed = false;  // once is enough: the next one is not looked at
  bool is_touched = false;     // kept by LinkTable
  Session* session = nullptr;
  std::unique_ptr<std::deque<RetrieveStream>> streams;  // the first one is under way

  /// Without a session: until when there has to be one, or it is closed. Nothing while there is
  /// one, and in the turn in which it ends.
  std::optional<TimePoint> login_until() const {
    return waiting != nullptr ? waiting->until : std::nullopt;
  }
  void wait_for_login(TimePoint until);
  bool is_stranger() const { return waiting != nullptr && waiting->prefix.has_value(); }

  struct Waiting {
    std::optional<TimePoint> until;
    std::optional<IpAddress> prefix;  // counted there until somebody logs in
  };
  std::unique_ptr<Waiting> waiting;

  // Kept by LinkTable.
  static constexpr TimePoint kNotArmed = TimePoint::max();
  TimePoint armed = kNotArmed;  // the earliest entry for it in the queue of deadlines
};

static_assert(sizeof(Link) <= kMaxIdleLinkBytes);

/// Where the session's datagrams go now.
const Endpoint& address_of(const Session& session);
/// What makes the store forget the session.
store::CloseSession close_request(const Session& session);

class LinkTable {
  using Number = Slots<Link>::Number;
  struct GiveBack {
    LinkTable* table = nullptr;
    Number slot = 0;
    void operator()(Link*) const { table->slots_.remove(slot); }
  };

 public:
  /// One that is not in the table yet, and may never be.
  using NewLink = std::unique_ptr<Link, GiveBack>;
  NewLink make(const sealed::Established& made, const Path& path, Random& random, TimePoint now);
  Link& add(NewLink link, const IpAddress& prefix);
  void remove(Link& link);
  Link* find(sealed::ConnectionId id) const;
  std::size_t size() const { return by_id_.size(); }

  /// Connections from this prefix on which nobody has logged in.
  std::size_t strangers_from(const IpAddress& prefix) const;
  void logged_in(Link& link);

  /// It may have something to send: take_touched() hands it out once. What that gives is valid
  /// until its next call; of the links in it only the one being looked at may be removed.
  void touch(Link& link);
  bool has_touched() const { return !touched_.empty(); }
  const std::vector<Link*>& take_touched();

  /// Wakes the link at `when` at the latest. Earlier entries stay: a wake-up too many does nothing.
  void arm(Link& link, TimePoint when);
  std::optional<TimePoint> next_timeout() const;
  /// The links whose deadline has come.
  std::vector<Link*> take_due(TimePoint now);
  /// Deadlines that there is memory for.
  std::size_t room_for_deadlines() const { return deadlines_.capacity(); }

 private:
  struct Deadline {
    TimePoint at;
    sealed::ConnectionId id = 0;
    bool operator>(const Deadline& other) const { return at > other.at; }
  };

  Slots<Link> slots_;
  FlatMap<sealed::ConnectionId, Number> by_id_;
  std::unordered_map<IpAddress, std::size_t, IpAddressHash> strangers_;
  std::vector<Link*> touched_;
  std::vector<Link*> taken_;         // capacity stays, as in touched_
  std::vector<Deadline> deadlines_;  // a heap, the earliest in front
};

}  // namespace hub::server
