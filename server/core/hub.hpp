// The hub's core: every decision hubd takes, and nothing else. No socket, clock, thread or file:
// datagrams, verdicts, store outputs and the time come in by the calls below; what is to be done
// about them collects in an outbox, which the caller carries out and clears after each turn.
//
//   classic: datagram -> decode -> session (by token and address) --> command table -> writes
//   sealed:  datagram -> connection -> message --------------------->
//   store output -> reply to the asker, then forwards to the author's online followers
//
// One thread: the reactor's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/random.hpp"
#include "server/core/counters.hpp"
#include "server/core/outbox.hpp"

namespace hub::server {

enum class ClassicAccess { kOff, kLoopback, kAny };

struct HubConfig {
  ClassicAccess classic = ClassicAccess::kLoopback;
  Duration session_timeout = std::chrono::seconds(60);
  bool debug_messages = false;

  std::uint32_t max_sessions = 100'000;
  std::uint32_t max_unacknowledged = 256;    // forwards a session; the oldest is forgotten
  std::uint32_t max_pending_forwards = 256;  // behind a retrieve run, a session
  std::uint32_t posts_per_second = 500;      // a session; twice as many at once
  std::uint32_t answers_per_second = 200;    // to datagrams without a session, a source prefix
  std::uint32_t logins_per_second = 50;      // a source prefix
  std::uint32_t hellos_per_second = 50;      // sealed, without a cookie, a source prefix
  std::uint32_t max_strangers = 64;          // connections without a login, a source prefix
  // How much may be under way outside the core at once: the bounds of the inboxes.
  std::uint32_t max_pending_writes = 65'536;
  std::uint32_t max_pending_checks = 128;
  std::uint32_t max_pending_reads = 1024;
  // Posts kept in memory (8 MiB of them at most): what retrieves mostly ask for, and where who fell
  // behind meets the present again.
  std::uint32_t recent_posts = 32'768;
};

/// What makes this hub this hub to sealed clients.
struct HubIdentity {
  HubKeyRing keys;
  Key reset_key{};               // of stateless resets; outlives the process
  std::uint32_t generation = 0;  // of this process under that key
  std::uint64_t history_id = 0;  // the database's: marks of another history mean nothing here
};

/// A stored session, and whom its account follows, for a restart.
struct RestoredSession {
  store::StoredSession session;
  std::vector<store::Followee> followees;
};

/// What the hub keeps of history in memory, for a restart.
struct RestoredHistory {
  MessageId newest = 0;   // the highest ID given out
  store::HistoryEnd end;  // HubConfig::recent_posts, RecentPosts::kMostBytes at most
};

class Hub {
 public:
  Hub(const HubConfig& config, HubIdentity identity, Random& random, Counters& counters);
  ~Hub();

  /// Once, before any datagram. Classic sessions go on and count as just active; each sealed one is
  /// sent stateless resets, so that its client comes back, and is forgotten if it has not within
  /// the session timeout.
  void restore(const RestoredHistory& history, std::span<const RestoredSession> sessions, Now now);

  void on_datagram(const Path& path, Bytes datagram, Now now);
  void on_verdict(const LoginVerdict& verdict, Now now);
  void on_store_output(const store::Output& output, Now now);
  void on_store_health(const store::Health& health);
  void on_read(const ReadResult& result, Now now);
  void on_control(ControlTag tag, const control::Command& command, Now now);

  /// When on_timeout() wants to be called next; nothing while there is nothing to wait for.
  std::optional<TimePoint> next_timeout() const;
  /// Calling it early or twice does nothing.
  void on_timeout(Now now);

  /// Requests under way outside: zero once everything asked has been answered. For draining.
  std::size_t pending() const;

  /// Within a turn: what there is to do so far. The caller may hand over its jobs and clear them,
  /// so that other threads begin while the turn goes on.
  Outbox& outbox();
  /// Ends a turn: what connections have to send is sealed. Then the outbox holds all there is to
  /// do; the caller does it and clears it.
  Outbox& end_turn(Now now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::server
