// The hub's side of handshakes: what is answered to strangers, and what little is kept of them.
// Pure.
//
//   hello, no cookie   --under load, or its prefix too fast--> cookie, nothing kept
//   hello, cookie      --its prefix too fast, and not expected back--> nothing
//   hello              --> welcome; half-open for 5 s, in a table that never grows
//   first transport datagram of a half-open connection --> Established
//
// A hello that comes again gets the same welcome again. Until the client's first datagram under the
// new keys nothing acts and nothing is sent but the answer to each hello, which is shorter.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/rate_limit.hpp"
#include "protocol/sealed/initiator.hpp"

namespace hub::sealed {

struct ResponderConfig {
  std::size_t half_open = 4096;                  // handshakes that wait for their first datagram
  std::size_t half_open_calm = 1024;             // above so many every hello needs a cookie
  std::uint32_t hellos_per_second = 50;          // without a cookie, a source prefix
  std::uint32_t calm_hellos_per_second = 1000;   // without a cookie, all sources together
  std::uint32_t proven_hellos_per_second = 500;  // new ones with a cookie, a source prefix
  std::uint32_t cookies_per_second = 4000;       // a source prefix; short, and cheap to make
  std::uint32_t answers_per_second = 200;        // keys and versions, a source prefix
};

/// What a stranger's datagram came to; each has a counter.
enum class Answer {
  kWelcome,
  kCookie,
  kVersions,
  kKeys,
  kNothingMalformed,
  kNothingRate,
  kNothingCookie,  // a cookie that is not ours, or no more
  kNothingForged,  // message 1 does not authenticate
  kNothingFull,
};

/// A half-open connection. Its first datagram may come from another address than its hello did; the
/// hello's is then the one to go back to, and the other has proved nothing yet.
struct HalfOpenConnection {
  Established established;
  Endpoint from;  // where the hello came from
};

class Responder {
 public:
  /// `keys`: the static key in use first, then the next or previous one, if any.
  Responder(const ResponderConfig& config, std::vector<KeyPair> keys, const Key& reset_key,
            std::uint32_t generation, Random& random);

  void set_keys(std::vector<KeyPair> keys) { keys_ = std::move(keys); }

  /// So many hellos of this prefix are expected at once, as after a restart: with a cookie they may
  /// exceed its rate. They do not take the last quarter of the table.
  void expect(const IpAddress& prefix, std::uint32_t hellos) { expected_[prefix] += hellos; }
  void expect_nobody() { expected_.clear(); }

  /// A hello or a key request; appends its answer, if any, to `out`.
  Answer on_stranger(const Endpoint& from, Bytes datagram, TimePoint now,
                     std::vector<std::uint8_t>& out);

  /// The half-open connection of this ID, if there is one. Nothing of it changes until take().
  const HalfOpenConnection* find(ConnectionId id, TimePoint now) const;
  /// Its first datagram authenticated: it is half-open no more. find() held just before.
  HalfOpenConnection take(ConnectionId id);

  ResetToken reset_token_of(ConnectionId id) const { return reset_token(reset_key_, id); }
  std::size_t half_open() const { return half_open_.size(); }
  std::optional<TimePoint> next_timeout() const;
  void on_timeout(TimePoint now);

 private:
  struct HalfOpen {
    HalfOpenConnection connection;
    Key hello{};  // SHA-256 of its Noise message, to know it when it comes again
    std::vector<std::uint8_t> welcome;
    TimePoint until{};
  };
  struct HelloHash {
    std::size_t operator()(const Key& hash) const;
  };

  Answer on_hello(const Endpoint& from, const Hello& hello, TimePoint now,
                  std::vector<std::uint8_t>& out);
  Answer greet(const Endpoint& from, const Hello& hello, TimePoint now,
               std::vector<std::uint8_t>& out);
  bool is_expected(const IpAddress& source);
  Cookie cookie_for(const Endpoint& from, const Key& secret) const;
  bool is_valid(const Cookie& cookie, const Endpoint& from) const;
  void turn_cookie_secret(TimePoint now);
  const KeyPair* key_with(const KeyId& id) const;

  ResponderConfig config_;
  std::vector<KeyPair> keys_;
  Key reset_key_;
  ConnectionIdSource ids_;
  Random& random_;
  RateLimit calm_rate_;
  RateLimitTable hello_rate_;
  RateLimitTable proven_rate_;
  RateLimitTable cookie_rate_;
  RateLimitTable answer_rate_;
  std::unordered_map<IpAddress, std::uint32_t, IpAddressHash> expected_;
  Key cookie_secret_{};
  Key previous_cookie_secret_{};
  TimePoint cookie_since_{};
  std::unordered_map<ConnectionId, HalfOpen> half_open_;
  std::unordered_map<Key, ConnectionId, HelloHash> by_hello_;
  std::deque<ConnectionId> oldest_first_;
};

}  // namespace hub::sealed
