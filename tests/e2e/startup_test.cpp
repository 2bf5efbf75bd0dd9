// What hubd refuses to start with, each time with one line that says why and what to do.
#include <cstring>
#include <filesystem>

#include <catch2/catch.hpp>
#include <sqlite3.h>
#include <unistd.h>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

/// Starts a hubd that must refuse to, and returns its one line.
std::string refusal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("hubd"));
  const Finished finished = run({.argv = arguments});
  CHECK(finished.exit != 0);
  CHECK(finished.exit < 128);  // not by a signal
  const std::vector<std::string> lines = lines_of(finished.output + finished.errors);
  CAPTURE(finished.output, finished.errors);
  CHECK(lines.size() == 1);
  return lines.empty() ? "" : lines.back();
}

std::string refusal_on(const fs::path& data) {
  return refusal({"--data", data.string(), "--listen", "127.0.0.1:0"});
}

bool says(const std::string& line, const std::string& word) {
  INFO(line << " -- should say " << word);
  return line.find(word) != std::string::npos;
}

void execute(const fs::path& file, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
}

}  // namespace

TEST_CASE("a second hubd on one data directory is refused, and the first serves on") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  const std::string line = refusal_on(hub.data());
  CHECK(says(line, hub.data().string()));
  alice.post("still served");
}

TEST_CASE("a port that is taken is named") {
  const TestHub first;
  const TestHub second({.start = false});
  const std::string line = refusal({"--data", second.data().string(), "--listen", first.address()});
  CHECK(says(line, first.address()));
}

TEST_CASE("an address that is none, or not ours, is named") {
  const TestHub hub({.start = false});
  for (const char* address : {"127.0.0.1:99999", "nonsense", "192.0.2.77:0", "127.0.0.1"}) {
    CHECK(says(refusal({"--data", hub.data().string(), "--listen", address}), address));
  }
}

TEST_CASE("a configuration with an unknown key or a bad value is refused, with file and key") {
  const TestHub hub({.start = false});
  const fs::path file = hub.scratch() / "hubd.toml";
  for (const char* content : {"sesion-timeout = \"60s\"\n", "session-timeout = \"soon\"\n",
                              "classic = \"perhaps\"\n", "this is not TOML\n"}) {
    CAPTURE(content);
    write_whole(file, content);
    for (const bool check_only : {true, false}) {
      std::vector<std::string> arguments = {"--config",          file.string(), "--data",
                                            hub.data().string(), "--listen",    "127.0.0.1:0"};
      if (check_only) arguments.push_back("--check-config");
      const std::string line = refusal(arguments);
      CHECK(says(line, file.string()));
      if (content[0] == 's') CHECK(says(line, std::string(content, std::strchr(content, ' '))));
    }
  }
  const std::string line = refusal(
      {"--config", (hub.scratch() / "missing.toml").string(), "--data", hub.data().string()});
  CHECK(says(line, "missing.toml"));
}

TEST_CASE("what --default-config prints is a configuration that --check-config accepts") {
  const TempDirectory dir;
  const Finished printed = run({.argv = {program("hubd"), "--default-config"}});
  CHECK(printed.exit == 0);
  const fs::path file = write_whole(dir / "hubd.toml", printed.output);
  const Finished checked =
      run({.argv = {program("hubd"), "--config", file.string(), "--check-config"},
           .environment = {{"HOME", dir.path().string()}}});
  INFO(checked.errors);
  CHECK(checked.exit == 0);
}

TEST_CASE("where there is no data directory hubd makes one, for its user alone") {
  const TempDirectory dir;
  HubdProcess hubd(
      {.data = dir.path() / "new" / "hub",
       .log = dir / "hubd.log",
       .flags = {"--listen", "127.0.0.1:0", "--kdf-memory", "8KiB", "--kdf-passes", "1"}});
  CHECK(static_cast<int>(fs::status(dir.path() / "new" / "hub").permissions()) == 0700);
  CHECK(fs::exists(dir.path() / "new" / "hub" / "hub.db"));
  CHECK(hubd.stop() == 0);
}

