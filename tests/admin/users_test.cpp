// One account at a time, with the server down.
#include <algorithm>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

bool is_password_of(const AdminWorld& world, const std::string& name, const std::string& password) {
  return check_password(password, world.account(name).verifier) == PasswordCheck::kRight;
}

}  // namespace

TEST_CASE("add-user takes the password from standard input") {
  const AdminWorld world;
  world.init();
  const Ran ran = world.run({"add-user", "alice"}, "secret & more\r\nnext line");
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(ran.out == "added alice\n");
  REQUIRE(is_password_of(world, "alice", "secret & more"));
}

TEST_CASE("add-user takes the password from the first line of a file") {
  const AdminWorld world;
  world.init();
  const std::string file = world.file("pw", " spaced \nsecond\n");
  REQUIRE(world.run({"add-user", "alice", "--password-file", file}, "ignored\n").code == 0);
  REQUIRE(is_password_of(world, "alice", " spaced "));
  REQUIRE(world.run({"set-password", "alice", "--password-file", world.file("pw2", "new")}).code ==
          0);
  REQUIRE(is_password_of(world, "alice", "new"));
}

TEST_CASE("a password that nobody could log in with is refused") {
  const AdminWorld world;
  world.init();
  const auto refused = [&world](const std::string& input, const std::string& why) {
    const Ran ran = world.run({"add-user", "alice"}, input);
    REQUIRE(ran.code == 2);
    REQUIRE_THAT(ran.err, Contains(why));
    REQUIRE(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  };
  refused("", "no password on standard input");
  refused("\n", "must not be empty");
  refused(std::string(kMaxPasswordBytes + 1, 'x') + "\n", "at most 128 bytes");
  refused(std::string(10'000, 'x') + "\n", "longer than");
  refused(std::string("a\0b\n", 4), "NUL");
  const Ran missing = world.run({"add-user", "alice", "--password-file", "/nowhere/pw"});
  REQUIRE(missing.code == 2);
  REQUIRE_THAT(missing.err, Contains("/nowhere/pw cannot be read"));
  const Ran empty = world.run({"add-user", "alice", "--password-file", world.file("pw", "")});
  REQUIRE(empty.code == 2);
  REQUIRE(world.run({"show-user", "alice"}).code == 3);
  REQUIRE(world.run({"add-user", "alice"}, std::string(kMaxPasswordBytes, 'x')).code == 0);
}

TEST_CASE("add-user of a name that is there, in any case, exits 4 and changes nothing") {
  const AdminWorld world;
  world.init_with({"Alice"});
  const Ran ran = world.run({"add-user", "ALICE"}, "other\n");
  REQUIRE(ran.code == 4);
  REQUIRE_THAT(ran.err, Contains("Alice already"));
  REQUIRE(is_password_of(world, "alice", "Alice_pw"));
}

TEST_CASE("what is no client ID is bad usage for every command, and harmless when repeated") {
  const AdminWorld world;
  world.init_with({"alice"});
  for (const std::string& name :
       {std::string("a&b"), std::string("a#b"), std::string("a\x1b[31m\nb"), std::string("-"),
        std::string(10'000, 'a'), std::string(32, 'a'), std::string("\xff\xfe"),
        std::string("é")}) {
    for (const char* command : {"add-user", "set-password", "disable-user", "enable-user",
                                "delete-user", "show-user", "end-session", "list-follows"}) {
      CAPTURE(command, name.substr(0, 40));
      const Ran ran = world.run({command, name}, "pw\n");
      REQUIRE(ran.code == 2);
      REQUIRE_THAT(ran.err, Contains("is not a client ID"));
      REQUIRE(ran.err.size() < 300);
      REQUIRE(ran.err.find('\x1b') == std::string::npos);
      REQUIRE(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    }
  }
  REQUIRE(world.run({"list-users", "--json"}).json().size() == 1);
}

TEST_CASE("a name that is not there exits 3 and says which may be meant") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  for (const char* command : {"set-password", "disable-user", "enable-user", "delete-user",
                              "show-user", "end-session", "list-follows"}) {
    CAPTURE(command);
    const Ran ran = world.run({command, "alcie"}, "pw\n");
    REQUIRE(ran.code == 3);
    REQUIRE_THAT(ran.err, Contains("there is no account alcie; did you mean alice?"));
  }
  REQUIRE_THAT(world.run({"show-user", "zzzzzz"}).err, Contains("list-users shows"));
}

TEST_CASE("disable-user and enable-user are to be seen in the database") {
  const AdminWorld world;
  world.init_with({"alice"});
  REQUIRE(world.run({"disable-user", "Alice"}).code == 0);
  REQUIRE(world.account("alice").disabled);
  REQUIRE(world.run({"show-user", "alice", "--json"}).json().at(0)["state"] == "disabled");
  REQUIRE(world.run({"enable-user", "alice"}).code == 0);
  REQUIRE_FALSE(world.account("alice").disabled);
}

TEST_CASE("delete-user is not done without a yes, and then for good") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  for (int i = 0; i < 3; ++i) world.post("alice", "a line");
  world.apply({{1, store::Follow{world.account("bob").id, "alice"}}});

  const Ran unasked = world.run({"delete-user", "alice"}, "y\n");
  REQUIRE(unasked.code == 2);
  REQUIRE_THAT(unasked.err, Contains("--yes"));
  const Ran dry = world.run({"delete-user", "alice", "--dry-run"});
  REQUIRE(dry.code == 0);
  REQUIRE(dry.out == "would delete alice: 3 posts, 0 follows, 1 follower\n");
  REQUIRE(world.run({"show-user", "alice"}).code == 0);

  const Ran deleted = world.run({"delete-user", "alice", "--yes"});
  CAPTURE(deleted.err);
  REQUIRE(deleted.code == 0);
  REQUIRE(world.run({"show-user", "alice"}).code == 3);
  REQUIRE(world.run({"list-posts", "--json"}).out.empty());
  REQUIRE(world.run({"list-follows", "--json"}).out.empty());
  const Ran again = world.run({"add-user", "Alice"}, "pw\n");
  REQUIRE(again.code == 4);
  REQUIRE(again.out.empty());
}

TEST_CASE("delete-user goes on until nothing of the account is left") {
  const AdminWorld world;
  world.init_with({"alice"});
  const AccountId alice = world.account("alice").id;
  std::vector<store::Request> batch;
  for (store::Tag i = 0; i < 5000; ++i) {
    batch.push_back({i, store::AppendPost{alice, "alice", "a line"}});
  }
  world.apply(std::move(batch));
  REQUIRE(world.run({"delete-user", "alice", "--dry-run"}).out ==
          "would delete alice: 5000 posts, 0 follows, 0 followers\n");
  REQUIRE(world.run({"delete-user", "alice", "--yes"}).code == 0);
  REQUIRE(world.run({"list-posts", "--json"}).out.empty());
  REQUIRE(world.run({"check"}).code == 0);
}

TEST_CASE("list-users lists every account once, over many pages") {
  const AdminWorld world;
  world.init();
  std::string lines;
  for (int i = 0; i < 1203; ++i) lines += "User_" + std::to_string(i) + "&pw\n";
  REQUIRE(world.run({"import-users", world.file("users", lines)}).code == 0);
  const auto users = world.run({"list-users", "--json"}).json();
  REQUIRE(users.size() == 1203);
  std::set<std::string> names;
  for (const auto& user : users) names.insert(user["name"].get<std::string>());
  REQUIRE(names.size() == 1203);
  REQUIRE(users.front()["state"] == "active");
  REQUIRE(users.front()["created"] == "2023-11-14T22:13:20.000000Z");
}

TEST_CASE("lists are aligned tables with their times in UTC") {
  const AdminWorld world;
  world.init_with({"al", "somebody_long"});
  const Ran ran = world.run({"list-users"});
  std::istringstream in(ran.out);
  std::string head, first, second;
  std::getline(in, head);
  std::getline(in, first);
  std::getline(in, second);
  REQUIRE(head == "NAME           STATE   CREATED");
  REQUIRE(first.substr(0, 23) == "al             active  ");
  REQUIRE(second.substr(0, 23) == "somebody_long  active  ");
  REQUIRE(first.substr(23) == "2023-11-14T22:13:20Z");
}

TEST_CASE("show-user shows what the account has, and no secret") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  world.apply({{1, store::Follow{world.account("alice").id, "bob"}}});
  world.post("alice", "hello");
  const Ran ran = world.run({"show-user", "ALICE", "--json"});
  const auto shown = ran.json().at(0);
  REQUIRE(shown["name"] == "alice");
  REQUIRE(shown["posts"] == 1);
  REQUIRE(shown["follows"] == 1);
  REQUIRE(shown["followers"] == 0);
  REQUIRE(shown["session"].is_null());
  REQUIRE(shown["kdf_memory"] == 8192);
  REQUIRE_FALSE(shown.contains("salt"));
  REQUIRE_FALSE(shown.contains("stored_key"));
  REQUIRE_THAT(world.run({"show-user", "alice"}).out, Contains("kdf_passes    1\n"));
}

TEST_CASE("a user may be called like a command") {
  const AdminWorld world;
  world.init_with({"stats", "init"});
  REQUIRE(world.run({"show-user", "stats"}).code == 0);
  REQUIRE(world.run({"disable-user", "init"}).code == 0);
}
