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
  if (words_ == nullptr) {
    if (number < next_) return false;
    if (number == next_) {
      ++next_;
      return true;
    }
    open_ring();
  }
  const std::uint64_t word = number / kWordBits;
  if (number >= next_) {
    // Words between the newest and this one are used anew; more than all of them at most once.
    const std::uint64_t newest = next_ == 0 ? 0 : (next_ - 1) / kWordBits;
    const std::uint64_t fresh = std::min<std::uint64_t>(word - newest, kWords);
    for (std::uint64_t i = 0; i < fresh; ++i) (*words_)[(word - i) % kWords] = 0;
    next_ = number + 1;
  }
  const std::uint64_t bit = std::uint64_t{1} << (number % kWordBits);
  std::uint64_t& bits = (*words_)[word % kWords];
  if ((bits & bit) != 0) return false;
  bits |= bit;
  return true;
}

/// Every number below next_ has been seen, and none from there on.
void ReplayWindow::open_ring() {
  words_ = std::make_unique<Words>();
  if (!fault("replay_ring_opens_empty")) words_->fill(~std::uint64_t{0});
  const std::uint64_t unseen_bits = ~std::uint64_t{0} << (next_ % kWordBits);
  // Words further on are cleared as the window moves there; this one it may stand in already.
  (*words_)[next_ / kWordBits % kWords] &= ~unseen_bits;
}

void ReplayWindow::settle() {
  if (words_ == nullptr) return;
  const std::uint64_t lowest = next_ - std::min(next_, kReach);
  for (std::uint64_t number = lowest; number < next_;) {
    const std::uint64_t offset = number % kWordBits;
    const std::uint64_t count = std::min(kWordBits - offset, next_ - number);
    const std::uint64_t wanted = (~std::uint64_t{0} >> (kWordBits - count)) << offset;
    const std::uint64_t missing = wanted & ~(*words_)[number / kWordBits % kWords];
    if (missing != 0 && !fault("replay_ring_dropped_with_gaps")) return;
    number += count;
  }
  words_.reset();
}

}  // namespace hub::sealed
