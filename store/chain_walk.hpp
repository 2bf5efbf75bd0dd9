// The newest posts of several authors, newest first: a heap of their chains' newest IDs, in which
// every step is the one fetch by row ID that the post's text needs anyway.
//
// Costs O(authors + posts shown + posts passed over): those above `before` and deleted ones.
// Inside the store room only; runs in its caller's transaction.
#pragma once

#include <cstdint>
#include <vector>

#include "store/heads.hpp"
#include "store/records.hpp"
#include "store/statement.hpp"

namespace hub::store {

/// Prepared by the caller: author, previous, at, text of the post with this ID.
inline constexpr const char* kChainStep =
    "SELECT author, previous, at, text FROM posts WHERE id = ?";

/// At most `n` posts with IDs below `before` (0: all); author_name is left empty. Throws
/// SQLite::Exception, and DamagedRow where a chain is not one.
std::vector<Post> walk_chains(SQLite::Statement& step, std::vector<Heads::Start> starts,
                              std::uint32_t n, MessageId before);

}  // namespace hub::store
