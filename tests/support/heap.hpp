// What this process's heap holds: secrets, wherever its allocator or a library put them, and how
// much.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace hub::test {

/// Looks for the 32 bytes that `byte` names one by one, in all private writable memory but stacks
/// and what is larger than 1 GiB (a sanitizer's). Linux: /proc/self/maps and /proc/self/mem.
bool heap_holds(const std::function<std::uint8_t(std::size_t)>& byte);

/// Bytes allocated and not freed, under a sanitizer too; 0 where nobody says (another C library).
std::size_t heap_in_use();

}  // namespace hub::test
