// A list on standard output: an aligned table for people, or one JSON object a line for programs.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/types.hpp"

namespace hub::admin {

/// A cell; monostate is what is not known: "-" in a table, null in JSON.
using Value =
    std::variant<std::monostate, std::string, std::uint64_t, std::int64_t, bool, WallTime>;

using Row = std::vector<Value>;

class Listing {
 public:
  /// `columns` are the names of the fields in JSON; in a table they are the heads, upper-cased.
  Listing(std::ostream& out, bool json, std::vector<std::string> columns);

  /// As many values as there are columns.
  void add(Row row);

  /// After the last row. A table without rows is its heads alone.
  void finish();

 private:
  void flush();

  std::ostream& out_;
  bool json_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> waiting_;  // for the widths of the rows after them
  bool head_written_ = false;
};

using Fields = std::vector<std::pair<std::string, Value>>;

/// One thing with its fields: a line each for people, one JSON object.
void write_record(std::ostream& out, bool json, const Fields& fields);

}  // namespace hub::admin
