// One sealed connection, either side of it: authentic datagrams in, messages out, and the other way
// round. Pure: no socket, clock or thread.
//
// Surface: on_datagram(), poll_transmit(), next_timeout(), on_timeout(); a call too many does
// nothing. Messages go in and out through channel(). Each arriving datagram is taken in one order:
//
//   authenticate -> replay window -> roam -> frames
//
// so that a forged or repeated datagram changes nothing, and only one that is newer than any other
// can move the connection to another address.
//
// Roaming (the hub's side; RFC 9000, sections 9.3 and 9.4). A move keeps the last proven path and
// challenges both. The answer to the new path's challenge, from there, proves it. Without it within
// three PTOs, or when something newer comes from the old path, the connection goes back. Meanwhile
// at most three times the bytes received from the new address are sent there. RTT and congestion
// window start afresh when the IP address changes.
//
// Deadlines, in the order they are looked at: the trial of a path, its next challenge, the previous
// receive key, the channel's own (protocol/channel/channel.hpp). There is none while idle: then the
// connection is this object and, where datagrams got lost, the ring of its replay window.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/channel/channel.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/random.hpp"
#include "protocol/sealed/initiator.hpp"
#include "protocol/sealed/packet_keys.hpp"
#include "protocol/sealed/replay_window.hpp"

