// What is in flight, and what became of it: acknowledged, or lost (RFC 9002 §6), and when to probe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/channel/congestion.hpp"
#include "protocol/channel/frames.hpp"
#include "protocol/channel/path_mtu.hpp"
#include "protocol/channel/rest.hpp"
#include "protocol/channel/ring.hpp"
#include "protocol/channel/rtt.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

/// A piece of a datagram that must arrive.
struct Cargo {
  enum class Kind : std::uint8_t { kTalk, kBulk, kTalkWindow, kBulkWindow };
  Kind kind = Kind::kTalk;
  StreamId stream = 0;      // bulk
  std::uint64_t value = 0;  // the message's seq, or the window's limit
};

/// Told what became of the cargo. The same cargo may be told of several times, in any order: it may
/// travel in several datagrams, and an ack may come after its datagram was declared lost.
class CargoFate {
 public:
  virtual ~CargoFate() = default;
  virtual void on_acked(const Cargo& cargo) = 0;
  virtual void on_lost(const Cargo& cargo) = 0;
};

/// A datagram that asks for an ack. Others are not followed.
struct SentPacket {
  std::uint64_t number = 0;
  TimePoint sent{};
  std::size_t bytes = 0;                     // overhead included
  std::size_t talk_bytes = 0;                // of these, in talk frames
  std::optional<std::uint64_t> ack_largest;  // how far the ack inside it reached
  bool is_mtu_probe = false;                 // see PathMtu
};

class Recovery {
 public:
  static constexpr std::uint64_t kPacketThreshold = 3;  // RFC 9002 §6.1.1

  Recovery(Duration initial_rtt, const RttRest& rtt, MakeCongestion make,
           const CongestionStart& start, std::uint8_t caution, const PathMtu::Rest& mtu);

  /// First each piece of cargo, then the datagram that carries them all. Numbers ascend.
  void load(const Cargo& cargo) { cargo_.push_back(cargo); }
  void on_sent(const SentPacket& packet);
  /// A datagram that asks for no ack: one that comes anyway can still tell the RTT.
  void on_sent_silent(std::uint64_t number, TimePoint now);

  /// `is_limited`: the congestion window is what holds the sender back. Gives how far acks of ours
  /// have been seen by the peer, where that is news.
  std::optional<std::uint64_t> on_ack(const AckFrame& ack, bool is_limited, TimePoint now,
                                      CargoFate& fate);
  /// The loss timer: what has been overtaken for too long is lost.
  void on_loss_timeout(TimePoint now, CargoFate& fate);
  /// The probe timer has come: counts it. True: send probes.
  bool on_probe_timeout(TimePoint now);
  void on_path_changed(Duration initial_rtt, MakeCongestion make);

  std::optional<TimePoint> loss_timeout() const { return loss_timeout_; }
  std::optional<TimePoint> probe_timeout() const;

  /// Whether another datagram may be followed; bounds the bookkeeping, not the network. Forgets
  /// lost ones for it.
  bool make_room();
  bool is_empty() const { return in_flight_ == 0; }
  /// Nothing is waited for, so late acks have nothing left to tell.
  void forget();

  const Rtt& rtt() const { return rtt_; }
  const Congestion& congestion() const { return *congestion_; }
  Duration pto() const;  // capped, without backoff
  int pto_count() const { return pto_count_; }
  std::size_t bytes_in_flight() const { return bytes_in_flight_; }
  std::size_t talk_bytes_in_flight() const { return talk_bytes_in_flight_; }
  /// Above 0 while this path loses datagrams, or might: each loss raises it by more than a few acks
  /// take away, and it starts at caution_at_first() where the first round trip is not a short one.
  std::uint8_t caution() const { return caution_; }
  PathMtu& mtu() { return mtu_; }
  const PathMtu& mtu() const { return mtu_; }

 private:
  enum class State : std::uint8_t { kInFlight, kAcked, kLost };
  struct Record {
    std::uint64_t number = 0;
    std::uint64_t ack_largest = 0;  // kNoAck: there was none
    TimePoint sent{};
    std::uint64_t first_cargo = 0;  // counted since the beginning
    std::uint32_t cargo = 0;        // pieces
    std::uint16_t bytes = 0;
    std::uint16_t talk_bytes = 0;
    State state = State::kInFlight;
    bool is_mtu_probe = false;
  };
  static constexpr std::uint64_t kNoAck = ~std::uint64_t{0};

  struct Silent {
    std::uint64_t number = kNoAck;
    TimePoint sent{};
  };

  std::size_t index_of(std::uint64_t number) const;  // the first record at or above it
  bool is_of_this_path(const Record& record) const { return record.number >= path_start_; }
  std::optional<TimePoint> silent_sent_at(std::uint64_t number) const;
  void take_out_of_flight(Record& record);
  void acknowledge(Record& record, bool is_limited, CargoFate& fate);
  void detect_losses(TimePoint now, CargoFate& fate);
  void declare_lost(Record& record, CargoFate& fate);
  void check_persistent_congestion(std::uint64_t largest_lost);
  bool has_room() const { return packets_.size() < kMaxSentPackets; }
  void prune(TimePoint now);
  void pop_front();

  Ring<Record> packets_;  // by number; acknowledged ones leave when they are the oldest
  Ring<Cargo> cargo_;     // of all records, in their order
  std::uint64_t cargo_popped_ = 0;
  std::uint64_t cargo_assigned_ = 0;
  std::size_t first_in_flight_ = 0;  // no record before this index is in flight
  std::size_t in_flight_ = 0;        // datagrams
  std::size_t bytes_in_flight_ = 0;
  std::size_t talk_bytes_in_flight_ = 0;
  std::array<Silent, 4> silent_{};  // the last ones that asked for no ack
  std::size_t next_silent_ = 0;
  std::optional<std::uint64_t> largest_acked_;
  std::uint64_t next_number_ = 0;  // one above the last datagram sent
  std::uint64_t path_start_ = 0;   // older numbers tell nothing about this path
  TimePoint last_sent_{};
  std::optional<TimePoint> first_sample_at_;  // persistent congestion needs one (§7.6.2)
  std::uint64_t persistent_floor_ = 0;        // numbers below have been judged
  std::optional<TimePoint> loss_timeout_;
  int pto_count_ = 0;
  std::uint8_t caution_ = 0;
  PathMtu mtu_;
  Rtt rtt_;
  std::unique_ptr<Congestion> congestion_;
};

}  // namespace hub::channel
