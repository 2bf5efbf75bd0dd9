// A sealed connection and what the hub knows of it; and all of them. The connection itself is
// protocol/sealed/connection.hpp. Owned by the core, on the reactor's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "protocol/scram.hpp"
#include "protocol/sealed/connection.hpp"
#include "server/core/session.hpp"

namespace hub::server {

/// A login under way on a connection (SCRAM): from the client's first message to its proof.
struct LoginAttempt {
  LoginTranscript transcript;
  std::string id;                 // as typed
  Verifier verifier;              // of the account, or a decoy's
  AccountId account = 0;          // 0: nobody can log in so, whatever the proof
  std::string name;               // the account's own spelling
  store::Tag lookup = 0;          // of the account
  bool challenged = false;        // the challenge was sent; else the account is being looked up
  std::optional<MessageId> mark;  // up to which post the client was served before
  bool recording = false;         // the proof was right; the session is being recorded
};

/// A run of retrieve replies on its way into a stream of the bulk lane.
struct RetrieveStream {
  channel::StreamId stream = 0;
  std::vector<store::Post> posts;
  std::size_t next = 0;
};

struct Link {
  Link(const sealed::Established& made, const Path& path, Random& random, TimePoint now)
      : connection(sealed::Side::kServer, made, path, random, now) {}

  sealed::Connection connection;
  Session* session = nullptr;
  TimePoint login_until{};  // without a session by then, it is closed
  std::unique_ptr<LoginAttempt> attempt;
  std::unique_ptr<std::deque<RetrieveStream>> streams;

  // Kept by LinkTable.
  std::optional<TimePoint> armed;  // the earliest entry for it in the queue of deadlines
  bool is_touched = false;
  std::optional<IpAddress> stranger_prefix;  // counted there until somebody logs in
};

/// Where the session's datagrams go now.
const Endpoint& address_of(const Session& session);
/// What makes the store forget the session.
store::CloseSession close_request(const Session& session);

class LinkTable {
 public:
  Link& add(std::unique_ptr<Link> link, const IpAddress& prefix);
  void remove(Link& link);
  Link* find(sealed::ConnectionId id) const;
  std::size_t size() const { return links_.size(); }

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

 private:
  struct Deadline {
    TimePoint at;
    sealed::ConnectionId id = 0;
    bool operator>(const Deadline& other) const { return at > other.at; }
  };

  std::unordered_map<sealed::ConnectionId, std::unique_ptr<Link>> links_;
  std::unordered_map<IpAddress, std::size_t, IpAddressHash> strangers_;
  std::vector<Link*> touched_;
  std::vector<Link*> taken_;  // capacity stays, as in touched_
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
};

}  // namespace hub::server
