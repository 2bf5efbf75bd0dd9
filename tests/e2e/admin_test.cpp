// hubadmin against a live hub and without one: exit codes, lists, what takes effect at once.
#include <csignal>
#include <filesystem>

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"
#include "tests/support/pty.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

constexpr ExitCode kFailed = 1;
constexpr ExitCode kBadUsage = 2;
constexpr ExitCode kNotFound = 3;
constexpr ExitCode kExists = 4;
constexpr ExitCode kUnreachable = 5;
constexpr ExitCode kDatabase = 6;

/// Runs hubadmin, which must fail with this code and one line.
void check_fails(const TestHub& hub, ExitCode exit, const std::vector<std::string>& arguments,
                 std::string_view input = {}) {
  const Finished finished = hub.admin(arguments, input);
  CAPTURE(arguments, finished.output, finished.errors);
  CHECK(finished.exit == exit);
  CHECK(lines_of(finished.errors).size() == 1);
}

bool can_log_in(const TestHub& hub, const std::string& credentials) {
  RawClient client = hub.raw();
  client.send(0x10, credentials);
  return client.receive().opcode == 0x80;
}

}  // namespace

TEST_CASE("hubadmin's exit codes, with the hub up and down") {
  const bool up = GENERATE(true, false);
  CAPTURE(up);
  const TestHub hub({.start = up});
  check_fails(hub, kExists, {"add-user", "alice"}, "pw\n");
  check_fails(hub, kExists, {"add-user", "ALICE"}, "pw\n");
  for (const char* command : {"show-user", "disable-user", "enable-user", "delete-user",
                              "end-session", "list-follows", "list-devices"}) {
    check_fails(hub, kNotFound, {command, "nobody"});
  }
  check_fails(hub, kNotFound, {"set-password", "nobody"}, "pw\n");
  check_fails(hub, kNotFound, {"list-posts", "--author", "nobody"});
  check_fails(hub, kNotFound, {"delete-post", "999"});
  check_fails(hub, kNotFound, {"forget-device", "alice", "ab"});
  check_fails(hub, kBadUsage, {"frobnicate"});
  check_fails(hub, kBadUsage, {});
  check_fails(hub, kBadUsage, {"add-user"});
  check_fails(hub, kBadUsage, {"add-user", "dave", "password"});
  check_fails(hub, kBadUsage, {"add-user", "no name"}, "pw\n");
  check_fails(hub, kBadUsage, {"delete-post", "first"});
  check_fails(hub, kBadUsage, {"delete-user", "alice"});  // not without being asked, or --yes
  check_fails(hub, kBadUsage, {"list-users", "--nonsense"});
  hub.admin_ok({"delete-user", "--yes", "bob"});
  check_fails(hub, kExists, {"add-user", "bob"}, "pw\n");  // the ID is retired
  hub.admin_ok({"check"});
}

TEST_CASE("init makes a hub once") {
  const TestHub hub({.start = false});
  check_fails(hub, kExists, {"init"});
  fs::remove(hub.data() / "hub.db");
  check_fails(hub, kDatabase, {"list-users"});
}

TEST_CASE("a hub that is held up is unreachable, and nothing is changed behind its back") {
  TestHub hub;
  hub.hubd().process().send_signal(SIGSTOP);
  check_fails(hub, kUnreachable, {"disable-user", "alice"});
  hub.hubd().process().send_signal(SIGCONT);
  CHECK(hub.admin_ok({"show-user", "bob", "--json"}).find("\"active\"") != std::string::npos);
}

TEST_CASE("every list with --json is one object a line") {
  const bool up = GENERATE(true, false);
  CAPTURE(up);
  TestHub hub;
  RawClient alice = hub.online("alice");
  alice.subscribe("bob");
  alice.post("with \"quotes\", a \\ and \xE2\x82\xAC");
  if (!up) hub.stop();
  const auto rows = [&](const std::vector<std::string>& arguments,
                        const std::vector<std::string>& keys) {
    const std::string text = hub.admin_ok(arguments);
    CHECK_NOTHROW(check_json_lines(text, keys));
    return lines_of(text).size();
  };
  CHECK(rows({"list-users", "--json"}, {"name", "state", "created"}) == 3);
  CHECK(rows({"show-user", "alice", "--json"}, {"name", "state", "created", "posts"}) == 1);
  CHECK(rows({"list-posts", "--json"}, {"id", "author", "text", "committed"}) == 1);
  CHECK(rows({"list-follows", "--json"}, {"follower", "followee"}) == 1);
  CHECK(rows({"list-sessions", "--json"}, {"account", "state", "framing", "address", "online_since",
                                           "last_active", "unacknowledged"}) == 1);
  CHECK(rows({"stats", "--json"}, {"server", "accounts", "follows"}) == 1);
  CHECK(list_posts(hub).at(0).text == "with \"quotes\", a \\ and \xE2\x82\xAC");
}

