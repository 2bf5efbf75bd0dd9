// Memory of channels that are gone, for those that come. A channel lives from a message until its
// connection rests again, some milliseconds: with a thousand followers a thousand are made and
// dropped for each post, and malloc takes long to find a place of their size and to merge what is
// given back. So each thread keeps some in hand, which the allocator would not return to the system
// either.
#pragma once

#include <cstddef>

namespace hub::channel {

inline constexpr std::size_t kMaxSpareChannels = 1024;

/// As operator new and delete do; every call with the same size.
void* take_memory(std::size_t bytes);
void give_memory(void* block, std::size_t bytes) noexcept;
/// Blocks that this thread has in hand.
std::size_t spare_blocks();

}  // namespace hub::channel
