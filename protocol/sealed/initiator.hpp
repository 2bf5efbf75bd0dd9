// The client's side of a handshake: one attempt with one known server key, from the first hello to
// the keys of a connection, or the question for the key where none is known yet. Pure.
//
//   Asking  --key answer-->  KeyOffered
//   Greeting --cookie--> Greeting (again, with it)   --welcome-->  Connected
//            --versions--> Failed(kVersion)          --key answer--> WrongKey
//
// What is sent is sent again, byte for byte, 400 ms later, then after twice as long each time, up
// to 3 s, each wait with up to a quarter more by chance; a cookie is answered at once, at most one
// in 400 ms. It never gives up by itself: its owner does.
// Every answer must carry the echo of what was asked, or authenticate; all else is passed over.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "protocol/random.hpp"
#include "protocol/sealed/handshake.hpp"
#include "protocol/types.hpp"

namespace hub::sealed {

/// A connection's beginning, as either side has it.
struct Established {
  NoiseKeys keys;
  ConnectionId ours = 0;    // in the datagrams we receive
  ConnectionId theirs = 0;  // in those we send
  ResetToken reset{};       // of a stateless reset that ends the connection
};

/// The hub says that these are its keys. Nothing vouches for it.
struct KeysOffered {
  std::vector<Key> keys;
};
/// The hub speaks none of our versions.
struct VersionRefused {
  std::vector<std::uint8_t> theirs;
};
using InitiatorEvent = std::variant<Established, KeysOffered, VersionRefused>;

class Initiator {
 public:
  /// Greets the server that has `server_key`; asks for its key where there is none.
  Initiator(const std::optional<Key>& server_key, Random& random, TimePoint now);

  /// Nothing where the datagram is not an answer that ends the attempt.
  std::optional<InitiatorEvent> on_datagram(Bytes datagram, TimePoint now);
  /// Appends a datagram if one is due; a call too many does nothing.
  bool poll_transmit(TimePoint now, std::vector<std::uint8_t>& out);
  TimePoint next_timeout() const { return due_; }
  /// Datagrams sent so far.
  int sends() const { return sends_; }

 private:
  std::optional<InitiatorEvent> on_welcome(const Welcome& welcome) const;

  Random& random_;
  std::optional<Key> server_key_;
  std::optional<NoiseInitiator> noise_;
  ConnectionId id_ = 0;
  Echo echo_{};
  Cookie cookie_{};
  int cookie_sends_ = 0;  // with this cookie
  std::vector<std::uint8_t> message_;
  TimePoint due_;
  TimePoint hurry_from_{};  // before it a cookie waits for due_
  Duration wait_;
  int sends_ = 0;
};

}  // namespace hub::sealed
