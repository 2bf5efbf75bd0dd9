// When a client speaks although it has nothing to say. Pure; times are deadlines.
//
//   keep-alive   nothing was sent for min(LivenessConfig::keep_alive, a third of the session
//   timeout),
//                less up to a tenth by chance: keeps NAT mappings and the session
//   silence      something was heard regularly, and now nothing for max(LivenessConfig::silence,
//   four
//                times the usual gap): the way may be gone. Each further wait is twice as long
#pragma once

#include <chrono>
#include <optional>

#include "protocol/random.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct LivenessConfig {
  Duration keep_alive = std::chrono::seconds(25);
  Duration silence = std::chrono::milliseconds(500);
};

class Liveness {
 public:
  Liveness(const LivenessConfig& config, Random& random) : config_(config), random_(random) {}

  /// A connection begins; the hub's session timeout is not known yet.
  void begin(TimePoint now);
  void set_session_timeout(Duration timeout, TimePoint now);
  void on_sent(TimePoint now);
  void on_heard(TimePoint now);

  TimePoint next_timeout() const;
  /// True where a ping is due: it is to be sent now. Calling it early does nothing.
  bool on_timeout(TimePoint now);

 private:
  void plan_keep_alive(TimePoint now);

  LivenessConfig config_;
  Random& random_;
  Duration interval_{};
  TimePoint keep_alive_{};
  TimePoint last_heard_{};
  Duration usual_gap_{};  // smoothed; zero before two datagrams were heard
  std::optional<TimePoint> silence_;
  Duration silence_wait_{};
};

}  // namespace hub::client
