// hubadmin check: what SQLite can see is wrong, and then what only we can: posts without an author,
// chains that are not chains, newest posts that are not the newest, numbered requests done twice,
// devices and sessions of the wrong account.
#include <algorithm>
#include <unordered_map>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "protocol/text.hpp"
#include "store/connection.hpp"
#include "store/maintenance.hpp"
#include "store/snapshot.hpp"
#include "store/statement.hpp"

namespace hub::store {

namespace {

// Of each kind; a damaged file may have millions of problems, and nobody reads more than these.
constexpr std::size_t kMaxProblems = 20;

class Problems {
 public:
  void add(const std::string& sentence) {
    // SQLite quotes what it finds in the file.
    if (++count_ <= kMaxProblems) sentences_.push_back(printable(sentence));
  }
  void move_to(std::vector<std::string>& out) {
    std::move(sentences_.begin(), sentences_.end(), std::back_inserter(out));
    if (count_ > kMaxProblems) {
      out.push_back(fmt::format("and {} more of the kind", count_ - kMaxProblems));
    }
  }

 private:
  std::size_t count_ = 0;
  std::vector<std::string> sentences_;
};

void check_integrity(SQLite::Database& db, std::vector<std::string>& out) {
  Problems problems;
  SQLite::Statement query(db, "PRAGMA integrity_check(1000)");
  for (Use row(query); row.step();) {
    if (row.text(0) != "ok") problems.add(fmt::format("the file is damaged: {}", row.text(0)));
  }
  problems.move_to(out);
}

void check_foreign_keys(SQLite::Database& db, std::vector<std::string>& out) {
  Problems problems;
  SQLite::Statement query(db, "PRAGMA foreign_key_check");
  for (Use row(query); row.step();) {
    problems.add(
        fmt::format("a row of {} refers to one of {} that is not there", row.text(0), row.text(2)));
  }
  problems.move_to(out);
}

struct Chain {
  std::string author;
  MessageId newest = 0;      // as the posts say
  MessageId remembered = 0;  // as a start would find it: last_post, then the posts after
};

using Chains = std::unordered_map<AccountId, Chain>;

Chains read_accounts(SQLite::Database& db) {
  Chains chains;
  SQLite::Statement query(db, "SELECT id, name, last_post FROM accounts");
  for (Use row(query); row.step();) {
    chains[row.number(0)] = {row.text(1), 0, static_cast<MessageId>(row.number(2))};
  }
  return chains;
}

struct KnownDevice {
  AccountId account = 0;
  std::uint64_t done = 0;      // as its row says
  std::uint64_t sequence = 0;  // of its newest post met so far
};

/// Whether posts bear numbers that their devices gave, each once and in order.
class NumberCheck {
 public:
  explicit NumberCheck(SQLite::Database& db)
      : heads_position_(static_cast<MessageId>(number(db, "SELECT heads_position FROM settings"))),
        // Devices that are gone leave their posts; one beyond the last was never there.
        last_device_(number(db,
                            "SELECT ifnull(max(seq), 0) FROM sqlite_sequence"
                            " WHERE name = 'devices'")) {
    SQLite::Statement query(db, "SELECT id, account, done FROM devices");
    for (Use row(query); row.step();) {
      devices_[row.number(0)] = {row.number(1), static_cast<std::uint64_t>(row.number(2)), 0};
    }
  }

  void take(MessageId id, AccountId author, DeviceNumber device, std::uint64_t sequence) {
    if (device == 0 && sequence == 0) return;
    if (device <= 0 || sequence == 0 || device > last_device_) {
      problems_.add(fmt::format("post {} names request {} of device {}, which never was", id,
                                sequence, device));
      return;
    }
    const auto found = devices_.find(device);
    if (found == devices_.end()) return;
    KnownDevice& its = found->second;
    if (its.account != author) {
      problems_.add(fmt::format("post {} names device {}, which is another account's", id, device));
    }
    if (sequence <= its.sequence) {
      problems_.add(
          fmt::format("post {} is request {} of device {}, whose request {} was done before", id,
                      sequence, device, its.sequence));
    }
    if (id <= heads_position_ && sequence > its.done) {
      problems_.add(fmt::format("post {} is request {} of device {}, which has done {}", id,
                                sequence, device, its.done));
    }
    its.sequence = sequence;
  }

