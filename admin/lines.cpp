#include "admin/lines.hpp"

namespace hub::admin {

std::optional<Line> LineReader::next() {
  Line line;
  bool anything = false;
  for (char c = 0; in_.get(c);) {
    anything = true;
    if (c == '\n') break;
    // One byte over the limit is kept, for a CR that belongs to the line end.
    if (line.text.size() <= limit_) {
      line.text.push_back(c);
    } else {
      line.too_long = true;
    }
  }
  if (!anything) return std::nullopt;
  if (!line.too_long && !line.text.empty() && line.text.back() == '\r') line.text.pop_back();
  line.too_long = line.too_long || line.text.size() > limit_;
  line.number = ++number_;
  return line;
}

}  // namespace hub::admin
