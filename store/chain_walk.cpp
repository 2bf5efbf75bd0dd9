#include "store/chain_walk.hpp"

#include <deque>
#include <unordered_set>

#include "protocol/fault.hpp"

namespace hub::store {

std::optional<std::vector<Post>> newest_posts(SQLite::Statement& step,
                                              std::vector<Heads::Start> starts, std::uint32_t n,
                                              MessageId before, std::uint32_t most_above) {
  std::vector<Post> out;
  std::uint32_t above = 0;
  if (fault("retrieve_one_short") && n > 0) --n;
  if (n == 0) return out;
  walk_chains(step, std::move(starts), [&](MessageId id, const Use& row) {
    if (before != 0 && id >= before) return ++above > most_above ? Walk::kStop : Walk::kOn;
    if (!row.is_null(3)) out.push_back({id, row.number(0), {}, row.text(3), row.time(2)});
    return out.size() < n ? Walk::kOn : Walk::kStop;
  });
  if (above > most_above) return std::nullopt;
  if (fault("retrieve_oldest_first")) std::reverse(out.begin(), out.end());
  return out;
}

std::vector<Post> scan_posts(SQLite::Statement& posts_below,
                             const std::vector<Heads::Start>& starts, std::uint32_t n,
                             MessageId before, std::uint32_t most_rows) {
  std::unordered_set<AccountId> authors;
  for (const Heads::Start& start : starts) authors.insert(start.author);
  std::vector<Post> out;
  for (Use row(posts_below, before, most_rows); out.size() < n && row.step();) {
    if (!authors.contains(row.number(1)) || row.is_null(3)) continue;
    out.push_back(
        {static_cast<MessageId>(row.number(0)), row.number(1), {}, row.text(3), row.time(2)});
  }
  return out;
}

std::optional<OldestPosts> oldest_posts(SQLite::Statement& step, std::vector<Heads::Start> starts,
                                        const DueAbove& due_above, MessageId newest,
                                        std::uint32_t n, std::uint32_t most_met) {
  std::deque<Post> found;  // the newest in front
  std::uint32_t met = 0;
  bool is_all = true;
  walk_chains(step, std::move(starts), [&](MessageId id, const Use& row) {
    if (id <= due_above.at(row.number(0))) return Walk::kLeaveChain;
    if (++met > most_met) return Walk::kStop;
    if (id > newest || row.is_null(3)) return Walk::kOn;
    found.push_back({id, row.number(0), {}, row.text(3), row.time(2)});
    if (found.size() > n) {
      found.pop_front();
      is_all = false;
    }
    return Walk::kOn;
  });
  if (met > most_met) return std::nullopt;
  return OldestPosts{{found.rbegin(), found.rend()}, is_all};
}

Backlog count_backlog(SQLite::Statement& step, std::vector<Heads::Start> starts,
                      const DueAbove& due_above, MessageId after, std::uint32_t keep,
                      std::uint32_t most_counted) {
  Backlog out{0, false, after};
  std::uint32_t kept = 0;
  std::uint32_t passed_over = 0;
  const auto leave_out = [&](MessageId id) { out.from = std::max(out.from, id); };
  walk_chains(step, std::move(starts), [&](MessageId id, const Use& row) {
    if (id <= due_above.at(row.number(0))) return Walk::kLeaveChain;
    if (row.is_null(3) && !fault("backlog_counts_deleted")) {
      if (++passed_over < kMostPassedOver) return Walk::kOn;
      leave_out(id);
      out.more = true;
      return Walk::kStop;
    }
    if (kept < keep) {
      ++kept;
      return Walk::kOn;
    }
    leave_out(id);
    if (out.left_out < most_counted) {
      ++out.left_out;
      return Walk::kOn;
    }
    out.more = true;
    return Walk::kStop;
  });
  return out;
}

}  // namespace hub::store
