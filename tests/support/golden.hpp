// Reads data/classic_golden.txt. Throws std::runtime_error on a line it does not understand.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hub::test {

struct Golden {
  std::string name;
  std::vector<std::uint8_t> bytes;
  unsigned opcode = 0;
  unsigned payload_len = 0;
  std::uint32_t token = 0;
  std::uint32_t msg_id = 0;
  std::string text;
};

std::vector<Golden> read_golden(const std::string& file);

std::vector<std::uint8_t> from_hex(std::string_view hex);  // spaces allowed
std::string to_hex(const std::vector<std::uint8_t>& bytes);

}  // namespace hub::test
