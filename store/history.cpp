#include "store/history.hpp"

#include <SQLiteCpp/Transaction.h>

#include "protocol/fault.hpp"
#include "store/statement.hpp"

namespace hub::store {

std::uint64_t new_history_id(Random& random) {
  for (;;) {
    if (const std::uint64_t id = random.u64(); id != 0) return id;
  }
}

void mark_as_copy(SQLite::Database& db) {
  const int columns =
      db.execAndGet("SELECT count(*) FROM pragma_table_info('settings') WHERE name = 'is_copy'")
          .getInt();
  if (columns == 1) db.exec("UPDATE settings SET is_copy = 1");
}

void begin_history_of_copy(SQLite::Database& db) {
  if (db.execAndGet("SELECT ifnull(max(is_copy), 0) FROM settings").getInt() == 0) return;
  if (fault("copy_keeps_history")) return;
  SystemRandom random;
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  SQLite::Statement settings(db, "UPDATE settings SET history_id = ?, is_copy = 0");
  Use(settings, new_history_id(random)).run();
  db.exec("DELETE FROM sessions");
  transaction.commit();
}

}  // namespace hub::store
