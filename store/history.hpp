// Which history a database is. A copy that somebody goes back to, however it is put in place, gives
// message IDs out again that were given out before; what clients remember of them holds in one
// history alone. So a copy is marked as one when it is made, and begins a history of its own when
// it is opened for writing. Inside the store room only.
#pragma once

#include <SQLiteCpp/Database.h>

#include "protocol/random.hpp"

namespace hub::store {

/// Not 0, which stands for none.
std::uint64_t new_history_id(Random& random);

/// A database of a schema before there was a mark stays without. Throws SQLite::Exception.
void mark_as_copy(SQLite::Database& db);

/// Where it is marked: another history ID, no sessions, and no mark, in one transaction. Throws
/// SQLite::Exception.
void begin_history_of_copy(SQLite::Database& db);

}  // namespace hub::store