TEST_CASE("an account added while the hub runs can log in at once, and disabling it ends that") {
  const TestHub hub;
  hub.admin_ok({"add-user", "dave"}, "a & b\n");
  RawClient dave = hub.raw();
  dave.login("dave", "a & b");
  RawClient alice = hub.online("alice");
  dave.subscribe("alice");
  hub.admin_ok({"disable-user", "dave"});
  dave.expect(0x00);
  alice.post("dave is gone");
  dave.expect_nothing();
  dave.ask(0x30, "am I?", 0xF0);
  CHECK_FALSE(can_log_in(hub, "dave&a & b"));
  hub.admin_ok({"enable-user", "dave"});
  dave.login("dave", "a & b");
  dave.post("back");
}

TEST_CASE("a new password ends the sessions of the old one") {
  TestHub hub;
  RawClient alice = hub.online("alice");
  hub.admin_ok({"set-password", "alice"}, "another\n");
  alice.expect(0x00);
  CHECK_FALSE(can_log_in(hub, "alice&alice_pw"));
  CHECK(can_log_in(hub, "alice&another"));
  hub.stop();
  const fs::path file = write_whole(hub.scratch() / "password", "from a file\nand no more of it\n");
  hub.admin_ok({"set-password", "alice", "--password-file", file.string()});
  hub.start();
  CHECK_FALSE(can_log_in(hub, "alice&another"));
  CHECK(can_log_in(hub, "alice&from a file"));
  alice.ask(0x30, "am I?", 0xF0);
}

TEST_CASE("end-session ends the session and nothing else") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  hub.admin_ok({"end-session", "alice"});
  alice.expect(0x00);
  alice.ask(0x30, "am I?", 0xF0);
  alice.login("alice", "alice_pw");
}

TEST_CASE("a deleted account takes its posts, follows and session with it") {
  const bool up = GENERATE(true, false);
  CAPTURE(up);
  TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  bob.subscribe("alice");
  alice.subscribe("bob");
  for (int i = 0; i < 20; ++i) {
    alice.post("alice's");
    bob.expect(0xB1);
  }
  bob.post("bob's");
  if (!up) hub.stop();
  hub.admin_ok({"delete-user", "--yes", "alice"});
  if (!up) hub.start();
  CHECK(bob.retrieve("99").empty());
  bob.ask(0x20, "alice", 0x91);
  bob.ask(0x21, "alice", 0xA1);
  CHECK(list_posts(hub).size() == 1);
  CHECK(hub.admin_ok({"list-follows", "--json"}).empty());
  CHECK_FALSE(can_log_in(hub, "alice&alice_pw"));
  hub.admin_ok({"check"});
}

TEST_CASE("a deleted post is not retrieved any more") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  alice.subscribe("alice");
  for (const char* text : {"one", "two", "three"}) {
    alice.post(text);
    alice.expect(0xB1);
  }
  hub.admin_ok({"delete-post", std::to_string(list_posts(hub).at(1).id)});
  CHECK(alice.retrieve("9") == std::vector<std::string>{"<alice>three", "<alice>one"});
}

TEST_CASE("disabled accounts' posts are not retrieved, and come back with the account") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  alice.post("one");
  bob.subscribe("alice");
  hub.admin_ok({"disable-user", "alice"});
  CHECK(bob.retrieve("9").empty());
  hub.admin_ok({"enable-user", "alice"});
  CHECK(bob.retrieve("9") == std::vector<std::string>{"<alice>one"});
}

