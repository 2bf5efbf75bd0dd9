#include <limits>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

#include "store/chain_walk.hpp"
#include "store/connection.hpp"
#include "store/maintenance.hpp"
#include "store/reading.hpp"
#include "store/rows.hpp"
#include "store/snapshot.hpp"
#include "store/sqlite_reader.hpp"

namespace hub::store {

namespace {

// CROSS JOIN keeps the planner to this order: follows by one of its two indexes, then two names.
std::string follows_query(const AdminReader::FollowQuery& query) {
  std::string sql =
      "SELECT f.follower, f.followee, a.name, b.name, f.since FROM follows f"
      " CROSS JOIN accounts a ON a.id = f.follower CROSS JOIN accounts b ON b.id = f.followee"
      " WHERE (f.follower, f.followee) > (?1, ?2)";
  if (query.follower) sql += " AND f.follower = ?3";
  if (query.followee) sql += " AND f.followee = ?4";
  return sql + " ORDER BY f.follower, f.followee LIMIT ?5";
}

}  // namespace

struct AdminReader::Impl {
  explicit Impl(const std::filesystem::path& file)
      : db(open_current(file, Access::kRead)), reader(file, std::nullopt) {}

  std::vector<Post> newest_of_all(MessageId before, std::uint32_t limit);
  std::vector<Post> newest_of(AccountId author, MessageId before, std::uint32_t limit);

  SQLite::Database db;
  SqliteReader reader;
};

std::vector<Post> AdminReader::Impl::newest_of_all(MessageId before, std::uint32_t limit) {
  SQLite::Statement query(db,
                          "SELECT p.id, p.author, ifnull(a.name, ''), p.text, p.at FROM posts p"
                          " LEFT JOIN accounts a ON a.id = p.author"
                          " WHERE p.id < ? AND p.text IS NOT NULL ORDER BY p.id DESC LIMIT ?");
  const std::int64_t below =
      before != 0 ? static_cast<std::int64_t>(before) : std::numeric_limits<std::int64_t>::max();
  std::vector<Post> out;
  for (Use row(query, below, limit); row.step();) {
    out.push_back({static_cast<MessageId>(row.number(0)), row.number(1), row.text(2), row.text(3),
                   row.time(4)});
  }
  return out;
}

std::vector<Post> AdminReader::Impl::newest_of(AccountId author, MessageId before,
                                               std::uint32_t limit) {
  // A page ends with a post of the same author, so the next one begins at the post before that.
  SQLite::Statement query(
      db,
      "SELECT a.name, (SELECT previous FROM posts WHERE id = ?2 AND author = a.id),"
      " max(a.last_post, ifnull((SELECT max(id) FROM posts WHERE author = a.id"
      "                          AND id > (SELECT heads_position FROM settings)), 0))"
      " FROM accounts a WHERE a.id = ?1");
  Use row(query, author, before);
  if (!row.step()) return {};
  const auto start = static_cast<MessageId>(row.is_null(1) ? row.number(2) : row.number(1));
  if (start == 0) return {};
  SQLite::Statement step(db, kChainStep);
  auto found = newest_posts(step, {{author, start}}, limit, before,
                            std::numeric_limits<std::uint32_t>::max());
  std::vector<Post> out = std::move(found).value_or(std::vector<Post>());
  for (Post& post : out) post.author_name = row.text(0);
  return out;
}

AdminReader::AdminReader(const std::filesystem::path& file) : impl_(std::make_unique<Impl>(file)) {}

AdminReader::~AdminReader() = default;

Reader& AdminReader::reader() { return impl_->reader; }

Read<std::vector<Post>> AdminReader::posts(std::optional<AccountId> author, MessageId before,
                                           std::uint32_t limit) {
  return reading([&] {
    const Snapshot snapshot(impl_->db);
    return author ? impl_->newest_of(*author, before, limit) : impl_->newest_of_all(before, limit);
  });
}

Read<std::vector<AdminReader::FollowPageRow>> AdminReader::follows(const FollowQuery& query) {
  return reading([&] {
    std::vector<FollowPageRow> out;
    SQLite::Statement statement(impl_->db, follows_query(query));
    Use row(statement, query.after_follower, query.after_followee, query.follower.value_or(0),
            query.followee.value_or(0), query.limit);
    while (row.step()) {
      out.push_back({row.number(0),
                     row.number(1),
                     {row.text(2), row.text(3), static_cast<MessageId>(row.number(4))}});
    }
    return out;
  });
}

Read<std::vector<AdminReader::DevicePageRow>> AdminReader::devices(std::optional<AccountId> account,
                                                                   DeviceNumber after,
                                                                   std::uint32_t limit) {
  return reading([&] {
    std::vector<DevicePageRow> out;
    SQLite::Statement statement(
        impl_->db, std::string("SELECT ") + kDeviceColumns + ", a.name, " + kIsOnline +
                       " FROM devices d JOIN accounts a ON a.id = d.account"
                       " WHERE d.id > ?1" +
                       (account ? " AND d.account = ?2" : "") + " ORDER BY d.id LIMIT ?3");
    for (Use row(statement, after, account.value_or(0), limit); row.step();) {
      out.push_back({row.text(8), read_device(row), row.number(9) != 0});
    }
    return out;
  });
}

}  // namespace hub::store
