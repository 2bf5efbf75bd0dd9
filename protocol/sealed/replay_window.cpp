#include "protocol/sealed/replay_window.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::sealed {

bool ReplayWindow::accept(std::uint64_t number) {
  if (fault("replay_not_checked")) {
    next_ = std::max(next_, number + 1);
    return true;
  }
  const std::uint64_t reach = fault("replay_window_off_by_one") ? kReach + kWordBits : kReach;
  if (number + reach < next_) return false;
  const std::uint64_t word = number / kWordBits;
  if (number >= next_) {
    // Words between the newest and this one are used anew; more than all of them at most once.
    const std::uint64_t newest = next_ == 0 ? 0 : (next_ - 1) / kWordBits;
    const std::uint64_t fresh = std::min<std::uint64_t>(word - newest, kWords);
    for (std::uint64_t i = 0; i < fresh; ++i) words_[(word - i) % kWords] = 0;
    next_ = number + 1;
  }
  const std::uint64_t bit = std::uint64_t{1} << (number % kWordBits);
  std::uint64_t& bits = words_[word % kWords];
  if ((bits & bit) != 0) return false;
  bits |= bit;
  return true;
}

}  // namespace hub::sealed
