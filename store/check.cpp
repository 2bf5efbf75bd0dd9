// hubadmin check: what SQLite can see is wrong, and then what only we can: posts without an author,
// chains that are not chains, newest posts that are not the newest.
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

/// In one pass by ID: each post must name the one of its author that came just before.
void check_chains(SQLite::Database& db, std::vector<std::string>& out) {
  Chains chains = read_accounts(db);
  const auto heads_position =
      static_cast<MessageId>(db.execAndGet("SELECT heads_position FROM settings").getInt64());
  Problems orphans;
  Problems broken;
  SQLite::Statement query(db, "SELECT id, author, previous FROM posts ORDER BY id");
  for (Use row(query); row.step();) {
    const auto id = static_cast<MessageId>(row.number(0));
    const auto previous = static_cast<MessageId>(row.number(2));
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
    check_chains(db, out);
  } catch (const SQLite::Exception& error) {
    out.push_back(fmt::format("the file cannot be read to its end: {}", reason(error)));
  }
  return out;
}

}  // namespace hub::store
