// The hub's core: every decision hubd takes, and nothing else. No socket, clock, thread or file:
// datagrams, verdicts, store outputs and the time come in by the calls below; what is to be done
// about them collects in outbox(), which the caller carries out and clears after each turn.
//
//   datagram -> decode -> session (by token and address) -> command table -> outbox().writes
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
  // How much may be under way outside the core at once: the bounds of the inboxes.
  std::uint32_t max_pending_writes = 65'536;
  std::uint32_t max_pending_checks = 128;
  std::uint32_t max_pending_retrieves = 1024;
};

/// A stored session, and whom its account follows, for a restart.
struct RestoredSession {
  store::StoredSession session;
  std::vector<AccountId> followees;
};

class Hub {
 public:
  Hub(const HubConfig& config, Random& random, Counters& counters);
  ~Hub();

  /// Once, before any datagram. All sessions count as just active.
  void restore(std::span<const RestoredSession> sessions, Now now);

  void on_datagram(const Path& path, Bytes datagram, Now now);
  void on_verdict(const LoginVerdict& verdict, Now now);
  void on_store_output(const store::Output& output, Now now);
  void on_retrieve_page(const RetrievePage& page, Now now);
  void on_control(ControlTag tag, const control::Command& command, Now now);

  /// When on_timeout() wants to be called next; nothing while there is nothing to wait for.
  std::optional<TimePoint> next_timeout() const;
  /// Calling it early or twice does nothing.
  void on_timeout(Now now);

  /// Requests under way outside: zero once everything asked has been answered. For draining.
  std::size_t pending() const;

  Outbox& outbox();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::server