TEST_CASE("a corrupt database is refused, and left as it is") {
  const TestHub hub({.start = false});
  const fs::path file = hub.data() / "hub.db";
  // What SQLite still has beside the file would be written into it.
  fs::remove(hub.data() / "hub.db-wal");
  fs::remove(hub.data() / "hub.db-shm");
  SECTION("not a database at all") {
    const std::string garbage(100'000, 'g');
    write_whole(file, garbage);
    CHECK(says(refusal_on(hub.data()), "hub.db"));
    CHECK((read_whole(file) == garbage));
  }
  SECTION("cut in the middle of the first page") {
    fs::resize_file(file, 1000);
    CHECK(says(refusal_on(hub.data()), "hub.db"));
  }
  SECTION("empty") {
    fs::resize_file(file, 0);
    CHECK(says(refusal_on(hub.data()), "hub.db"));
  }
  SECTION("another program's database") {
    fs::remove(file);
    execute(file, "CREATE TABLE recipes (name TEXT)");
    CHECK(says(refusal_on(hub.data()), "hub.db"));
  }
}

TEST_CASE("a newer schema is refused, by hubadmin too") {
  const TestHub hub({.start = false});
  execute(hub.data() / "hub.db", "PRAGMA user_version = 9999");
  CHECK(says(refusal_on(hub.data()), "newer"));
  for (const char* command : {"list-users", "migrate", "stats"}) {
    CHECK(hub.admin({command}).exit == 6);
  }
}

TEST_CASE("an older schema is refused by hubd, upgraded by hubadmin migrate, and copied before") {
  TestHub hub;
  hub.online("alice").post("before the upgrade");
  hub.stop();
  // Undoes the newest migrations by hand.
  const std::string older = read_whole(source_file("migrations/0002_sessions.sql"));
  execute(hub.data() / "hub.db",
          ("DROP TABLE sessions; DROP TABLE devices; ALTER TABLE posts DROP COLUMN device;"
           "ALTER TABLE posts DROP COLUMN sequence; ALTER TABLE settings DROP COLUMN is_copy;" +
           older + "PRAGMA user_version = 3")
              .c_str());
  CHECK(says(refusal_on(hub.data()), "hubadmin"));
  CHECK(says(refusal_on(hub.data()), "migrate"));
  CHECK(hub.admin({"add-user", "dave"}, "pw\n").exit == 6);
  hub.admin_ok({"migrate"});
  CHECK(fs::exists(hub.data() / "hub.db.v3.bak"));
  hub.start();
  CHECK(list_posts(hub).at(0).text == "before the upgrade");
  hub.online("alice").post("after it");
}

TEST_CASE("a database that cannot be read or written is refused") {
  const TestHub hub({.start = false});
  const fs::path file = hub.data() / "hub.db";
  std::vector<std::string> bound;
  if (::geteuid() == 0) {  // root is refused nothing, unless it gives that up
    const std::string rights = "-dac_override,-dac_read_search";
    bound = {"setpriv", "--bounding-set", rights, "--inh-caps", rights};
    std::vector<std::string> probe = bound;
    probe.push_back("true");
    if (run({.argv = probe}).exit != 0) {
      WARN("root may not give up its rights here: not tested");
      return;
    }
  }
  const auto refused = [&](fs::perms mode) {
    fs::permissions(file, mode);
    std::vector<std::string> argv = bound;
    argv.insert(argv.end(),
                {program("hubd"), "--data", hub.data().string(), "--listen", "127.0.0.1:0"});
    const Finished finished = run({.argv = argv});
    CHECK(finished.exit != 0);
    CHECK(says(finished.output + finished.errors, "hub.db"));
  };
  refused(fs::perms::none);
  refused(fs::perms(0444));
}

TEST_CASE("the data directory and its files are nobody else's business") {
  const TestHub hub;
  const auto mode = [](const fs::path& path) {
    return static_cast<int>(fs::status(path).permissions());
  };
  CHECK(mode(hub.data()) == 0700);
  CHECK(mode(hub.data() / "hub.db") == 0600);
  CHECK(mode(hub.data() / "hubd.sock") == 0660);
}

TEST_CASE("a hub of a release without keys gets one at its next start, and the log says so") {
  TestHub hub({.start = false});
  fs::remove(hub.data() / "hub.key");
  fs::remove(hub.data() / "reset.key");
  hub.start();
  CHECK(says(hub.log(), "there was no " + (hub.data() / "hub.key").string()));
  const std::string shown = hub.admin_ok({"show-key"});
  const std::string kept = read_whole(hub.data() / "hub.key");
  const std::string first = read_whole(hub.data() / "reset.key");
  hub.restart();
  CHECK(hub.admin_ok({"show-key"}) == shown);
  CHECK(read_whole(hub.data() / "hub.key") == kept);
  CHECK(read_whole(hub.data() / "reset.key") != first);  // another generation
}

TEST_CASE("a key that others can read is refused, with the command to run") {
  const TestHub hub({.start = false});
  const auto file = GENERATE(as<std::string>{}, "hub.key", "reset.key");
  const fs::path path = hub.data() / file;
  fs::permissions(path, fs::perms(0640));
  CHECK(says(refusal_on(hub.data()), "chmod 600 " + path.string()));
  fs::permissions(path, fs::perms(0600));
  write_whole(path, "not a key\n");
  CHECK(says(refusal_on(hub.data()), path.string()));
}

TEST_CASE("a running hub is told of a rotation") {
  const TestHub hub;
  hub.admin_ok({"rotate-key"});
  CHECK(hub.admin({"rotate-key"}).exit == 4);
  hub.admin_ok({"rotate-key", "--finish", "--yes"});
  hub.admin_ok({"invite", "alice", "--host", "hub.example"});
}

TEST_CASE("a flag wins over the environment, and the environment over the file") {
  const TempDirectory dir;
  const auto resets = [&](const char* file, const char* environment, const char* flag) {
    const fs::path config =
        write_whole(dir / "hubd.toml", std::string("session-timeout = \"") + file + "\"\n");
    TestHub::Options options{.flags = {"--config", config.string()}};
    if (flag != nullptr) options.flags.insert(options.flags.end(), {"--session-timeout", flag});
    if (environment != nullptr) options.environment = {{"HUB_SESSION_TIMEOUT", environment}};
    const TestHub hub(options);
    hub.online("alice").expect(0x00);  // or waits in vain
  };
  CHECK_NOTHROW(resets("100ms", nullptr, nullptr));
  CHECK_NOTHROW(resets("1h", "100ms", nullptr));
  CHECK_NOTHROW(resets("1h", "2h", "100ms"));
}

TEST_CASE("each program says its version") {
  for (const char* name : {"hubd", "spoke", "hubadmin"}) {
    const Finished finished = run({.argv = {program(name), "--version"}});
    CHECK(finished.exit == 0);
    CHECK(lines_of(finished.output).size() == 1);
  }
}

}  // namespace hub::test
