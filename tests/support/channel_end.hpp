// Channels in tests: by hand, datagram for datagram (Side), and over a simulated network (End).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_set>
#include <vector>

#include "protocol/channel/channel.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

struct Datagram {
  std::uint64_t number = 0;
  std::vector<std::uint8_t> frames;
};

/// With the windows that the hub and its clients have after a login.
channel::Config after_login();

/// A connection that has just begun, but on a path that is known to lose nothing and to carry no
/// more than any other.
channel::Rest on_good_path();

/// A channel and its numbers; the test decides what arrives, and when.
struct Side {
  explicit Side(const channel::Config& config = {}, const channel::Rest& rest = on_good_path())
      : channel(config, rest) {}

  channel::Channel channel;
  std::uint64_t next_number = 0;

  std::optional<Datagram> poll(TimePoint now, std::size_t max_bytes = kMaxFrameBytes);
  std::vector<Datagram> poll_all(TimePoint now);
  /// Throws std::runtime_error on a violation.
  channel::Received receive(const Datagram& datagram, TimePoint now);
  std::optional<channel::Violation> violation(const Datagram& datagram, TimePoint now);
};

/// A message that names itself: its number in four bytes, then filler.
std::vector<std::uint8_t> numbered(std::uint32_t number, std::size_t bytes = 4);
std::uint32_t number_of(Bytes message);

/// How an End's datagrams travel.
using Carrier = std::function<void(const Endpoint& from, const Endpoint& to, Bytes datagram)>;

/// A channel on the simulated network, as a connection would drive it: a repeated datagram number
/// is dropped, and timers are kept. Throws std::runtime_error where the peer breaks the rules.
class End {
 public:
  struct Options {
    channel::Config config;
    bool drop_when_idle = false;  // made again from rest() whenever it is idle
  };

  End(SimNet& net, const Endpoint& self, const Endpoint& peer, const Options& options,
      Carrier carrier = {});
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  channel::Channel& channel() { return channel_; }
  /// After anything was done to the channel.
  void pump();
  /// Called with each message in the order of delivery.
  std::function<void(const channel::Delivered&)> on_delivered;
  /// Called at the end of each pump().
  std::function<void()> on_pumped;

  std::uint64_t datagrams_sent() const { return next_number_; }
  int times_dropped() const { return times_dropped_; }

 private:
  void on_datagram(Bytes bytes);
  void schedule();

  SimNet& net_;
  Endpoint self_;
  Endpoint peer_;
  Options options_;
  Carrier carrier_;
  channel::Channel channel_;
  std::uint64_t next_number_ = 0;
  std::unordered_set<std::uint64_t> seen_;
  std::optional<TimePoint> scheduled_;
  int times_dropped_ = 0;
};

/// A link of so many bits a second, with a queue that drops what no longer fits.
class Bottleneck {
 public:
  Bottleneck(SimNet& net, double bits_per_second, std::size_t queue_bytes)
      : net_(net), bits_per_second_(bits_per_second), queue_bytes_(queue_bytes) {}

  /// False: dropped.
  bool send(const Endpoint& from, const Endpoint& to, Bytes datagram);
  Duration queueing() const;

 private:
  static constexpr std::size_t kHeaders = 61;  // IP, UDP, ours and the tag
  SimNet& net_;
  double bits_per_second_;
  std::size_t queue_bytes_;
  TimePoint free_at_{};
};

/// `many`, or a seventh of it in a build with sanitizers.
int fewer_if_slow(int many);

}  // namespace hub::test
