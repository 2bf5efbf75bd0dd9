#include <catch2/catch.hpp>

#include "tests/admin/admin_world.hpp"
#include "tests/support/paths.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

bool can_log_in(const AdminWorld& world, const std::string& name, const std::string& password) {
  return check_password(password, world.account(name).verifier) == PasswordCheck::kRight;
}

}  // namespace

TEST_CASE("import-users makes an account of each line") {
  const AdminWorld world;
  world.init();
  const std::string file = world.file("users", "alice&alice_pw\r\nbob&b&b#\n\ncarol& c ");
  const Ran ran = world.run({"import-users", file});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(ran.out == "added 3 accounts, 0 there already, 0 lines with an error\n");
  REQUIRE(can_log_in(world, "alice", "alice_pw"));
  REQUIRE(can_log_in(world, "bob", "b&b#"));
  REQUIRE(can_log_in(world, "carol", " c "));
}

TEST_CASE("the demo accounts can be imported") {
  const AdminWorld world;
  world.init();
  REQUIRE(world.run({"import-users", test::source_file("data/accounts.txt")}).code == 0);
  REQUIRE(can_log_in(world, "alice", "alice_pw"));
  REQUIRE(can_log_in(world, "carol", "carol_pw"));
}

TEST_CASE("a bad line of an import names its number and does not stop the rest") {
  const AdminWorld world;
  world.init();
  const std::string file = world.file("users",
                                      "\xEF\xBB\xBF"
                                      "alice&pw\n"      // 1: a byte order mark is no part of it
                                      "no separator\n"  // 2
                                      "a#b&pw\n"        // 3
                                      "dave&\n" +       // 4
                                          std::string(10'000, 'x') +
                                          "&pw\n" +                                    // 5
                                          "erin&" + std::string(10'000, 'x') + "\n" +  // 6
                                          std::string("fred&a\0b\n", 9) +              // 7
                                          "&pw\n"                                      // 8
                                          "g\x1b[31m&pw\n"                             // 9
                                          "bob&pw\n");                                 // 10
  const Ran ran = world.run({"import-users", file});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 1);
  REQUIRE(ran.out == "added 2 accounts, 0 there already, 8 lines with an error\n");
  REQUIRE(can_log_in(world, "alice", "pw"));
  REQUIRE(can_log_in(world, "bob", "pw"));
  for (int line = 2; line <= 9; ++line) {
    REQUIRE_THAT(ran.err, Contains("users:" + std::to_string(line) + ": "));
  }
  REQUIRE(ran.err.find("users:1:") == std::string::npos);
  REQUIRE(ran.err.find("users:10:") == std::string::npos);
  REQUIRE(ran.err.find('\x1b') == std::string::npos);
  REQUIRE(ran.err.size() < 2000);
}

TEST_CASE("an account that is there already is reported and left as it is") {
  const AdminWorld world;
  world.init_with({"Alice"});
  const std::string file = world.file("users", "alice&new\nbob&one\nBOB&two\n");
  const Ran dry = world.run({"import-users", file, "--dry-run"});
  REQUIRE(dry.out == "would add 1 account, 2 there already, 0 lines with an error\n");
  REQUIRE(world.run({"list-users", "--json"}).json().size() == 1);

  const Ran ran = world.run({"import-users", file});
  REQUIRE(ran.code == 0);
  REQUIRE(ran.out == "added 1 account, 2 there already, 0 lines with an error\n");
  REQUIRE_THAT(ran.err, Contains("users:1: there is an account alice already"));
  REQUIRE_THAT(ran.err, Contains("users:3: "));
  REQUIRE(can_log_in(world, "alice", "Alice_pw"));
  REQUIRE(can_log_in(world, "bob", "one"));
  REQUIRE(world.run({"import-users", file}).out ==
          "added 0 accounts, 3 there already, 0 lines with an error\n");
}

TEST_CASE("a retired name in an import is a line left out") {
  const AdminWorld world;
  world.init_with({"alice"});
  REQUIRE(world.run({"delete-user", "alice", "--yes"}).code == 0);
  const Ran ran = world.run({"import-users", world.file("users", "alice&pw\nbob&pw\n")});
  REQUIRE(ran.code == 1);
  REQUIRE(ran.out == "added 1 account, 0 there already, 1 line with an error\n");
}

TEST_CASE("an import of what is no file is bad usage") {
  const AdminWorld world;
  world.init();
  for (const std::string& file : {std::string("/nowhere/users"), world.file("empty", ""),
                                  world.directory().path().string()}) {
    CAPTURE(file);
    const Ran ran = world.run({"import-users", file});
    REQUIRE(ran.code == 2);
    REQUIRE_THAT(ran.err, Contains("cannot be read or is empty"));
  }
}

TEST_CASE("an import stops where the server refuses to write at all") {
  const AdminWorld world;
  world.init();
  const FakeServer server(world, [n = 0](const std::string&) mutable {
    if (++n == 1) return std::string("{\"ok\":true}\n");
    return std::string(R"({"ok":false,"error":"disk_full","message":"the disk is full"})") + "\n";
  });
  const Ran ran = world.run({"import-users", world.file("users", "a&1\nb&2\nc&3\n")});
  REQUIRE(ran.code == 1);
  REQUIRE_THAT(ran.out, Contains("added 1 account,"));
  REQUIRE_THAT(ran.err, Contains("stopped at line 2 of"));
  REQUIRE_THAT(ran.err, Contains("the disk is full"));
}

TEST_CASE("an import to a running server reaches it whole, busy or not") {
  const AdminWorld world;
  world.init();
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "user_" + std::to_string(i) + "&pw\n";
  int count = 0;
  const FakeServer server(world, [&count](const std::string&) -> std::string {
    if (++count % 10 != 0) return "{\"ok\":true}\n";
    return R"({"ok":false,"error":"busy","message":"try again"})"
           "\n";
  });
  const Ran ran = world.run({"import-users", world.file("users", lines)});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(ran.out == "added 100 accounts, 0 there already, 0 lines with an error\n");
  REQUIRE(server.lines().size() > 100);
}
