// Files that cannot be used, each with one clear line; and the one that is made new.
#include <fstream>
#include <random>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/unprivileged.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using Why = OpenError::Why;

namespace {

template <typename Open>
OpenError error_of(Open&& open) {
  try {
    open();
  } catch (const OpenError& error) {
    const std::string line = error.what();
    INFO(line);
    REQUIRE(line.find('\n') == std::string::npos);
    REQUIRE(line.size() > 20);
    return error;
  }
  FAIL("it opened");
  throw std::logic_error("unreachable");
}

/// Everything that opens a database refuses it in the same way.
void require_refused(const std::filesystem::path& file, Why why, const std::string& word) {
  for (const auto& error :
       {error_of([&] { SqliteStore::open(file); }), error_of([&] { AdminReader reader(file); }),
        error_of([&] { check(file); })}) {
    CAPTURE(error.what());
    REQUIRE(error.why() == why);
    REQUIRE(std::string(error.what()).find(word) != std::string::npos);
  }
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("a new database is private, complete and different from every other") {
  TempDirectory directory;
  make_database(directory / "a.db");
  make_database(directory / "b.db");
  REQUIRE(mode_of(directory / "a.db") == 0600);
  const auto store_a = SqliteStore::open(directory / "a.db");
  const auto store_b = SqliteStore::open(directory / "b.db");
  const HubInfo a = *store_a->open_reader()->info();
  const HubInfo b = *store_b->open_reader()->info();
  REQUIRE(a.history_id != b.history_id);
  REQUIRE(a.secret != b.secret);
  REQUIRE(a.kdf == kCheapKdf);
  REQUIRE(mode_of(directory / "a.db-wal") == 0600);
  REQUIRE(RawDatabase(directory / "a.db").text("PRAGMA journal_mode") == "wal");
  REQUIRE(check(directory / "a.db").empty());
}

TEST_CASE("a database that somebody copied without its journal mode gets it back") {
  TempDirectory directory;
  make_database(directory / "hub.db");
  RawDatabase(directory / "hub.db").run("VACUUM INTO '" + (directory / "copy.db").string() + "'");
  REQUIRE(RawDatabase(directory / "copy.db").text("PRAGMA journal_mode") == "delete");
  SqliteStore::open(directory / "copy.db");
  CHECK(RawDatabase(directory / "copy.db").text("PRAGMA journal_mode") == "wal");
  CHECK(check(directory / "copy.db").empty());
}

TEST_CASE("a database that another program has locked is not opened, and the error says so") {
  TempDirectory directory;
  make_database(directory / "hub.db");
  RawDatabase sqlite3(directory / "hub.db");
  sqlite3.run("PRAGMA locking_mode = EXCLUSIVE");
  sqlite3.run("BEGIN EXCLUSIVE");
  const OpenError error = error_of([&] { SqliteStore::open(directory / "hub.db"); });
  CHECK(error.why() == Why::kCannotOpen);
  CHECK(std::string(error.what()).find("another program") != std::string::npos);
}

TEST_CASE("a database that is refused keeps its journal mode") {
  TempDirectory directory;
  make_database(directory / "hub.db");
  const auto newer = directory / "newer.db";
  RawDatabase(directory / "hub.db").run("VACUUM INTO '" + newer.string() + "'");
  RawDatabase(newer).run("PRAGMA user_version = 1000");
  error_of([&] { SqliteStore::open(newer); });
  error_of([&] { migrate(newer); });
  CHECK(RawDatabase(newer).text("PRAGMA journal_mode") == "delete");
}

TEST_CASE("a new database is private whatever the umask, and leaves nothing else behind") {
  TempDirectory directory;
  const mode_t before = ::umask(0);
  make_database(directory / "hub.db");
  ::umask(before);
  REQUIRE(mode_of(directory / "hub.db") == 0600);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    static_cast<void>(entry);
    ++files;
  }
  REQUIRE(files == 1);
}

TEST_CASE("a database is never made over another file, but over what a crash left of one") {
  TempDirectory directory;
  write(directory / "hub.db", "something");
  const auto error = error_of([&] { make_database(directory / "hub.db"); });
  REQUIRE(std::string(error.what()).find("already") != std::string::npos);
  REQUIRE(std::filesystem::file_size(directory / "hub.db") == 9);

  std::filesystem::remove(directory / "hub.db");
  write(directory / "hub.db.new", "half of a database");
  make_database(directory / "hub.db");
  REQUIRE(check(directory / "hub.db").empty());
  REQUIRE_FALSE(std::filesystem::exists(directory / "hub.db.new"));
}

TEST_CASE("a database that cannot be made says so") {
  TempDirectory directory;
  error_of([&] { make_database(directory / "no/such/hub.db"); });
  SystemRandom random;
  error_of([&] { create_database(directory / "hub.db", {1, 1}, random); });
  REQUIRE_FALSE(std::filesystem::exists(directory / "hub.db"));
}

TEST_CASE("a missing database names the command that makes one") {
  TempDirectory directory;
  require_refused(directory / "hub.db", Why::kCannotOpen,
                  "hubadmin --data " + directory.path().string() + " init");
}

TEST_CASE("a directory in the place of the database is named as that") {
  TempDirectory directory;
  std::filesystem::create_directory(directory / "hub.db");
  require_refused(directory / "hub.db", Why::kCannotOpen, "not a file");
}

TEST_CASE("what is no database, and what is another program's, is refused") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  SECTION("text") {
    write(file, std::string(5000, 'x'));
    require_refused(file, Why::kNotADatabase, "not a database");
  }
  SECTION("nothing") {
    write(file, "");
    require_refused(file, Why::kNotADatabase, "empty");
  }
  SECTION("another program's") {
    RawDatabase(file).run("CREATE TABLE accounts (id INTEGER); PRAGMA user_version = 3");
    require_refused(file, Why::kNotADatabase, "another program");
  }
  SECTION("a hub's without its tables") {
    make_database(file);
    RawDatabase(file).run("DROP TABLE sessions");
    const auto error = error_of([&] { SqliteStore::open(file); });
    REQUIRE(error.why() == Why::kNotADatabase);
    REQUIRE(std::string(error.what()).find("damaged") != std::string::npos);
  }
  SECTION("a hub's without its settings") {
    make_database(file);
    RawDatabase(file).run("DELETE FROM settings");
    REQUIRE(error_of([&] { SqliteStore::open(file); }).why() == Why::kNotADatabase);
  }
  SECTION("a hub's with an account number beyond all reason") {
    make_database(file);
    {
      const auto store = SqliteStore::open(file);
      StoreVerbs(*store).add("ann");
    }
    RawDatabase(file).run("UPDATE accounts SET id = 1 << 50");
    REQUIRE(error_of([&] { SqliteStore::open(file); }).why() == Why::kNotADatabase);
  }
}

