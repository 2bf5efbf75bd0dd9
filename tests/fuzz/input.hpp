// A fuzzer's bytes, taken apart: every read gives something, zeros once they are used up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace hub::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }

  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint32_t u32() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | u8();
    return value;
  }
  /// Below `bound`, which is at most 256.
  std::size_t below(std::size_t bound) { return u8() % bound; }
  std::string_view bytes(std::size_t size) {
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(out.size());
    return out;
  }
  /// Up to 255 bytes, as long as the first byte says.
  std::string_view piece() { return bytes(u8()); }
  std::string_view rest() { return bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

/// What must hold whatever the bytes are: if it does not, the fuzzer has found a bug.
inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "\n*** does not hold: %s\n", what);
  std::abort();
}

/// No control character that a terminal or a log would obey.
inline bool is_harmless(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7f'; });
}

}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
