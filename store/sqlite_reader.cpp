#include "store/sqlite_reader.hpp"

#include <algorithm>
#include <unordered_map>

#include <SQLiteCpp/Exception.h>

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "store/chain_walk.hpp"
#include "store/connection.hpp"
#include "store/history_end.hpp"
#include "store/reading.hpp"
#include "store/rows.hpp"
#include "store/snapshot.hpp"

namespace hub::store {

namespace {

// What one retrieve looks at in vain: posts of those followed that are newer than it asks for, and
// then posts of everybody. Some 20 ms each.
constexpr std::uint32_t kMostAbove = 20'000;
constexpr std::uint32_t kMostScanned = 20'000;

// The newest post ID ever given out.
constexpr const char* kNewestId = "max(highest_id, ifnull((SELECT max(id) FROM posts), 0))";

// What a reader keeps for the next retrieves, of whom accounts follow (4 MiB) and of their names.
constexpr std::size_t kKeptFollowees = std::size_t{1} << 20;
constexpr std::size_t kKeptNames = std::size_t{1} << 16;

std::string account_query(const char* rest) {
  return std::string("SELECT ") + kAccountColumns + " FROM accounts a " + rest;
}

template <typename... Parameters>
std::vector<DeviceNumber> numbers_in(SQLite::Statement& statement,
                                     const Parameters&... parameters) {
  std::vector<DeviceNumber> out;
  for (Use row(statement, parameters...); row.step();) out.push_back(row.number(0));
  return out;
}

SmallAccountId small(AccountId account) {
  if (account < 1 || account > kMaxAccountId) {
    throw DamagedRow("an account's number is out of range");
  }
  return static_cast<SmallAccountId>(account);
}

std::vector<SmallAccountId> accounts_of(const std::vector<Followee>& followees) {
  std::vector<SmallAccountId> out;
  out.reserve(followees.size());
  for (const Followee& followee : followees) out.push_back(small(followee.account));
  return out;
}

std::string device_query(const char* rest) {
  return std::string("SELECT ") + kDeviceColumns + " FROM devices d " + rest;
}

}  // namespace

struct SqliteReader::Statements {
  explicit Statements(SQLite::Database& database) : db(database) {}
  SQLite::Database& db;

