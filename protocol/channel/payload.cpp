#include "protocol/channel/payload.hpp"

#include <cstring>

namespace hub::channel {

Payload::Payload(Bytes bytes) {
  if (bytes.empty()) return;
  const std::size_t words = (bytes.size() + sizeof *block_ - 1) / sizeof *block_;
  block_ = std::make_unique_for_overwrite<std::uint32_t[]>(kHeaderWords + words).release();
  block_[kHolders] = 1;
  block_[kSize] = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(block_ + kHeaderWords, bytes.data(), bytes.size());
}

}  // namespace hub::channel
