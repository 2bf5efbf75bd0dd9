// One use of a prepared statement: binds its parameters in order, steps, and resets it at the end
// of the scope. A statement that is not reset keeps its read transaction open, and its reader would
// look at an ever older state of the database.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

#include "protocol/types.hpp"

namespace hub::store {

/// A row that no hub writes: the file is damaged, or somebody else wrote to it.
class DamagedRow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A text that lives as long as its Use: bound without a copy.
struct Lasting {
  const std::string& text;
};

class Use {
 public:
  template <typename... Parameters>
  explicit Use(SQLite::Statement& statement, const Parameters&... parameters)
      : statement_(statement) {
    int index = 0;
    (bind(++index, parameters), ...);
  }
  ~Use() { statement_.tryReset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  /// True: there is a row to read.
  bool step() { return statement_.executeStep(); }
  /// For statements without rows.
  void run() { statement_.executeStep(); }

  std::int64_t number(int column) const { return statement_.getColumn(column).getInt64(); }
  bool is_null(int column) const { return statement_.getColumn(column).isNull(); }
  std::string text(int column) const { return statement_.getColumn(column).getString(); }
  WallTime time(int column) const { return WallTime(std::chrono::microseconds(number(column))); }
  template <std::size_t size>
  std::array<std::uint8_t, size> bytes(int column) const {
    const SQLite::Column value = statement_.getColumn(column);
    if (value.getBytes() != static_cast<int>(size)) {
      throw DamagedRow(std::string(value.getName()) + " has the wrong length");
    }
    std::array<std::uint8_t, size> out{};
    const auto* data = static_cast<const std::uint8_t*>(value.getBlob());
    std::copy(data, data + size, out.begin());
    return out;
  }

 private:
  void bind(int index, std::int64_t value) { statement_.bind(index, value); }
  void bind(int index, std::uint64_t value) {
    statement_.bind(index, static_cast<std::int64_t>(value));
  }
  void bind(int index, std::uint32_t value) { statement_.bind(index, value); }
  void bind(int index, const std::string& value) { statement_.bind(index, value); }
  void bind(int index, const Lasting& value) { statement_.bindNoCopy(index, value.text); }
  void bind(int index, std::string_view value) { statement_.bind(index, std::string(value)); }
  void bind(int index, const char* value) { statement_.bind(index, value); }
  void bind(int index, WallTime value) {
    statement_.bind(index, static_cast<std::int64_t>(value.time_since_epoch().count()));
  }
  template <std::size_t size>
  void bind(int index, const std::array<std::uint8_t, size>& value) {
    statement_.bind(index, value.data(), static_cast<int>(size));
  }

  SQLite::Statement& statement_;
};

}  // namespace hub::store