namespace {

/// Bytes at random places get random values, or half the file is gone.
void damage(const std::filesystem::path& file, unsigned seed) {
  std::mt19937_64 random(seed);
  const auto size = std::filesystem::file_size(file);
  std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
  for (int i = 0; i < 30; ++i) {
    damaged.seekp(static_cast<std::streamoff>(100 + random() % (size - 100)));
    damaged.put(static_cast<char>(random()));
  }
  damaged.close();
  if (seed % 4 == 0) std::filesystem::resize_file(file, size / 2);
}

void use_everything(const std::filesystem::path& file) {
  try {
    const auto store = SqliteStore::open(file);
    const auto reader = store->open_reader();
    reader->info();
    reader->counts();
    reader->accounts("", 100);
    reader->retrieve(1, 100, 0);
    reader->sessions({}, 100);
    reader->backlog(1, 0, 3, 3);
    reader->devices(1);
    find_device(*reader, "ann", dummy_device(1));
    const Request requests[] = {{1, AppendPost{1, "ann", "text"}},
                                {2, AppendPost{1, "ann", "text", {1, 99}}},
                                {3, Unfollow{1, "nobody", {1, 100}}},
                                {4, control::ForgetDevice{"ann", dummy_device(1)}}};
    for (const Request& request : requests) {
      REQUIRE(apply(*store, {request}).size() >= 1);
    }
    check(file);
  } catch (const OpenError& error) {
    REQUIRE(std::string(error.what()).find('\n') == std::string::npos);
  }
}

}  // namespace

TEST_CASE("a damaged database is an error at opening or at reading, never a crash") {
  const FaultyDisk disk;
  TempDirectory directory;
  make_database(directory / "fresh.db");
  {
    const auto store = SqliteStore::open(directory / "fresh.db");
    StoreVerbs verbs(*store);
    verbs.add("ann");
    verbs.follow("ann", "ann");
    for (const std::uint8_t seed : {std::uint8_t{1}, std::uint8_t{2}})
      verbs.open_sealed("ann", seed);
    for (std::uint64_t i = 1; i <= 50; ++i) {
      verbs.ask(AppendPost{1, "ann", std::string(200, 'x'), {1, i}});
    }
  }
  for (unsigned seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    const auto file = directory / ("damaged" + std::to_string(seed));
    std::filesystem::copy_file(directory / "fresh.db", file);
    damage(file, seed);
    use_everything(file);
  }
}

TEST_CASE("a database that may not be read or written says so") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  make_database(file);
  const auto permissions = [&](std::filesystem::perms perms) {
    std::filesystem::permissions(file, perms);
  };
  const Unprivileged nobody(directory.path());
  if (!nobody.is_bound()) {
    WARN("permissions do not bind here: skipped");
    return;
  }
  SECTION("unreadable") {
    permissions(std::filesystem::perms::none);
    require_refused(file, Why::kCannotOpen, "Permission denied");
  }
  SECTION("read-only") {
    permissions(std::filesystem::perms::owner_read);
    const auto error = error_of([&] { SqliteStore::open(file); });
    REQUIRE(error.why() == Why::kCannotOpen);
    REQUIRE(std::string(error.what()).find("cannot write") != std::string::npos);
    REQUIRE(check(file).empty());
  }
  SECTION("in a directory that is read-only") {
    using std::filesystem::perms;
    std::filesystem::permissions(directory.path(), perms::owner_read | perms::owner_exec);
    const auto error = error_of([&] { SqliteStore::open(file); });
    REQUIRE(std::string(error.what()).find("directory") != std::string::npos);
    error_of([&] { make_database(directory / "other.db"); });
    std::filesystem::permissions(directory.path(), perms::owner_all);
  }
}
