#include "store/chain_walk.hpp"

#include <algorithm>

#include "protocol/fault.hpp"

namespace hub::store {

namespace {

bool older(const Heads::Start& a, const Heads::Start& b) { return a.post < b.post; }

}  // namespace

std::vector<Post> walk_chains(SQLite::Statement& step, std::vector<Heads::Start> starts,
                              std::uint32_t n, MessageId before) {
  std::vector<Post> out;
  if (fault("retrieve_one_short") && n > 0) --n;
  std::make_heap(starts.begin(), starts.end(), older);
  while (out.size() < n && !starts.empty()) {
    std::pop_heap(starts.begin(), starts.end(), older);
    const Heads::Start at = starts.back();
    starts.pop_back();

    Use row(step, at.post);
    // Gone: the author is being deleted, newest posts first.
    if (!row.step()) continue;
    const auto previous = static_cast<MessageId>(row.number(1));
    if (row.number(0) != at.author || previous >= at.post) {
      throw DamagedRow("post " + std::to_string(at.post) + " breaks its author's chain");
    }
    const bool is_deleted = row.is_null(3);
    if (!is_deleted && (before == 0 || at.post < before)) {
      out.push_back({at.post, at.author, {}, row.text(3), row.time(2)});
    }
    if (previous != 0) {
      starts.push_back({at.author, previous});
      std::push_heap(starts.begin(), starts.end(), older);
    }
  }
  if (fault("retrieve_oldest_first")) std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace hub::store
