// Planted damage, and what check says about each. Each plants one thing into a sound database.
#include <algorithm>
#include <fstream>

#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

struct Damaged {
  Damaged() {
    make_database(file);
    const auto store = SqliteStore::open(file);
    StoreVerbs verbs(*store);
    for (const char* name : {"ann", "bob", "carol"}) verbs.add(name);
    verbs.follow("ann", "bob");
    for (int i = 0; i < 6; ++i) verbs.post(i % 2 == 0 ? "ann" : "bob", std::to_string(i));
    const MessageId hidden = verbs.post("ann", "deleted");
    verbs.ask(control::DeletePost{hidden});
    verbs.open_session("ann", 1);
    const DeviceNumber anns = verbs.open_sealed("ann", 1).device->number;
    const DeviceNumber bobs = verbs.open_sealed("bob", 1).device->number;
    REQUIRE((anns == 1 && bobs == 2));
    for (const std::uint64_t number : {std::uint64_t{4}, std::uint64_t{6}}) {
      verbs.ask(AppendPost{verbs.id("ann"), "ann", "numbered", {anns, number}});
    }
  }

  TempDirectory directory;
  std::filesystem::path file = directory / "hub.db";
};

}  // namespace

TEST_CASE("a sound database has no problems, with its writer and without") {
  Damaged world;
  REQUIRE(check(world.file).empty());
  const auto store = SqliteStore::open(world.file);
  StoreVerbs verbs(*store);
  verbs.post("carol", "not in accounts.last_post yet");
  REQUIRE(check(world.file).empty());
  verbs.ask(AppendPost{verbs.id("ann"), "ann", "its device's row is behind", {1, 7}});
  REQUIRE(check(world.file).empty());
  verbs.remove("ann");
  REQUIRE(check(world.file).empty());
}

TEST_CASE("check finds two sessions of an account on one connection") {
  Damaged world;
  StoreVerbs(*SqliteStore::open(world.file)).open_sealed("ann", 3);
  REQUIRE(check(world.file).empty());
  RawDatabase(world.file).run("UPDATE sessions SET token = 1 WHERE account = 1 AND framing = 1");
  REQUIRE(check(world.file) ==
          std::vector<std::string>{"2 sessions of account 1 are on one connection"});
}

TEST_CASE("check names what is wrong") {
  const auto damage = GENERATE(table<std::string, std::string>({
      {"UPDATE posts SET author = 77 WHERE id = 6", "post 6 has no account"},
      {"DELETE FROM posts WHERE id = 3", "post 5 of ann names 3"},
      {"UPDATE posts SET previous = 0 WHERE id = 5", "post 5 of ann names 0"},
      {"UPDATE posts SET previous = 6 WHERE id = 5", "post 5 of ann names 6"},
      {"UPDATE posts SET previous = 4 WHERE id = 5", "post 5 of ann names 4"},
      {"UPDATE posts SET previous = 5 WHERE id = 5", "post 5 of ann names 5"},
      {"UPDATE posts SET author = 3 WHERE id = 5", "of carol"},
      {"UPDATE accounts SET last_post = 3 WHERE id = 1",
       "the newest post of ann is 9, its account says 3"},
      {"UPDATE accounts SET last_post = 1 WHERE id = 3",
       "the newest post of carol is 0, its account says 1"},
      {"UPDATE settings SET heads_position = 100; UPDATE accounts SET last_post = 5 WHERE id = 1",
       "the newest post of ann is 9, its account says 5"},
      {"INSERT INTO follows VALUES (1, 99, 0)", "a row of follows refers to one of accounts"},
      {"UPDATE sessions SET account = 50 WHERE framing = 0",
       "a row of sessions refers to one of accounts"},
      {"UPDATE devices SET account = 50 WHERE id = 2",
       "a row of devices refers to one of accounts"},
      {"UPDATE posts SET device = 2 WHERE id = 9", "post 9 names device 2, which is another"},
      {"UPDATE posts SET device = 3 WHERE id = 9", "request 6 of device 3, which never was"},
      {"UPDATE posts SET device = -1 WHERE id = 9", "request 6 of device -1, which never was"},
      {"UPDATE posts SET device = 0 WHERE id = 9", "request 6 of device 0, which never was"},
      {"UPDATE posts SET sequence = 0 WHERE id = 9", "request 0 of device 1, which never was"},
      {"UPDATE posts SET sequence = 4 WHERE id = 9",
       "post 9 is request 4 of device 1, whose request 4 was done before"},
      {"UPDATE posts SET sequence = 7 WHERE id = 8", "whose request 7 was done before"},
      {"UPDATE devices SET done = 5 WHERE id = 1",
       "post 9 is request 6 of device 1, which has done 5"},
      {"UPDATE sessions SET device = 2 WHERE account = 1 AND framing = 1",
       "a session of account 1 names device 2, which is not its own"},
      {"UPDATE sessions SET device = 0 WHERE account = 1 AND framing = 1",
       "a session of account 1 names device 0, which is not its own"},
      {"UPDATE sessions SET device = 1 WHERE framing = 0",
       "a session of account 1 names device 1, which is not its own"},
      {"DELETE FROM devices WHERE id = 2", "a session of account 2 names device 2"},
  }));
  CAPTURE(std::get<0>(damage));
  Damaged world;
  RawDatabase(world.file).run(std::get<0>(damage));
  const auto problems = check(world.file);
  CAPTURE(problems);
  REQUIRE(std::any_of(problems.begin(), problems.end(), [&](const std::string& problem) {
    return problem.find(std::get<1>(damage)) != std::string::npos;
  }));
}

TEST_CASE("check reports damage that only SQLite can see, and does not report without end") {
  Damaged world;
  {
    RawDatabase raw(world.file);
    raw.run("PRAGMA writable_schema = ON");
    raw.run(
        "UPDATE sqlite_master SET sql = replace(sql, 'followee, follower', 'followee, since')"
        " WHERE name = 'follows_by_followee'");
  }
  REQUIRE_FALSE(check(world.file).empty());

  Damaged many;
  RawDatabase raw(many.file);
  raw.run(
      "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
      " INSERT INTO posts SELECT i, 88, 0, 0, 'x', 0, 0 FROM n");
  const auto problems = check(many.file);
  REQUIRE(problems.size() < 30);
  REQUIRE(problems.back().find("more of the kind") != std::string::npos);
}