  SQLite::Statement newest{db, std::string("SELECT ") + kNewestId + " FROM settings"};
  SQLite::Statement newest_posts{db, kNewestPosts};
  SQLite::Statement info{db, std::string("SELECT ") + kSettingsColumns + " FROM settings"};
  SQLite::Statement counts{
      db,
      std::string(
          "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM accounts WHERE disabled),"
          " (SELECT count(*) FROM follows), (SELECT count(*) FROM sessions), ") +
          kNewestId + " FROM settings"};
  SQLite::Statement account{db, account_query("WHERE a.key = ?")};
  SQLite::Statement accounts{db, account_query("WHERE a.key > ? ORDER BY a.key LIMIT ?")};
  SQLite::Statement active{db, "SELECT id, name FROM accounts WHERE key = ? AND NOT disabled"};
  SQLite::Statement device{db, device_query("WHERE d.account = ? AND d.device = ?")};
  SQLite::Statement devices{db, device_query("WHERE d.account = ? ORDER BY d.last_seen, d.id")};
  SQLite::Statement device_number{db, "SELECT id FROM devices WHERE account = ? AND device = ?"};
  SQLite::Statement device_numbers{db, "SELECT id FROM devices WHERE account = ?"};
  SQLite::Statement name{db, "SELECT name FROM accounts WHERE id = ?"};
  SQLite::Statement followees{
      db, fault("retrieve_ignores_follows")
              ? "SELECT id, 0 FROM accounts WHERE id <> ? ORDER BY id"
              : "SELECT followee, since FROM follows WHERE follower = ? ORDER BY followee"};
  SQLite::Statement followed{db,
                             "SELECT f.followee, f.since, a.name FROM follows f"
                             " JOIN accounts a ON a.id = f.followee"
                             " WHERE f.follower = ? AND NOT a.disabled"};
  SQLite::Statement posts_above{db,
                                "SELECT id, author, at, text FROM posts WHERE id > ?"
                                " ORDER BY id LIMIT ?"};
  SQLite::Statement chain_step{db, kChainStep};
  SQLite::Statement posts_below{db, kPostsBelow};
  SQLite::Statement sessions{db, std::string("SELECT ") + kSessionColumns +
                                     " FROM sessions s JOIN accounts a ON a.id = s.account"
                                     " WHERE (s.account, s.framing, s.token) > (?, ?, ?)"
                                     " ORDER BY s.account, s.framing, s.token LIMIT ?"};
};

SqliteReader::SqliteReader(const std::filesystem::path& file, const std::optional<Kept>& kept)
    : db_(open_current(file, Access::kRead)), kept_(kept), followees_(kKeptFollowees) {
  try {
    sql_ = std::make_unique<Statements>(db_);
  } catch (const SQLite::Exception& error) {
    throw_open_error(file, error);
  }
}

SqliteReader::~SqliteReader() = default;

Read<HubInfo> SqliteReader::info() {
  return reading([&] {
    Use row(sql_->info);
    if (!row.step()) throw DamagedRow("the settings are missing");
    return read_info(row);
  });
}

Read<Counts> SqliteReader::counts() {
  return reading([&] {
    Use row(sql_->counts);
    row.step();
    const auto number = [&](int column) { return static_cast<std::uint64_t>(row.number(column)); };
    return Counts{number(0), number(1), number(2), number(3), number(4)};
  });
}

Read<MessageId> SqliteReader::last_post() {
  return reading([&] {
    Use row(sql_->newest);
    row.step();
    return static_cast<MessageId>(row.number(0));
  });
}

Read<HistoryEnd> SqliteReader::history_end(std::uint32_t n, std::size_t most_bytes) {
  return reading([&] { return read_history_end(sql_->newest_posts, n, most_bytes); });
}

Read<std::optional<Account>> SqliteReader::account(std::string_view id) {
  return reading([&]() -> std::optional<Account> {
    const auto parsed = ClientId::parse(id);
    if (!parsed) return std::nullopt;
    Use row(sql_->account, key_of(*parsed));
    if (!row.step()) return std::nullopt;
    return read_account(row);
  });
}

Read<std::vector<Post>> SqliteReader::retrieve(AccountId account, std::uint32_t n,
                                               MessageId before) {
  return reading([&] {
    // The order matters: whom, then where their chains begin, then the rows. A row that the heads
    // lead to was committed before they did, so the transaction that begins now sees it.
    const std::vector<Heads::Start> starts = starts_of_followees(account);
    const Snapshot snapshot(db_);
    std::vector<Post> posts = newest_below(starts, n, before);
    for (Post& post : posts) post.author_name = read_name(post.author);
    return posts;
  });
}

/// Along the chains, or, where they are too long down to `before`, from there. Either finds all
/// that is wanted, unless those followed posted much since and hardly anything around it.
std::vector<Post> SqliteReader::newest_below(const std::vector<Heads::Start>& starts,
                                             std::uint32_t n, MessageId before) {
  const std::uint32_t most = fault("retrieve_back_unbounded") ? ~0u : kMostAbove;
  auto posts = newest_posts(sql_->chain_step, starts, n, before, most);
  if (posts) return std::move(*posts);
  return scan_posts(sql_->posts_below, starts, n, before, kMostScanned);
}

Read<CatchUpPage> SqliteReader::catch_up(AccountId account, MessageId after, std::uint32_t limit) {
  return reading([&] {
    // Over a long absence few of the posts in between are of those followed, mostly: then the
    // chains lead to them. Where they are many, the next ones are near. The order matters: up to
    // which post this page speaks, then whom the account follows, then the chains. So who is
    // followed meanwhile is due only above that post, and what comes meanwhile is left to the next
    // page.
    const MessageId newest = kept_ ? kept_->heads.newest() : 0;
    if (newest > after && newest - after > kCatchUpScan) {
      if (auto page = page_of_chains(account, after, newest, limit)) return *std::move(page);
    }
    return page_of_scan(account, after, limit);
  });
}

std::optional<CatchUpPage> SqliteReader::page_of_chains(AccountId account, MessageId after,
                                                        MessageId newest, std::uint32_t limit) {
  auto followed = read_followed(account);
  std::vector<SmallAccountId> authors;
  DueAbove due_above;
  for (const auto& [author, follow] : followed) {
    authors.push_back(small(author));
    due_above[author] = std::max(after, follow.since);
  }
  std::vector<Heads::Start> starts = kept_->heads.starts(authors);
  std::erase_if(
      starts, [&](const Heads::Start& start) { return start.post <= due_above.at(start.author); });
  const Snapshot snapshot(db_);
  auto oldest =
      oldest_posts(sql_->chain_step, std::move(starts), due_above, newest, limit, kCatchUpScan);
  if (!oldest) return std::nullopt;
  for (Post& post : oldest->posts) post.author_name = followed.at(post.author).name;
  const bool is_all = oldest->is_all || oldest->posts.empty() || fault("catch_up_chain_cut_short");
  const MessageId up_to = is_all ? newest : oldest->posts.back().id;
  return CatchUpPage{std::move(oldest->posts), up_to};
}

CatchUpPage SqliteReader::page_of_scan(AccountId account, MessageId after, std::uint32_t limit) {
  const Snapshot snapshot(db_);
  const auto followed = read_followed(account);
  CatchUpPage page{{}, after};
  std::uint32_t looked_at = 0;
  for (Use row(sql_->posts_above, after, kCatchUpScan); row.step(); ++looked_at) {
    if (page.posts.size() >= limit) return page;
    const auto id = static_cast<MessageId>(row.number(0));
    page.up_to = id;
    const auto author = followed.find(row.number(1));
    if (author == followed.end() || row.is_null(3) || id <= author->second.since) continue;
    page.posts.push_back({id, author->first, author->second.name, row.text(3), row.time(2)});
  }
  // There are no more: above them all is done, whose IDs were given out and whose rows are gone.
  if (looked_at < kCatchUpScan && !fault("catch_up_stops_at_gone_posts")) {
    if (Use row(sql_->newest); row.step()) {
      page.up_to = std::max(page.up_to, static_cast<MessageId>(row.number(0)));
    }
  }
  return page;
}

std::unordered_map<AccountId, SqliteReader::Followed> SqliteReader::read_followed(
    AccountId account) {
  std::unordered_map<AccountId, Followed> out;
  for (Use row(sql_->followed, account); row.step();) {
    out[row.number(0)] = {static_cast<MessageId>(row.number(1)), row.text(2)};
  }
  return out;
}

Read<Backlog> SqliteReader::backlog(AccountId account, MessageId after, std::uint32_t keep,
                                    std::uint32_t most_counted) {
  return reading([&] {
    // In the same order as a retrieve, and why.
    const std::vector<Followee> followees = read_followees(account);
    std::vector<Heads::Start> starts = read_starts(accounts_of(followees));
    DueAbove due_above;
    for (const Followee& followee : followees) {
      const bool all = fault("backlog_counts_before_follow");
      due_above[followee.account] = all ? after : std::max(after, followee.since);
    }
    std::erase_if(starts, [&](const Heads::Start& start) {
      return start.post <= due_above.at(start.author);
    });
    const auto newest = std::max_element(starts.begin(), starts.end(),
                                         [](auto& a, auto& b) { return a.post < b.post; });
    // Mostly little was missed, and then there are not even so many IDs in between.
    if (newest == starts.end() || newest->post - after <= keep) return Backlog{0, false, after};
    const Snapshot snapshot(db_);
    return count_backlog(sql_->chain_step, std::move(starts), due_above, after, keep, most_counted);
  });
}

Read<std::vector<Followee>> SqliteReader::followees(AccountId account) {
  return reading([&] { return read_followees(account); });
}

Read<std::vector<Account>> SqliteReader::accounts(std::string_view after_id, std::uint32_t limit) {
  return reading([&] {
    std::vector<Account> out;
    const auto after = ClientId::parse(after_id);
    for (Use row(sql_->accounts, after ? key_of(*after) : std::string(), limit); row.step();) {
      out.push_back(read_account(row));
    }
    return out;
  });
}

Read<std::vector<StoredSession>> SqliteReader::sessions(const SessionKey& after,
                                                        std::uint32_t limit) {
  return reading([&] {
    std::vector<StoredSession> out;
    for (Use row(sql_->sessions, after.account, static_cast<std::uint32_t>(after.framing),
                 after.token, limit);
         row.step();) {
      out.push_back(read_session(row));
    }
    return out;
  });
}

std::vector<Followee> SqliteReader::read_followees(AccountId account) {
  std::vector<Followee> out;
  for (Use row(sql_->followees, account); row.step();) {
    out.push_back({row.number(0), static_cast<MessageId>(row.number(1))});
  }
  return out;
}

/// Whose device it would be; nothing where nobody can log in as that.
std::optional<KnownDevice> SqliteReader::find_active(const DeviceName& name) {
  const auto parsed = ClientId::parse(name.client_id);
  if (!parsed) return std::nullopt;
  Use row(sql_->active, key_of(*parsed));
  if (!row.step()) return std::nullopt;
  return KnownDevice{row.number(0), row.text(1), {}};
}

Read<std::vector<std::optional<KnownDevice>>> SqliteReader::find_devices(
    std::span<const DeviceName> names) {
  return reading([&] {
    std::vector<std::optional<KnownDevice>> out;
    std::vector<DeviceNumber> numbers;
    {
      const Snapshot snapshot(db_);
      for (const DeviceName& name : names) {
        const auto& known = out.emplace_back(find_active(name));
        if (!known) continue;
        const auto found = numbers_in(sql_->device_number, known->account, name.device);
        numbers.insert(numbers.end(), found.begin(), found.end());
      }
    }
    const DoneNumbers recent = recent_done(numbers);
    const Snapshot snapshot(db_);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!out[i]) continue;
      Use row(sql_->device, out[i]->account, names[i].device);
      if (!row.step()) {
        out[i].reset();
        continue;
      }
      out[i]->device = read_device(row);
      add_recent(recent, out[i]->device);
    }
    return out;
  });
}

