// With a server up: what goes over the control socket, and what becomes of the answers.
#include <array>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/inotify.h>
#include <unistd.h>

#include "protocol/control.hpp"
#include "protocol/limits.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

FakeServer::Answer always(const control::Reply& reply) {
  return [line = control::encode(reply) + "\n"](const std::string&) { return line; };
}

control::Command decoded(const std::string& line) { return control::decode_command(line).value(); }

}  // namespace

TEST_CASE("while the server runs it is asked, and the database is not written") {
  const AdminWorld world;
  world.init_with({"alice"});
  const FakeServer server(world, always(control::Done{}));
  REQUIRE(world.run({"add-user", "bob"}, "bob_pw\n").code == 0);
  REQUIRE(world.run({"disable-user", "ALICE"}).code == 0);
  REQUIRE(world.run({"enable-user", "alice"}).code == 0);
  REQUIRE(world.run({"set-password", "alice"}, "new\n").code == 0);
  REQUIRE(world.run({"end-session", "alice"}).code == 0);
  REQUIRE(world.run({"delete-post", "18446744073709551615"}).code == 0);
  REQUIRE(world.run({"delete-user", "alice", "--yes"}).code == 0);

  const auto lines = server.lines();
  REQUIRE(lines.size() == 7);
  const auto added = std::get<control::AddUser>(decoded(lines[0]));
  REQUIRE(added.name == "bob");
  REQUIRE(check_password("bob_pw", added.verifier) == PasswordCheck::kRight);
  REQUIRE(lines[0].find("bob_pw") == std::string::npos);
  REQUIRE(std::get<control::DisableUser>(decoded(lines[1])).name == "alice");
  REQUIRE(std::get<control::DeletePost>(decoded(lines[5])).id == 18446744073709551615ull);
  REQUIRE(std::get<control::DeleteUser>(decoded(lines[6])).name == "alice");
  REQUIRE_FALSE(world.account("alice").disabled);
  REQUIRE(world.run({"show-user", "bob"}).code == 3);
}

TEST_CASE("each refusal of the server has its exit code and its sentence") {
  using control::Refusal;
  const std::vector<std::pair<Refusal, int>> codes = {
      {Refusal::kNotFound, 3}, {Refusal::kExists, 4},     {Refusal::kRetired, 4},
      {Refusal::kInvalid, 2},  {Refusal::kDisabled, 1},   {Refusal::kLimit, 1},
      {Refusal::kDiskFull, 1}, {Refusal::kStoreFailed, 1}};
  for (const auto& [why, code] : codes) {
    const AdminWorld world;
    world.init();
    const FakeServer server(world, always(control::Refused{why, "because of\x1b[31m this"}));
    const Ran ran = world.run({"delete-post", "7"});
    CAPTURE(control::word_of(why));
    REQUIRE(ran.code == code);
    REQUIRE(ran.err == "hubadmin: because of\xEF\xBF\xBD[31m this\n");
    REQUIRE(ran.out.empty());
  }
}

TEST_CASE("a busy server is asked again") {
  const AdminWorld world;
  world.init();
  int left = 2;
  const FakeServer server(world, [&left](const std::string&) {
    const control::Reply busy = control::Refused{control::Refusal::kBusy, "try again"};
    return control::encode(left-- > 0 ? busy : control::Reply(control::Done{})) + "\n";
  });
  REQUIRE(world.run({"delete-post", "7"}).code == 0);
  REQUIRE(server.lines().size() == 3);
}

TEST_CASE("a server that stays busy is unreachable") {
  const AdminWorld world;
  world.init();
  const FakeServer server(world, always(control::Refused{control::Refusal::kBusy, "try again"}));
  REQUIRE(world.run({"delete-post", "7"}).code == 5);
}

TEST_CASE("a server that holds the lock and does not answer is unreachable") {
  AdminWorld world;
  world.init_with({"alice"});
  SECTION("no socket at all") {
    const auto lock = store::DirectoryLock::take(world.data(), "hubd");
    for (const char* command : {"disable-user", "end-session"}) {
      const Ran ran = world.run({command, "alice"});
      REQUIRE(ran.code == 5);
      REQUIRE_THAT(ran.err, Contains("hubd is running, but its control socket"));
    }
    REQUIRE(world.run({"list-sessions"}).code == 5);
    REQUIRE(world.run({"stats"}).code == 5);
    REQUIRE(world.run({"list-users"}).code == 0);
  }
  SECTION("no answer in time") {
    world.patience.answer = std::chrono::milliseconds(50);
    const FakeServer server(world, [](const std::string&) { return std::string(); });
    const Ran ran = world.run({"disable-user", "alice"});
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("does not answer"));
  }
  SECTION("the connection closed instead") {
    const FakeServer server(world, [](const std::string&) { return std::nullopt; });
    const Ran ran = world.run({"disable-user", "alice"});
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("hubd ended before it answered"));
  }
  SECTION("an answer that is none") {
    const FakeServer server(world, [](const std::string&) { return "HTTP/1.1 400\n"; });
    const Ran ran = world.run({"disable-user", "alice"});
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("not understood"));
  }
  SECTION("an answer without an end") {
    const FakeServer server(
        world, [](const std::string&) { return std::string(kMaxControlLineBytes + 4096, 'x'); });
    REQUIRE(world.run({"disable-user", "alice"}).code == 5);
  }
  SECTION("an answer to something else") {
    const FakeServer server(world, always(control::Figures{}));
    const Ran ran = world.run({"disable-user", "alice"});
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("does not fit"));
  }
  REQUIRE_FALSE(world.account("alice").disabled);
}

