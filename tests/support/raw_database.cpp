#include "tests/support/raw_database.hpp"

#include <stdexcept>

#include <sqlite3.h>

namespace hub::test {

namespace {

int collect(void* out, int columns, char** values, char**) {
  auto& text = *static_cast<std::string*>(out);
  if (!text.empty()) text += '\n';
  if (columns > 0 && values[0] != nullptr) text += values[0];
  return 0;
}

}  // namespace

RawDatabase::RawDatabase(const std::filesystem::path& file) {
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) {
    const std::string why = sqlite3_errmsg(db_);
    sqlite3_close(db_);
    throw std::runtime_error(why);
  }
  sqlite3_busy_timeout(db_, 5000);
}

RawDatabase::~RawDatabase() { sqlite3_close(db_); }

void RawDatabase::run(const std::string& sql) { text(sql); }

std::int64_t RawDatabase::number(const std::string& query) { return std::stoll(text(query)); }

std::string RawDatabase::text(const std::string& query) {
  std::string out;
  if (sqlite3_exec(db_, query.c_str(), collect, &out, nullptr) != SQLITE_OK) {
    throw std::runtime_error(query + ": " + sqlite3_errmsg(db_));
  }
  return out;
}

}  // namespace hub::test
