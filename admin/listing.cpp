#include "admin/listing.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "admin/format.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

using Json = nlohmann::ordered_json;

// Rows are aligned in groups of this many: a long list begins to print at once, in bounded memory.
constexpr std::size_t kAlignedRows = 500;

struct AsText {
  std::string operator()(std::monostate) const { return "-"; }
  std::string operator()(const std::string& text) const { return printable(text); }
  std::string operator()(std::uint64_t number) const { return fmt::to_string(number); }
  std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
  std::string operator()(bool truth) const { return truth ? "yes" : "no"; }
  std::string operator()(WallTime time) const { return iso_time(time); }
};

struct AsJson {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(WallTime time) const { return iso_time(time, true); }
  template <typename T>
  Json operator()(const T& value) const {
    return value;
  }
};

void write_line(std::ostream& out, const Json& json) {
  out << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '_') c = ' ';
  }
  return text;
}

}  // namespace

Listing::Listing(std::ostream& out, bool json, std::vector<std::string> columns)
    : out_(out), json_(json), columns_(std::move(columns)), widths_(columns_.size()) {
  for (std::size_t i = 0; i < columns_.size(); ++i) widths_[i] = columns_[i].size();
}

void Listing::add(Row row) {
  if (json_) {
    Json json;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      json[columns_[i]] = std::visit(AsJson{}, row.at(i));
    }
    write_line(out_, json);
    return;
  }
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    cells.push_back(std::visit(AsText{}, row.at(i)));
    widths_[i] = std::max(widths_[i], cells.back().size());
  }
  waiting_.push_back(std::move(cells));
  if (waiting_.size() == kAlignedRows) flush();
}

void Listing::finish() {
  if (!json_) flush();
}

void Listing::flush() {
  const auto write = [this](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
      line += fmt::format("{:<{}}  ", cells[i], widths_[i]);
    }
    out_ << line << cells.back() << '\n';
  };
  if (!std::exchange(head_written_, true)) {
    std::vector<std::string> heads = columns_;
    std::transform(heads.begin(), heads.end(), heads.begin(), upper);
    write(heads);
  }
  for (const auto& cells : waiting_) write(cells);
  waiting_.clear();
}

void write_record(std::ostream& out, bool json, const Fields& fields) {
  if (json) {
    Json object;
    for (const auto& field : fields) object[field.first] = std::visit(AsJson{}, field.second);
    write_line(out, object);
    return;
  }
  std::size_t width = 0;
  for (const auto& field : fields) width = std::max(width, field.first.size());
  for (const auto& field : fields) {
    out << fmt::format("{:<{}}  {}\n", field.first, width, std::visit(AsText{}, field.second));
  }
}

}  // namespace hub::admin