  void move_to(std::vector<std::string>& out) { problems_.move_to(out); }

 private:
  static std::int64_t number(SQLite::Database& db, const char* query) {
    return db.execAndGet(query).getInt64();
  }

  MessageId heads_position_;
  DeviceNumber last_device_;
  std::unordered_map<DeviceNumber, KnownDevice> devices_;
  Problems problems_;
};

void check_sessions(SQLite::Database& db, std::vector<std::string>& out) {
  Problems problems;
  SQLite::Statement query(db,
                          "SELECT s.account, s.device FROM sessions s LEFT JOIN devices d"
                          " ON d.id = s.device AND d.account = s.account"
                          " WHERE (s.framing = 1) <> (d.id IS NOT NULL)"
                          " OR (s.framing = 0) <> (s.device = 0)");
  for (Use row(query); row.step();) {
    problems.add(fmt::format("a session of account {} names device {}, which is not its own",
                             row.number(0), row.number(1)));
  }
  SQLite::Statement shared(db,
                           "SELECT account, count(*) FROM sessions WHERE framing = 1"
                           " GROUP BY account, token HAVING count(*) > 1");
  for (Use row(shared); row.step();) {
    problems.add(fmt::format("{} sessions of account {} are on one connection", row.number(1),
                             row.number(0)));
  }
  problems.move_to(out);
}

/// In one pass by ID: each post must name the one of its author that came just before.
void check_posts(SQLite::Database& db, std::vector<std::string>& out) {
  Chains chains = read_accounts(db);
  const auto heads_position =
      static_cast<MessageId>(db.execAndGet("SELECT heads_position FROM settings").getInt64());
  Problems orphans;
  Problems broken;
  NumberCheck numbers(db);
  SQLite::Statement query(db,
                          "SELECT id, author, previous, device, sequence FROM posts ORDER BY id");
  for (Use row(query); row.step();) {
    const auto id = static_cast<MessageId>(row.number(0));
    const auto previous = static_cast<MessageId>(row.number(2));
    numbers.take(id, row.number(1), row.number(3), static_cast<std::uint64_t>(row.number(4)));
    const auto found = chains.find(row.number(1));
    if (found == chains.end()) {
      orphans.add(fmt::format("post {} has no account", id));
      continue;
    }
    Chain& chain = found->second;
    if (previous != chain.newest) {
      broken.add(fmt::format("post {} of {} names {} as the one before it, which is {}", id,
                             chain.author, previous, chain.newest));
    }
    chain.newest = id;
    if (id > heads_position) chain.remembered = id;
  }
  orphans.move_to(out);
  broken.move_to(out);
  numbers.move_to(out);

  Problems heads;
  for (const auto& entry : chains) {
    const Chain& chain = entry.second;
    if (chain.remembered == chain.newest) continue;
    heads.add(fmt::format("the newest post of {} is {}, its account says {}", chain.author,
                          chain.newest, chain.remembered));
  }
  heads.move_to(out);
}

}  // namespace

std::vector<std::string> check(const std::filesystem::path& file) {
  SQLite::Database db = open_current(file, Access::kRead);
  std::vector<std::string> out;
  try {
    const Snapshot snapshot(db);
    check_integrity(db, out);
    check_foreign_keys(db, out);
    check_posts(db, out);
    check_sessions(db, out);
  } catch (const SQLite::Exception& error) {
    out.push_back(fmt::format("the file cannot be read to its end: {}", reason(error)));
  }
  return out;
}

}  // namespace hub::store
