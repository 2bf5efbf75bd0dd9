#include "protocol/channel/newreno.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::channel {

static_assert(NewReno::kInitialWindow <= 14'720);
static_assert(NewReno::kMinimumWindow >= kAckBytes + kBaseDatagramBytes,
              "whom the window stops has so much outstanding that it is acknowledged at once");

NewReno::NewReno(const CongestionStart& start) {
  if (start.window == 0) return;
  window_ = std::clamp(start.window, kMinimumWindow, kMaximumWindow);
  slow_start_threshold_ = start.slow_start_threshold;
}

void NewReno::on_acked(std::size_t bytes, TimePoint sent, bool was_limited) {
  if (in_recovery(sent) || !was_limited) return;
  if (slow_start_threshold_ == 0 || window_ < slow_start_threshold_) {  // §7.3.1
    window_ += bytes;
  } else {  // §7.3.3: a datagram more for each window acknowledged
    acked_since_growth_ += bytes;
    if (acked_since_growth_ < window_) return;
    acked_since_growth_ -= window_;
    window_ += kBaseDatagramBytes;
  }
  window_ = std::min(window_, kMaximumWindow);
}

void NewReno::on_lost(TimePoint last_sent, TimePoint now) {  // §7.3.2
  if (in_recovery(last_sent) || fault("newreno_never_halves")) return;
  recovery_start_ = now;
  window_ = std::max(window_ / 2, kMinimumWindow);
  slow_start_threshold_ = window_;
  acked_since_growth_ = 0;
}

void NewReno::on_persistent_congestion() {
  window_ = kMinimumWindow;
  acked_since_growth_ = 0;
  recovery_start_.reset();
}

std::unique_ptr<Congestion> make_newreno(const CongestionStart& start) {
  return std::make_unique<NewReno>(start);
}

}  // namespace hub::channel
