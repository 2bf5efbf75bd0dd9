// Databases of other schemas: older ones are upgraded whole or not at all, newer ones refused.
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/maintenance.hpp"
#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using Why = OpenError::Why;

namespace {

/// A database as the first schema had it, with two accounts, a follow and three posts.
void make_first_schema(const std::filesystem::path& file) {
  SystemRandom random;
  create_database(file, kCheapKdf, random, embedded_migrations().first(1));
  RawDatabase raw(file);
  for (const std::string name : {"ann", "bob"}) {
    raw.run(
        "INSERT INTO accounts (key, name, salt, kdf_memory, kdf_passes, stored_key, server_key,"
        " created) VALUES ('" +
        name + "', '" + name +
        "', zeroblob(16), 8192, 1, zeroblob(32),"
        " zeroblob(32), 5)");
  }
  raw.run("INSERT INTO follows VALUES (1, 2, 0)");
  raw.run(
      "INSERT INTO posts VALUES (1, 2, 0, 5, 'one'), (2, 1, 0, 6, 'two'), (3, 2, 1, 7, 'three')");
}

/// One that a hub of that time might have left, by the SQL of that time.
void make_old_schema(const std::filesystem::path& file, int version) {
  std::ifstream in(source_file("tests/store/fixtures/schema_" + std::to_string(version) + ".sql"));
  RawDatabase(file).run(std::string{std::istreambuf_iterator<char>(in), {}});
}

Why why_not(const std::filesystem::path& file) {
  try {
    SqliteStore::open(file);
  } catch (const OpenError& error) {
    return error.why();
  }
  FAIL("it opened");
  return {};
}

std::string message_of(const std::filesystem::path& file) {
  try {
    SqliteStore::open(file);
  } catch (const OpenError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("the migrations count from one without gaps") {
  int version = 0;
  for (const Migration& migration : embedded_migrations()) {
    REQUIRE(migration.version == ++version);
    REQUIRE(std::stoi(std::string(migration.name.substr(0, 4))) == version);
    REQUIRE_FALSE(migration.sql.empty());
  }
  REQUIRE(version >= 3);
}

TEST_CASE("an older database is refused with the command that upgrades it, and then upgraded") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_first_schema(file);
  REQUIRE(why_not(file) == Why::kOlderSchema);
  REQUIRE(message_of(file).find("hubadmin --data " + directory.path().string() + " migrate") !=
          std::string::npos);

  const MigrationReport report = migrate(file);
  REQUIRE(report.from == 1);
  REQUIRE(report.to == embedded_migrations().back().version);
  REQUIRE(check(file).empty());
  const auto store = SqliteStore::open(file);
  StoreVerbs verbs(*store);
  REQUIRE(verbs.feed("ann") == std::vector<std::string>{"<bob>three", "<bob>one"});
  REQUIRE(verbs.post("bob", "four") == 4);
  verbs.open_session("ann", 7);

  REQUIRE(report.backup == directory / "hub.db.v1.bak");
  RawDatabase copy(report.backup);
  REQUIRE(copy.number("PRAGMA user_version") == 1);
  REQUIRE(copy.number("SELECT count(*) FROM posts") == 3);
  REQUIRE(copy.text("PRAGMA integrity_check") == "ok");
  struct stat status {};
  REQUIRE(::stat(report.backup.c_str(), &status) == 0);
  REQUIRE((status.st_mode & 07777) == 0600);
}

TEST_CASE("a database without devices is upgraded with its history, its sealed sessions left out") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  SystemRandom random;
  create_database(file, kCheapKdf, random, embedded_migrations().first(4));
  std::int64_t history = 0;
  {
    RawDatabase raw(file);
    raw.run(
        "INSERT INTO accounts (key, name, salt, kdf_memory, kdf_passes, stored_key, server_key,"
        " created) VALUES ('ann', 'ann', zeroblob(16), 8192, 1, zeroblob(32), zeroblob(32), 5)");
    raw.run("INSERT INTO follows VALUES (1, 1, 0)");
    raw.run("INSERT INTO posts VALUES (1, 1, 0, 5, 'one'), (2, 1, 1, 6, 'two')");
    for (const std::string session : {"0, 7", "1, 8", "1, 9"}) {
      raw.run("INSERT INTO sessions VALUES (1, " + session +
              ", zeroblob(16), 1, 2, zeroblob(16), 3, 4, zeroblob(2), 5)");
    }
    history = raw.number("SELECT history_id FROM settings");
  }
  REQUIRE(why_not(file) == Why::kOlderSchema);
  const MigrationReport report = migrate(file);
  REQUIRE(report.from == 4);
  REQUIRE(check(file).empty());
  REQUIRE(RawDatabase(file).text("SELECT device || ' ' || sequence FROM posts") == "0 0\n0 0");
  REQUIRE(RawDatabase(report.backup).number("SELECT history_id FROM settings") == history);

  const auto store = SqliteStore::open(file);
  StoreVerbs verbs(*store);
  REQUIRE(verbs.reader().info()->history_id != static_cast<std::uint64_t>(history));
  REQUIRE(verbs.feed("ann") == std::vector<std::string>{"<ann>two", "<ann>one"});
  const auto sessions = *verbs.reader().sessions({}, 10);
  REQUIRE(sessions.size() == 1);
  REQUIRE(sessions[0].framing == Framing::kClassic);
  REQUIRE(sessions[0].token == 7);
  REQUIRE(sessions[0].device == 0);
  REQUIRE(verbs.reader().devices(1)->empty());
  const DeviceNumber device = verbs.open_sealed("ann", 1).device->number;
  REQUIRE(std::holds_alternative<Posted>(verbs.ask(AppendPost{1, "ann", "three", {device, 1}})));
  REQUIRE(verbs.feed("ann").size() == 3);
}

TEST_CASE("a database of schema 2 or 3 is upgraded with its classic sessions") {
  const int version = GENERATE(2, 3);
  CAPTURE(version);
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_old_schema(file, version);
  REQUIRE(why_not(file) == Why::kOlderSchema);
  const MigrationReport report = migrate(file);
  REQUIRE(report.from == version);
  REQUIRE(report.to == embedded_migrations().back().version);
  REQUIRE(check(file).empty());
  RawDatabase copy(report.backup);
  REQUIRE(copy.number("PRAGMA user_version") == version);
  REQUIRE(copy.number("SELECT count(*) FROM sessions") == 4);

  const auto store = SqliteStore::open(file);
  StoreVerbs verbs(*store);
  REQUIRE(verbs.feed("ann") == std::vector<std::string>{"<bob>three", "<bob>one"});
  REQUIRE(verbs.feed("bob") == std::vector<std::string>{"<Ann>two"});
  const auto sessions = *verbs.reader().sessions({}, 10);
  REQUIRE(sessions.size() == 2);
  REQUIRE((sessions[0].name == "Ann" && sessions[0].token == 7));
  REQUIRE((sessions[0].remote.port == 32001 && sessions[0].remote.scope == 1));
  REQUIRE((sessions[0].local.port == 32000 && sessions[0].local.scope == 2));
  REQUIRE(sessions[0].online_since == WallTime(std::chrono::microseconds(8)));
  REQUIRE((sessions[1].name == "bob" && sessions[1].token == 4294967295));
  for (const StoredSession& session : sessions) {
    REQUIRE(session.framing == Framing::kClassic);
    REQUIRE(session.device == 0);
    REQUIRE(session.magic == std::array<std::uint8_t, 2>{'H', 'i'});
  }
  verbs.open_sealed("cid", 1);
  REQUIRE(verbs.post("cid", "four") == 4);
}

TEST_CASE("the migrations make the schemas that they made when they were new") {
  const int version = GENERATE(2, 3);
  CAPTURE(version);
  TempDirectory directory;
  make_old_schema(directory / "then.db", version);
  SystemRandom random;
  create_database(directory / "now.db", kCheapKdf, random,
                  embedded_migrations().first(static_cast<std::size_t>(version)));
  const char* columns =
      "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || c.pk"
      " || ' ' || ifnull(c.dflt_value, '') FROM sqlite_master t, pragma_table_info(t.name) c"
      " ORDER BY 1";
  REQUIRE(RawDatabase(directory / "now.db").text(columns) ==
          RawDatabase(directory / "then.db").text(columns));
}

TEST_CASE("a database of the current schema is left alone, without a copy") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_database(file);
  const MigrationReport report = migrate(file);
  REQUIRE(report.from == report.to);
  REQUIRE(report.backup.empty());
  REQUIRE(std::distance(std::filesystem::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("a newer database is refused by everybody and unharmed") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_database(file);
  RawDatabase(file).run("PRAGMA user_version = 999");
  REQUIRE(why_not(file) == Why::kNewerSchema);
  REQUIRE(message_of(file).find("999") != std::string::npos);
  try {
    migrate(file);
    FAIL("it was migrated");
  } catch (const OpenError& error) {
    REQUIRE(error.why() == Why::kNewerSchema);
  }
  REQUIRE(RawDatabase(file).number("PRAGMA user_version") == 999);
}

TEST_CASE("a migration that fails leaves the database as it was, and usable by what wrote it") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_first_schema(file);
  const auto good = embedded_migrations()[1];
  const std::string_view broken =
      GENERATE("CREATE TABLE extra (a); INSERT INTO nowhere VALUES (1)",
               "CREATE TABLE extra (a); INSERT INTO follows VALUES (1, 77, 0)", "not even SQL");
  CAPTURE(broken);
  const Migration migrations[] = {embedded_migrations()[0], good, {3, "0003_broken", broken}};
  try {
    migrate(file, migrations);
    FAIL("it succeeded");
  } catch (const OpenError& error) {
    const std::string line = error.what();
    REQUIRE(line.find("schema 2") != std::string::npos);
    REQUIRE(line.find("hub.db.v1.bak") != std::string::npos);
    REQUIRE(line.find('\n') == std::string::npos);
  }
  RawDatabase raw(file);
  REQUIRE(raw.number("PRAGMA user_version") == 2);
  REQUIRE(raw.number("SELECT count(*) FROM sqlite_master WHERE name = 'extra'") == 0);
  REQUIRE(raw.number("SELECT count(*) FROM posts") == 3);

  const MigrationReport again = migrate(file);
  REQUIRE(again.from == 2);
  REQUIRE(check(file).empty());
}

TEST_CASE("a copy of an earlier try is kept") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_first_schema(file);
  const Migration broken[] = {embedded_migrations()[0], {2, "0002_broken", "no"}};
  for (int i = 0; i < 2; ++i) REQUIRE_THROWS_AS(migrate(file, broken), OpenError);
  REQUIRE(migrate(file).backup == directory / "hub.db.v1.bak.3");
  for (const char* copy : {"hub.db.v1.bak", "hub.db.v1.bak.2", "hub.db.v1.bak.3"}) {
    REQUIRE(RawDatabase(directory / copy).number("SELECT count(*) FROM posts") == 3);
  }
}

TEST_CASE("a migration may rebuild a table that others refer to") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_first_schema(file);
  const Migration rebuild[] = {embedded_migrations()[0],
                               {2, "0002_rebuild",
                                "CREATE TABLE other AS SELECT * FROM accounts;"
                                "DELETE FROM accounts; INSERT INTO accounts SELECT * FROM other;"
                                "DROP TABLE other"}};
  REQUIRE(migrate(file, rebuild).to == 2);
  REQUIRE(RawDatabase(file).number("SELECT count(*) FROM follows") == 1);
}
