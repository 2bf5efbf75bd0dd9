#include "tests/support/golden.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace hub::test {

namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::string digits;
  for (const char c : hex) {
    if (c != ' ') digits += c;
  }
  if (digits.size() % 2 != 0) throw std::runtime_error("odd number of hex digits: " + digits);
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

std::string to_hex(const std::vector<std::uint8_t>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::vector<Golden> read_golden(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file);
  std::vector<Golden> out;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> cells;
    std::stringstream cut(line + " ");  // a last empty cell is a cell
    for (std::string cell; std::getline(cut, cell, '|');) cells.push_back(trimmed(cell));
    if (cells.size() != 7) throw std::runtime_error("not seven cells: " + line);
    Golden golden;
    golden.name = cells[0];
    golden.bytes = from_hex(cells[1]);
    golden.opcode = static_cast<unsigned>(std::stoul(cells[2], nullptr, 16));
    golden.payload_len = static_cast<unsigned>(std::stoul(cells[3]));
    golden.token = static_cast<std::uint32_t>(std::stoul(cells[4], nullptr, 16));
    golden.msg_id = static_cast<std::uint32_t>(std::stoul(cells[5]));
    golden.text = cells[6];
    out.push_back(std::move(golden));
  }
  return out;
}

}  // namespace hub::test
