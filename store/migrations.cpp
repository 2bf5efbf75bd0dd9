#include "store/migrations.hpp"

#include <stdexcept>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include "store/connection.hpp"
#include "store/statement.hpp"

namespace hub::store {

namespace {

void apply(SQLite::Database& db, const Migration& migration) {
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  db.exec(std::string(migration.sql));
  SQLite::Statement broken(db, "PRAGMA foreign_key_check");
  if (Use(broken).step()) {
    throw std::runtime_error(
        fmt::format("after {} rows refer to others that are not there", migration.name));
  }
  // Both are fields of the file's header and part of the transaction like any other page.
  db.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  db.exec(fmt::format("PRAGMA user_version = {}", migration.version));
  transaction.commit();
}

}  // namespace

void apply_migrations(SQLite::Database& db, std::span<const Migration> migrations) {
  const int from = schema_version(db);
  // Off, so that a migration can rebuild a table that others refer to; checked before each commit.
  db.exec("PRAGMA foreign_keys = OFF");
  for (const Migration& migration : migrations) {
    if (migration.version > from) apply(db, migration);
  }
  db.exec("PRAGMA foreign_keys = ON");
}

}  // namespace hub::store
