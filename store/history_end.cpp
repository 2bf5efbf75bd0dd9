#include "store/history_end.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "store/heads.hpp"

namespace hub::store {

namespace {

HistoryPost read_post(const Use& row) {
  HistoryPost out;
  out.post = {static_cast<MessageId>(row.number(0)), row.number(1), {}, {}, row.time(2)};
  if (out.post.author < 1 || out.post.author > kMaxAccountId) {
    throw DamagedRow("post " + std::to_string(out.post.id) + " has no possible author");
  }
  // Without an account it is left over from a deletion that went wrong; `check` reports it.
  out.is_deleted = row.is_null(3) || row.is_null(4);
  out.is_hidden = !row.is_null(5) && row.number(5) != 0;
  if (out.is_deleted) return out;
  out.post.text = row.text(3);
  out.post.author_name = row.text(4);
  return out;
}

}  // namespace

HistoryEnd read_history_end(SQLite::Statement& newest_posts, std::uint32_t n,
                            std::size_t most_bytes) {
  HistoryEnd out;
  std::size_t bytes = 0;
  Use row(newest_posts, n);
  while (true) {
    if (!row.step()) {
      out.is_all = out.posts.size() < n;
      break;
    }
    HistoryPost post = read_post(row);
    bytes += post.post.text.size() + post.post.author_name.size();
    if (bytes > most_bytes) break;
    out.posts.push_back(std::move(post));
  }
  std::reverse(out.posts.begin(), out.posts.end());
  return out;
}

}  // namespace hub::store