namespace hub::sealed {

enum class Side : std::uint8_t { kClient, kServer };

/// Why a connection ends, as its close frame says.
enum class CloseReason : std::uint8_t {
  kNone = 0,
  kGoodbye = 1,        // the client leaves
  kTimeout = 2,        // nothing was heard for the session timeout
  kProtocolError = 3,  // the other side broke a rule of this protocol
  kEnded = 4,          // by the administrator: ended, disabled, deleted, or a new password
  kReplaced = 5,       // the account has logged in more often than it may be at once
  kNoLogin = 6,        // no login in time
  kBusy = 7,           // it asks and does not read what it is answered
};

class Connection {
 public:
  /// `limits` of the keys we send under; the peer follows ours as we follow its.
  Connection(Side side, const Established& made, const Path& path, Random& random, TimePoint now,
             const KeyLimits& limits = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  enum class Taken {
    kFresh,      // authentic and new
    kForged,     // does not authenticate, or is none of ours; nothing changed
    kReplayed,   // seen before; nothing changed
    kViolation,  // authentic, and against the rules: the connection is closing
    kClosed,     // the peer closed the connection
  };
  /// `path`: the way the datagram came. `header` was read from it.
  Taken on_datagram(const Path& path, const TransportHeader& header, Bytes datagram, TimePoint now);

  /// Appends one datagram and says along which path it goes; nothing where there is none to send.
  std::optional<Path> poll_transmit(TimePoint now, std::vector<std::uint8_t>& out);
  std::optional<TimePoint> next_timeout() const;
  void on_timeout(TimePoint now);

  /// Brings what the next poll_transmit() reads nearer to the processor.
  void prefetch() const;
  /// The messages. Valid until the next call of another member; made anew after an idle phase.
  channel::Channel& channel();
  /// What has become readable, moved out: the first messages, at most so many. What is left keeps
  /// its room in the receive window.
  channel::Deliveries take_delivered(std::size_t most = SIZE_MAX);
  bool has_delivered() const { return channel_ != nullptr && channel_->has_delivered(); }
  /// The newest mark that came (see channel::Channel::mark()); nothing where none did since.
  std::optional<std::uint64_t> take_mark() {
    return channel_ ? channel_->take_mark() : std::nullopt;
  }
  /// Larger receive windows, once the peer has logged in.
  void widen();

  /// One close frame goes out with the next poll_transmit(); nothing else does. The first reason
  /// stays.
  void close(CloseReason reason);
  /// Closed by either side: nothing more will come of it once its close frame is sent.
  bool is_closed() const { return closing_ || closed_ != CloseReason::kNone; }
  /// Why the peer closed it, or why we did.
  CloseReason close_reason() const { return closed_; }

  /// The client sends from a new address or to another one of the hub's: RTT afresh, and a ping.
  void set_path(const Path& path, TimePoint now);
  const Path& path() const { return path_; }
  /// The last one that was proven: path(), or where a trial may go back to.
  const Path& proven_path() const {
    const Trial* const running = trial();
    return running != nullptr ? running->proven : path_;
  }
  /// proven_path() is another one than when settle_move() was called last.
  bool has_moved() const { return moved_ && is_path_proven(); }
  /// proven_path() is noted; what comes of a trial that runs will still be news.
  void settle_move() {
    if (Trial* const running = trial()) {
      running->moved_before = false;
    } else {
      moved_ = false;
    }
  }
  /// path() is noted, proven or not: to go back from there would be news.
  void settle_here() {
    moved_ = false;
    if (Trial* const running = trial()) running->moved_before = true;
  }
  bool is_path_proven() const { return trial() == nullptr; }

  ConnectionId id() const { return ours_; }
  ConnectionId peer_id() const { return theirs_; }
  const Key& handshake_hash() const { return handshake_hash_; }
  /// The client's side: what a stateless reset of this connection says. The hub makes it anew from
  /// its reset key.
  const ResetToken& expected_reset() const { return rare_->reset; }
  /// When an authentic, new datagram last came.
  TimePoint last_heard() const { return last_heard_; }
  /// Nothing is under way, and nothing of it on the heap but the ring of a replay window with gaps.
  bool is_at_rest() const { return channel_ == nullptr && rare_ == nullptr; }
  /// Something that asks for an ack is on its way.
  bool awaits_answer() const { return channel_ != nullptr && channel_->bytes_in_flight() > 0; }
  Duration pto() const;
  std::uint64_t datagrams_sent() const { return send_key_.next_number(); }

 private:
  struct Trial {
    Path proven;                // where to go back to
    bool moved_before = false;  // had it moved when the trial began?
    std::array<std::uint8_t, 8> challenge_new{};
    std::array<std::uint8_t, 8> challenge_old{};
    TimePoint until{};
    TimePoint next_challenge{};
    std::uint64_t received = 0;  // bytes, from the new address
    std::uint64_t sent = 0;      // bytes, to it
  };
  /// A datagram of path frames that waits to be sent.
  struct PathMessage {
    Path path;
    channel::PathFrame frame;
  };
  /// What a resting connection of the hub does without.
  struct Rare {
    std::optional<Trial> trial;
    std::vector<PathMessage> path_messages;
    ResetToken reset{};  // the client's side
  };

  Trial* trial() const { return rare_ != nullptr && rare_->trial ? &*rare_->trial : nullptr; }
  Rare& rare();
  void end_trial();
  void drop_rare_if_unused();
  bool is_newest(std::uint64_t number) const { return number >= replay_.next(); }
  void roam(const Path& path, std::size_t bytes, bool newest, TimePoint now);
  void begin_trial(const Path& path, TimePoint now);
  void go_back(TimePoint now);
  void move_to(const Path& path, TimePoint now);
  void drop_challenges();
  void challenge(TimePoint now);
  void queue(const PathMessage& message);
  void on_path_frames(const Path& path, const std::vector<channel::PathFrame>& frames);
  std::size_t allowance(const Path& path) const;
  void count_sent(const Path& path, std::size_t bytes);
  Path seal(const Path& path, std::vector<std::uint8_t>& out, std::size_t begin);
  void rest_if_idle();

  Random& random_;
  ConnectionId ours_;
  ConnectionId theirs_;
  SendKey send_key_;
  ReceiveKey receive_key_;
  ReplayWindow replay_;
  Key handshake_hash_;
  Path path_;
  TimePoint last_heard_;
  channel::Rest rest_;
  std::unique_ptr<channel::Channel> channel_;
  std::unique_ptr<Rare> rare_;
  Side side_;
  CloseReason closed_ = CloseReason::kNone;
  bool closing_ = false;  // our close frame is still to be sent
  bool wide_ = false;
  bool moved_ = false;
};

static_assert(sizeof(Connection) <= kMaxIdleConnectionBytes);

}  // namespace hub::sealed
