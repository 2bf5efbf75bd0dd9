// A database file behind the store's back: to plant damage in it and to see what is really there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

struct sqlite3;

namespace hub::test {

class RawDatabase {
 public:
  explicit RawDatabase(const std::filesystem::path& file);  // made where it is missing
  ~RawDatabase();
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  /// These throw std::runtime_error where SQLite does not like it.
  void run(const std::string& sql);
  std::int64_t number(const std::string& query);
  std::string text(const std::string& query);  // first column of the rows, joined by newlines

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace hub::test
