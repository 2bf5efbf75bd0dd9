#include "tests/support/heap.hpp"

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

/// Of the sanitizers that have an allocator of their own (sanitizer/allocator_interface.h).
extern "C" __attribute__((weak)) std::size_t __sanitizer_get_current_allocated_bytes();

namespace hub::test {

namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

bool holds(const std::vector<std::uint8_t>& memory,
           const std::function<std::uint8_t(std::size_t)>& byte) {
  const std::uint8_t first = byte(0);
  for (std::size_t at = 0; at + kSecretBytes <= memory.size(); ++at) {
    if (memory[at] != first) continue;
    std::size_t same = 1;
    while (same < kSecretBytes && memory[at + same] == byte(same)) ++same;
    if (same == kSecretBytes) return true;
  }
  return false;
}

}  // namespace

bool heap_holds(const std::function<std::uint8_t(std::size_t)>& byte) {
  const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (memory < 0) return false;
  std::ifstream maps("/proc/self/maps");
  bool is_found = false;
  for (std::string line; !is_found && std::getline(maps, line);) {
    std::istringstream fields(line);
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::string rights;
    fields >> std::hex >> begin >> dash >> end >> rights;
    if (rights != "rw-p" || end - begin > kMostBytes) continue;
    if (line.find("[stack") != std::string::npos) continue;
    std::vector<std::uint8_t> copy(end - begin);
    const ssize_t got = pread(memory, copy.data(), copy.size(), static_cast<off_t>(begin));
    copy.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    is_found = holds(copy, byte);
    // What is copied here would be found by the next search.
    explicit_bzero(copy.data(), copy.size());
  }
  close(memory);
  return is_found;
}

std::size_t heap_in_use() {
  if (__sanitizer_get_current_allocated_bytes != nullptr) {
    return __sanitizer_get_current_allocated_bytes();
  }
#ifdef __GLIBC__
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#else
  return 0;
#endif
}

}  // namespace hub::test
