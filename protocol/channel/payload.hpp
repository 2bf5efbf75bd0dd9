// The bytes of a message while it waits for its acknowledgement, held once however many channels
// send it: a forward lies in a thousand of them at a time. Copies share the bytes, which go with
// the last of them. Not atomic: copies of one payload stay on one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "protocol/fault.hpp"
#include "protocol/types.hpp"

namespace hub::channel {

class Payload {
 public:
  Payload() = default;
  explicit Payload(Bytes bytes);
  ~Payload() { release(); }
  Payload(const Payload& other) : block_(other.block_) {
    if (block_ != nullptr) ++block_[kHolders];
  }
  Payload(Payload&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Payload& operator=(Payload other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }

  std::size_t size() const { return block_ == nullptr ? 0 : block_[kSize]; }
  Bytes bytes() const {
    if (block_ == nullptr) return {};
    return {reinterpret_cast<const std::uint8_t*>(block_ + kHeaderWords), block_[kSize]};
  }

 private:
  // One allocation: two words, and the bytes behind them.
  static constexpr std::size_t kHolders = 0;
  static constexpr std::size_t kSize = 1;
  static constexpr std::size_t kHeaderWords = 2;

  void release() {
    if (block_ == nullptr) return;
    if (--block_[kHolders] == 0) {
      std::unique_ptr<std::uint32_t[]>{block_};
    } else if (fault("payload_goes_with_its_first_holder")) {
      block_[kSize] = 0;
    }
  }

  std::uint32_t* block_ = nullptr;
};

}  // namespace hub::channel
