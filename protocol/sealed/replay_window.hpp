// Which datagram numbers have been seen: a sliding window over the newest 1,024 (RFC 6479, without
// its shifting: a ring of words that is cleared as it moves on). A number is accepted once; one
// that fell out of the window counts as seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace hub::sealed {

class ReplayWindow {
 public:
  /// Numbers behind the newest that are still told apart.
  static constexpr std::uint64_t kReach = 1024;

  /// True where `number` is new; it is then marked as seen. Only for datagrams that authenticated.
  bool accept(std::uint64_t number);

  bool empty() const { return next_ == 0; }
  /// The number after the newest accepted; 0 before the first.
  std::uint64_t next() const { return next_; }

 private:
  static constexpr std::size_t kWordBits = 64;
  static constexpr std::size_t kWords = kReach / kWordBits + 1;  // one more is being cleared

  std::uint64_t next_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace hub::sealed
