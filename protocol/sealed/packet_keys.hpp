// Sealing and opening transport datagrams, one direction each, with the change of keys.
//
//   datagram := type(1) connection_id(8) number(8) ciphertext(frames) tag(16)
//
//   type     0x08 | phase: the key's generation, modulo 2
//   number   big-endian, from 0, never twice: the AEAD's nonce (4 zero bytes before it), the packet
//            number of the channel and what the replay window goes by
//
// The first 17 bytes are the AEAD's associated data. After 2^22 datagrams or an hour the sender
// replaces its key by REKEY of it (Noise, section 4.2) and flips the phase; numbers run on. It does
// so only once the peer has acknowledged a datagram under the present key, so that the peer is
// never more than one generation behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/sealed/connection_id.hpp"
#include "protocol/types.hpp"

namespace hub::sealed {

/// The plaintext part of a transport datagram.
struct TransportHeader {
  bool phase = false;
  ConnectionId id = 0;
  std::uint64_t number = 0;
};

/// Nothing where the bytes are no transport datagram: another type, too short to hold a frame,
/// longer than kMaxDatagramBytes, or a number that no sender reaches.
std::optional<TransportHeader> read_transport_header(Bytes datagram);

/// How long a key is used. Small, since each connection has its own.
struct KeyLimits {
  std::uint32_t datagrams = kRekeyDatagrams;
  std::chrono::duration<std::uint32_t> interval = kRekeyInterval;  // seconds
};

/// Wiped when it dies, as is the key of the other direction.
class SendKey {
 public:
  SendKey(const Key& key, TimePoint now, const KeyLimits& limits = {})
      : key_(key), limits_(limits), since_(now) {}
  ~SendKey();

  std::uint64_t next_number() const { return next_; }
  /// Appends the header of the next datagram; the caller appends its frames, then calls finish().
  /// `largest_acked`: of what the peer acknowledged. Without finish() no number is used up.
  void start(ConnectionId to, std::optional<std::uint64_t> largest_acked, TimePoint now,
             std::vector<std::uint8_t>& out);
  /// Seals where they stand the frames of the datagram that starts at out[begin].
  void finish(std::vector<std::uint8_t>& out, std::size_t begin);
  /// The key is to be replaced, and only an ack is missing. Whoever sends nothing but acks is never
  /// given one unless it asks.
  bool wants_ack(std::optional<std::uint64_t> largest_acked, TimePoint now) const;
  /// The key is past its limit and cannot be replaced, since the peer acknowledges nothing: the
  /// connection must end.
  bool is_spent() const;

 private:
  bool is_due(std::optional<std::uint64_t> largest_acked, TimePoint now) const;
  bool is_old(TimePoint now) const;
  bool is_followed(std::optional<std::uint64_t> largest_acked) const;

  Key key_;
  KeyLimits limits_;
  TimePoint since_;
  std::uint64_t first_ = 0;  // number of the first datagram under this key
  std::uint64_t next_ = 0;
  bool phase_ = false;
};

/// The receive key before the present one, for datagrams that are late. Wiped when it dies.
struct PreviousKey {
  PreviousKey(const Key& before, TimePoint keep_until) : key(before), until(keep_until) {}
  ~PreviousKey();
  PreviousKey(const PreviousKey&) = default;
  PreviousKey& operator=(const PreviousKey&) = default;

  Key key;
  TimePoint until;
};

class ReceiveKey {
 public:
  explicit ReceiveKey(const Key& key) : key_(key) {}
  ~ReceiveKey();
  ReceiveKey(ReceiveKey&&) noexcept = default;
  ReceiveKey& operator=(ReceiveKey&&) = delete;
  ReceiveKey(const ReceiveKey&) = delete;
  ReceiveKey& operator=(const ReceiveKey&) = delete;

  /// The frames, written to `out`, which has room for the datagram; nothing where it does not
  /// authenticate, which changes nothing. A first datagram of the next phase moves on to the next
  /// key and keeps the previous one for `keep_previous`.
  std::optional<Bytes> open(const TransportHeader& header, Bytes datagram, Duration keep_previous,
                            TimePoint now, std::span<std::uint8_t> out);
  std::optional<TimePoint> next_timeout() const;
  void on_timeout(TimePoint now);

 private:
  Key key_;
  std::uint64_t first_ = 0;  // lowest number opened under key_
  bool phase_ = false;
  std::unique_ptr<PreviousKey> previous_;  // rarely there, and most of this object's size
};

}  // namespace hub::sealed
