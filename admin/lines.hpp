// A text file line by line, however long somebody made its lines.
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <string>

namespace hub::admin {

struct Line {
  std::uint64_t number = 0;  // from 1
  std::string text;          // without its line end, LF or CR LF
  bool too_long = false;     // the text is its beginning
};

class LineReader {
 public:
  /// Keeps at most `limit` + 1 bytes of a line; `in` outlives this.
  LineReader(std::istream& in, std::size_t limit) : in_(in), limit_(limit) {}

  /// Nothing at the end of the file. A last line need not end.
  std::optional<Line> next();

 private:
  std::istream& in_;
  std::size_t limit_;
  std::uint64_t number_ = 0;
};

}  // namespace hub::admin
