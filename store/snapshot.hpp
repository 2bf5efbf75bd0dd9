// A read transaction for the scope: one state of the database for several statements.
#pragma once

#include <SQLiteCpp/Database.h>

namespace hub::store {

class Snapshot {
 public:
  explicit Snapshot(SQLite::Database& db) : db_(db) { db_.exec("BEGIN"); }
  ~Snapshot() { db_.tryExec("COMMIT"); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  SQLite::Database& db_;
};

}  // namespace hub::store
