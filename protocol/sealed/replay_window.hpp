// Which datagram numbers have been seen: a sliding window over the newest 1,024 (RFC 6479, without
// its shifting: a ring of words that is cleared as it moves on). A number is accepted once; one
// that fell out of the window counts as seen.
//
// The ring is there only while some number in the window has not been seen. Without one every
// number below next() has, and next() says it all: what an idle connection keeps is 16 bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hub::sealed {

class ReplayWindow {
 public:
  /// Numbers behind the newest that are still told apart.
  static constexpr std::uint64_t kReach = 1024;

  /// True where `number` is new; it is then marked as seen. Only for datagrams that authenticated.
  bool accept(std::uint64_t number);
  /// Drops the ring where nothing in the window is missing any more; accept() goes on as before.
  void settle();

  bool empty() const { return next_ == 0; }
  /// The number after the newest accepted; 0 before the first.
  std::uint64_t next() const { return next_; }
  /// Numbers in the window have not been seen: the ring is on the heap.
  bool has_gaps() const { return words_ != nullptr; }

 private:
  static constexpr std::size_t kWordBits = 64;
  static constexpr std::size_t kWords = kReach / kWordBits + 1;  // one more is being cleared
  using Words = std::array<std::uint64_t, kWords>;

  void open_ring();

  std::uint64_t next_ = 0;
  std::unique_ptr<Words> words_;
};

}  // namespace hub::sealed
