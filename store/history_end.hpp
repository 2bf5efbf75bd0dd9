// The newest posts of everybody, for a hub that keeps them in memory. Inside the store room only.
#pragma once

#include <cstddef>
#include <cstdint>

#include "store/records.hpp"
#include "store/statement.hpp"

namespace hub::store {

/// Prepared by the caller; takes how many.
inline constexpr const char* kNewestPosts =
    "SELECT p.id, p.author, p.at, p.text, a.name, a.disabled FROM posts p"
    " LEFT JOIN accounts a ON a.id = p.author ORDER BY p.id DESC LIMIT ?";

/// Reader::history_end(). Throws SQLite::Exception, and DamagedRow where an author is none.
HistoryEnd read_history_end(SQLite::Statement& newest_posts, std::uint32_t n,
                            std::size_t most_bytes);

}  // namespace hub::store
