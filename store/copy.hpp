// A copy of a whole database while others write to it. Inside the store room only.
#pragma once

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace hub::store {

/// Copies the state that `source`'s open transaction sees, in one step: SQLite's online backup
/// starts again at every write of others otherwise. It is marked as a copy (store/history.hpp). The
/// file appears under its name when it is whole and on disk; mode 0600. Throws std::runtime_error
/// with a sentence: it exists, no room.
void copy_database(SQLite::Database& source, const std::filesystem::path& destination);

}  // namespace hub::store