TEST_CASE("while another hubadmin writes, it is named") {
  const AdminWorld world;
  world.init_with({"alice"});
  const auto lock = store::DirectoryLock::take(world.data(), "hubadmin");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"disable-user", "alice"}, {"migrate"}, {"delete-post", "1"}}) {
    const Ran ran = world.run(words);
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("hubadmin (process " + std::to_string(::getpid()) + ")"));
  }
  REQUIRE_FALSE(world.account("alice").disabled);
  REQUIRE(world.run({"list-sessions"}).code == 0);
}

TEST_CASE("a lock that comes free in time is waited for") {
  AdminWorld world;
  world.init_with({"alice"});
  world.patience.lock = std::chrono::seconds(30);
  auto lock = store::DirectoryLock::take(world.data(), "hubadmin");
  const int watch = ::inotify_init1(IN_CLOEXEC);
  REQUIRE(::inotify_add_watch(watch, world.data().lock_file().c_str(), IN_OPEN) >= 0);
  std::thread other([&lock, watch] {
    // Each try opens the file once or twice: let go in the third or later.
    for (int opened = 0; opened < 5;) {
      std::array<char, 4096> events;
      const ssize_t got = ::read(watch, events.data(), events.size());
      opened += static_cast<int>(got / static_cast<ssize_t>(sizeof(inotify_event)));
    }
    lock.reset();
  });
  const Ran ran = world.run({"disable-user", "alice"});
  // Had nothing opened the file, the other would wait for ever.
  for (int i = 0; i < 5; ++i) std::ifstream(world.data().lock_file());
  other.join();
  ::close(watch);
  REQUIRE(ran.code == 0);
  REQUIRE(world.account("alice").disabled);
}

TEST_CASE("init and migrate refuse while the server runs") {
  const AdminWorld world;
  world.init();
  const FakeServer server(world, always(control::Done{}));
  for (const char* command : {"init", "migrate"}) {
    const Ran ran = world.run({command});
    REQUIRE(ran.code == 5);
    REQUIRE_THAT(ran.err, Contains("hubd (process "));
    REQUIRE_THAT(ran.err, Contains("stop it first"));
  }
  REQUIRE(server.lines().empty());
}

TEST_CASE("list-sessions shows every page of the server's sessions") {
  const AdminWorld world;
  world.init();
  control::SessionRow row{"alice",
                          "online",
                          "classic",
                          "127.0.0.1:4711",
                          WallTime(std::chrono::seconds(1'700'000'000)),
                          WallTime(std::chrono::seconds(1'700'000'060)),
                          2};
  const FakeServer server(world, [row](const std::string& line) mutable {
    const auto after = std::get<control::ListSessions>(decoded(line)).after;
    row.account = "user_" + std::to_string(after);
    control::SessionPage page{{row}, std::nullopt};
    if (after < 3) page.next = after + 1;
    return control::encode(page) + "\n";
  });
  const auto rows = world.run({"list-sessions", "--json"}).json();
  REQUIRE(rows.size() == 4);
  REQUIRE(rows[3]["account"] == "user_3");
  REQUIRE(rows[0]["state"] == "online");
  REQUIRE(rows[0]["framing"] == "classic");
  REQUIRE(rows[0]["address"] == "127.0.0.1:4711");
  REQUIRE(rows[0]["online_since"] == "2023-11-14T22:13:20.000000Z");
  REQUIRE(rows[0]["last_active"] == "2023-11-14T22:14:20.000000Z");
  REQUIRE(rows[0]["unacknowledged"] == 2);
  const Ran table = world.run({"list-sessions"});
  REQUIRE_THAT(table.out, Contains("ACCOUNT  STATE   FRAMING  ADDRESS         ONLINE SINCE"));
  REQUIRE_THAT(table.out,
               Contains("user_0   online  classic  127.0.0.1:4711  2023-11-14T22:13:20Z"));
}

TEST_CASE("a listing that would never end is given up") {
  const AdminWorld world;
  world.init();
  const FakeServer server(world, always(control::SessionPage{{}, 0}));
  REQUIRE(world.run({"list-sessions"}).code == 5);
}

TEST_CASE("stats shows the database's counts and the server's figures") {
  const AdminWorld world;
  world.init_with({"alice"});
  const Ran down = world.run({"stats", "--json"});
  REQUIRE(down.json().at(0)["server"] == "down");
  REQUIRE(down.json().at(0)["accounts"] == 1);
  const FakeServer server(world, always(control::Figures{{{"logins_ok", 3}, {"odd", -1}}}));
  const auto up = world.run({"stats", "--json"}).json().at(0);
  REQUIRE(up["server"] == "up");
  REQUIRE(up["accounts"] == 1);
  REQUIRE(up["logins_ok"] == 3);
  REQUIRE(up["odd"] == -1);
}
