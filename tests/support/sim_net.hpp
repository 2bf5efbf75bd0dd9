// A network with a clock inside: datagrams and timers are events in virtual time, and everything
// random comes from one seed, so that a run can be repeated exactly.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub::test {

/// What happens to a datagram on its way, each way alike.
struct LinkFaults {
  double loss = 0;       // probability
  double duplicate = 0;  // probability of a second copy
  double corrupt = 0;    // probability of one flipped bit
  Duration delay{0};
  Duration jitter{0};  // up to so much more, evenly: reorders
  std::size_t mtu = std::numeric_limits<std::size_t>::max();  // longer ones are dropped
};

class SimNet {
 public:
  using Receiver = std::function<void(const Endpoint& from, const Endpoint& to, Bytes bytes)>;

  explicit SimNet(std::uint64_t seed, const LinkFaults& faults = {});

  std::uint64_t seed() const { return seed_; }
  Now now() const;
  std::mt19937_64& dice() { return dice_; }
  LinkFaults& faults() { return faults_; }

  void attach(const Endpoint& at, Receiver receiver);
  void detach(const Endpoint& at) { receivers_.erase(at); }
  /// Cuts (or mends) both directions between this address and everybody.
  void cut(const Endpoint& at, bool is_cut);

  void send(const Endpoint& from, const Endpoint& to, Bytes bytes);
  void at(TimePoint when, std::function<void()> what);
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }

  /// Runs events until `done` holds (checked after each) or `limit` has passed; says whether it
  /// held. Throws std::runtime_error, naming the seed, where the event budget is used up: a busy
  /// loop.
  bool run_until(const std::function<bool()>& done, Duration limit);
  void run_for(Duration span);
  /// All that happens now, without time passing.
  void settle() { run_for(Duration::zero()); }

 private:
  void advance_to(TimePoint when);
  void deliver(const Endpoint& from, const Endpoint& to, const std::vector<std::uint8_t>& bytes);
  bool chance(double probability);

  std::uint64_t seed_;
  std::mt19937_64 dice_;
  LinkFaults faults_;
  static constexpr TimePoint kBegin{std::chrono::hours(1)};
  TimePoint now_ = kBegin;
  std::uint64_t order_ = 0;  // events of the same time run in the order they were made
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::unordered_map<Endpoint, Receiver, EndpointHash> receivers_;
  std::set<Endpoint> cut_;
};

/// Random from a seed: the same sequence every time.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : dice_(seed) {}
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::mt19937_64 dice_;
};

}  // namespace hub::test
