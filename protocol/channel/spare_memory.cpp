#include "protocol/channel/spare_memory.hpp"

#include <new>

#include <sanitizer/asan_interface.h>

#include "protocol/fault.hpp"

namespace hub::channel {

namespace {

/// A list through the blocks themselves. All of a block but that is poisoned meanwhile, where
/// AddressSanitizer runs: to it the memory is freed.
class Spare {
 public:
  ~Spare() {
    while (void* block = take(bytes_)) ::operator delete(block);
    count_ = kMaxSpareChannels;  // a channel that outlives this thread's list goes its own way
  }

  void* take(std::size_t bytes) {
    if (first_ == nullptr) return nullptr;
    Block* const block = first_;
    ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    first_ = block->next;
    --count_;
    return block;
  }
  bool keep(void* memory, std::size_t bytes) {
    if (count_ >= kMaxSpareChannels && !fault("spare_channels_unbounded")) return false;
    first_ = new (memory) Block{first_};
    ++count_;
    bytes_ = bytes;
    ASAN_POISON_MEMORY_REGION(first_ + 1, bytes - sizeof(Block));
    return true;
  }
  std::size_t count() const { return count_; }

 private:
  struct Block {
    Block* next;
  };
  Block* first_ = nullptr;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;  // of each
};

thread_local Spare spare;

}  // namespace

void* take_memory(std::size_t bytes) {
  void* const block = spare.take(bytes);
  return block != nullptr ? block : ::operator new(bytes);
}

void give_memory(void* block, std::size_t bytes) noexcept {
  if (!spare.keep(block, bytes)) ::operator delete(block);
}

std::size_t spare_blocks() { return spare.count(); }

}  // namespace hub::channel