Read<std::vector<Device>> SqliteReader::devices(AccountId account) {
  return reading([&] {
    const DoneNumbers recent = recent_done(numbers_in(sql_->device_numbers, account));
    std::vector<Device> out;
    for (Use row(sql_->devices, account); row.step();) {
      out.push_back(read_device(row));
      add_recent(recent, out.back());
    }
    return out;
  });
}

/// Asked before the rows are read: what is written into them in between is no longer in memory.
SqliteReader::DoneNumbers SqliteReader::recent_done(const std::vector<DeviceNumber>& devices) {
  std::optional<RequestLedger> own;
  if (!kept_) {
    const Snapshot snapshot(db_);
    own.emplace().load(db_);
  }
  const RequestLedger& ledger = own ? *own : kept_->ledger;
  DoneNumbers out;
  if (fault("recent_numbers_not_told")) return out;
  for (const DeviceNumber device : devices) {
    if (const auto done = ledger.done(device); done != 0) out[device] = done;
  }
  return out;
}

void SqliteReader::add_recent(const DoneNumbers& recent, Device& device) {
  const auto found = recent.find(device.number);
  if (found != recent.end()) device.done = std::max(device.done, found->second);
}

std::vector<Heads::Start> SqliteReader::read_starts(std::span<const SmallAccountId> followees) {
  if (kept_) return kept_->heads.starts(followees);
  Heads own;
  const Snapshot snapshot(db_);
  own.load(db_);
  return own.starts(followees);
}

std::vector<Heads::Start> SqliteReader::starts_of_followees(AccountId account) {
  if (!kept_) return read_starts(accounts_of(read_followees(account)));
  const std::uint64_t version = kept_->follow_versions.of(account);
  const FolloweesCache::List* list = followees_.find(account, version);
  if (list == nullptr) {
    list = &followees_.put(account, version, accounts_of(read_followees(account)));
  }
  return read_starts(*list);
}

const std::string& SqliteReader::read_name(AccountId account) {
  static const std::string kNobody;
  const auto known = names_.find(account);
  if (known != names_.end()) return known->second;
  Use row(sql_->name, account);
  if (!row.step()) return kNobody;
  if (names_.size() >= kKeptNames) names_.clear();
  return names_.emplace(account, row.text(0)).first->second;
}

}  // namespace hub::store