TEST_CASE("what is wrong in a list of accounts is said line by line, the rest is imported") {
  const TestHub hub;
  const fs::path file = write_whole(hub.scratch() / "more.txt",
                                    "dave&pw\r\nno separator\nx y&pw\n&pw\nerin&\nalice&pw\n"
                                    "frank&p&q\n");
  const Finished finished = hub.admin({"import-users", file.string()});
  CHECK(finished.exit == kFailed);
  for (const char* line : {":2:", ":3:", ":4:", ":5:", ":6:"}) {
    CAPTURE(line, finished.errors);
    CHECK(finished.errors.find(file.string() + line) != std::string::npos);
  }
  CHECK(can_log_in(hub, "dave&pw"));
  CHECK(can_log_in(hub, "frank&p&q"));
  CHECK(can_log_in(hub, "alice&alice_pw"));
  CHECK_FALSE(can_log_in(hub, "erin&"));
}

TEST_CASE("a password is asked for twice without echo, on a terminal") {
  const TestHub hub;
  PtyProcess terminal(
      {.argv = {program("hubadmin"), "--data", hub.data().string(), "add-user", "dave"}});
  terminal.wait_for("assword");
  terminal.press("sec1et\r");
  terminal.wait_until("a second question",
                      [](const Screen& screen) { return screen.lines().size() >= 2; });
  terminal.press("sec1et\r");
  CHECK(terminal.wait() == 0);
  CHECK(terminal.bytes().find("sec1et") == std::string::npos);
  CHECK(can_log_in(hub, "dave&sec1et"));
}

TEST_CASE("a backup taken under load is a sound hub with everything acknowledged before it") {
  const TestHub hub({.flags = {"--posts-per-second", "100000"}});
  RawClient alice = hub.online("alice");
  alice.subscribe("bob");
  int acknowledged = 0;
  for (; acknowledged < 100; ++acknowledged) alice.post(std::to_string(acknowledged));

  const fs::path copy = hub.scratch() / "copy";
  fs::create_directory(copy);
  Process backup({.argv = {program("hubadmin"), "--data", hub.data().string(), "backup",
                           (copy / "hub.db").string()}});
  int posted = acknowledged;
  while (!backup.has_ended()) alice.post(std::to_string(posted++));
  CHECK(backup.wait() == 0);

  const auto on_copy = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {program("hubadmin"), "--data", copy.string()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run({.argv = argv});
  };
  CHECK(on_copy({"check"}).exit == 0);
  const std::vector<std::string> posts =
      lines_of(on_copy({"list-posts", "--limit", "0", "--json"}).output);
  CHECK(static_cast<int>(posts.size()) >= acknowledged);
  CHECK(static_cast<int>(posts.size()) <= posted);
  CHECK(lines_of(on_copy({"list-users", "--json"}).output).size() == 3);
  CHECK(lines_of(on_copy({"list-follows", "--json"}).output).size() == 1);
  HubdProcess restored(
      {.data = copy, .log = copy / "hubd.log", .flags = {"--listen", "127.0.0.1:0"}});
  RawClient bob({.port = restored.port()});
  bob.login("bob", "bob_pw");
  bob.subscribe("alice");
  const std::string newest = std::to_string(posts.size() - 1);
  CHECK(bob.retrieve("1") == std::vector<std::string>{"<alice>" + newest});
  CHECK(restored.stop() == 0);
}

TEST_CASE("check finds a post without an author, and says so") {
  TestHub hub;
  hub.online("alice").post("whose?");
  hub.stop();
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((hub.data() / "hub.db").c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "UPDATE posts SET author = 99", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(db);
  const Finished finished = hub.admin({"check"});
  CHECK(finished.exit == kFailed);
  CHECK(finished.output.find("post") != std::string::npos);
}

TEST_CASE("check finds pages that were overwritten") {
  const TestHub hub({.start = false});
  fs::remove(hub.data() / "hub.db-wal");
  std::string bytes = read_whole(hub.data() / "hub.db");
  REQUIRE(bytes.size() > 3 * 4096);
  for (std::size_t at = 4096; at < bytes.size(); ++at) bytes[at] = '\x55';
  write_whole(hub.data() / "hub.db", bytes);
  const ExitCode exit = hub.admin({"check"}).exit;
  CAPTURE(exit);
  CHECK((exit == kFailed || exit == kDatabase));
}

TEST_CASE("a login with the parameters that a hub has by default") {
  const TestHub hub({.users = {"alice"}, .kdf = {}});
  CHECK_FALSE(can_log_in(hub, "alice&wrong"));
  CHECK(can_log_in(hub, "alice&alice_pw"));
}

}  // namespace hub::test
