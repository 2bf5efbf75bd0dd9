#include "protocol/channel/path_mtu.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::channel {

std::optional<std::size_t> PathMtu::next() const {
  const bool is_pausing = at_.probes >= kMaxProbes && !fault("mtu_search_never_ends");
  if (!is_wanted_ || probe_ || is_at_end() || is_pausing) return std::nullopt;
  return kSizes[at_.step + 1u];
}

// One of an older search may come late: then another size is the next.
void PathMtu::on_probe_acked(std::uint64_t number, std::size_t bytes) {
  settle(number);
  if (is_at_end() || bytes != kSizes[at_.step + 1u]) return;
  ++at_.step;
  at_.probes = 0;
}

void PathMtu::on_probe_lost(std::uint64_t number, std::size_t bytes) {
  settle(number);
  if (is_at_end() || bytes != kSizes[at_.step + 1u]) return;
  is_wanted_ = false;
  ++at_.probes;
  at_.paused = 0;
}

void PathMtu::on_acked(std::size_t bytes) {
  if (losses_ > 0 && bytes >= shortest_lost_ && !fault("mtu_losses_add_up")) losses_ = 0;
  if (at_.probes < kMaxProbes || ++at_.paused < kPause || fault("mtu_never_raised")) return;
  at_.probes = 0;
}

void PathMtu::on_lost(std::size_t bytes) {
  if (fault("mtu_never_falls")) return;
  shortest_lost_ = losses_ == 0 ? bytes : std::min(shortest_lost_, bytes);
  if (++losses_ >= kMaxLosses) fall_back();
}

void PathMtu::on_silence() {
  if (!fault("mtu_kept_in_silence")) fall_back();
}

void PathMtu::fall_back() {
  at_ = {};
  losses_ = 0;
  is_wanted_ = false;
}

}  // namespace hub::channel
