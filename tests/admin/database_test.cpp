// The database as a whole, and the lists that are read from it.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "protocol/limits.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

// The schema's version is SQLite's user_version: four bytes, big-endian, at offset 60 of the file.
void set_schema_version(const AdminWorld& world, std::uint8_t version) {
  std::fstream file(world.data().database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(60);
  const char bytes[] = {0, 0, 0, static_cast<char>(version)};
  file.write(bytes, sizeof bytes);
}

}  // namespace

TEST_CASE("init makes the directory and a database that only its owner can read") {
  const AdminWorld world;
  const Ran ran = world.run({"init"});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE_THAT(ran.out, Contains("add-user NAME"));
  REQUIRE(mode_of(world.data().path()) == 0700);
  REQUIRE(mode_of(world.data().database()) == 0600);
  store::AdminReader reader(world.data().database());
  const auto info = reader.reader().info();
  REQUIRE(info->kdf == KdfParams{kDefaultKdfMemory, kDefaultKdfPasses});
}

TEST_CASE("init takes the parameters of key stretching, within their bounds") {
  const AdminWorld world;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--kdf-memory", "1KiB"},
                                                {"--kdf-memory", "1GiB"},
                                                {"--kdf-memory", "64MB"},
                                                {"--kdf-memory", "-1"},
                                                {"--kdf-memory", "99999999999999GiB"},
                                                {"--kdf-passes", "0"},
                                                {"--kdf-passes", "11"},
                                                {"--kdf-passes", "4294967298"},
                                                {"--kdf-passes", "2x"}}) {
    std::vector<std::string> all = {"init"};
    all.insert(all.end(), words.begin(), words.end());
    CAPTURE(words);
    REQUIRE(world.run(all).code == 2);
    REQUIRE_FALSE(std::filesystem::exists(world.data().database()));
  }
  REQUIRE(world.run({"init", "--kdf-memory=32768KiB", "--kdf-passes=3"}).code == 0);
  store::AdminReader reader(world.data().database());
  REQUIRE(reader.reader().info()->kdf == KdfParams{32ull * 1024 * 1024, 3});
}

TEST_CASE("init replaces nothing") {
  const AdminWorld world;
  world.init_with({"alice"});
  REQUIRE(world.run({"init"}).code == 4);
  REQUIRE(world.account("alice").name == "alice");
}

TEST_CASE("without a database every command names init and makes nothing") {
  const AdminWorld world;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"add-user", "a"},
                                                {"list-users"},
                                                {"stats"},
                                                {"list-sessions"},
                                                {"check"},
                                                {"migrate"},
                                                {"backup", "/nowhere/x"},
                                                {"delete-post", "1"},
                                                {"list-posts"}}) {
    CAPTURE(words);
    const Ran ran = world.run(words, "pw\n");
    REQUIRE(ran.code == 6);
    REQUIRE_THAT(ran.err, Contains("hubadmin --data " + world.data().path().string() + " init"));
    REQUIRE_FALSE(std::filesystem::exists(world.data().path()));
  }
}

TEST_CASE("a database of another version is not touched") {
  const AdminWorld world;
  world.init_with({"alice"});
  SECTION("newer") {
    set_schema_version(world, 99);
    for (const std::vector<std::string>& words : {std::vector<std::string>{"list-users"},
                                                  {"disable-user", "alice"},
                                                  {"migrate"},
                                                  {"migrate", "--dry-run"}}) {
      CAPTURE(words);
      const Ran ran = world.run(words);
      REQUIRE(ran.code == 6);
      REQUIRE(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    }
  }
  SECTION("older") {
    set_schema_version(world, 0);
    const Ran ran = world.run({"list-users"});
    REQUIRE(ran.code == 6);
    REQUIRE_THAT(ran.err, Contains("migrate"));
  }
}

TEST_CASE("a database file that is none exits 6 in one line") {
  const AdminWorld world;
  world.init();
  std::ofstream(world.data().database(), std::ios::binary | std::ios::trunc)
      << std::string(8192, 'x');
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"list-users"}, {"add-user", "a"}, {"check"}, {"stats"}}) {
    CAPTURE(words);
    const Ran ran = world.run(words, "pw\n");
    REQUIRE(ran.code == 6);
    REQUIRE(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("check finds nothing in a sound database and something in a damaged one") {
  const AdminWorld world;
  world.init_with({"alice"});
  std::vector<store::Request> batch;
  for (store::Tag i = 0; i < 50; ++i) {
    batch.push_back(
        {i, store::AppendPost{world.account("alice").id, "alice", std::string(500, 'x')}});
  }
  world.apply(std::move(batch));
  const Ran sound = world.run({"check"});
  REQUIRE(sound.code == 0);
  REQUIRE(sound.out == "the database is sound\n");
  REQUIRE(world.run({"check", "--json"}).out.empty());
  {
    const auto size = std::filesystem::file_size(world.data().database());
    std::fstream file(world.data().database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size - 6000));
    file << std::string(6000, '\x55');
  }
  const Ran damaged = world.run({"check", "--json"});
  CAPTURE(damaged.err);
  REQUIRE(damaged.code == 1);
  REQUIRE(damaged.json().at(0)["problem"].is_string());
}

TEST_CASE("migrate has nothing to do in a database of today") {
  const AdminWorld world;
  world.init();
  REQUIRE(world.run({"migrate", "--dry-run"}).out == "the database is up to date\n");
  REQUIRE(world.run({"migrate"}).out == "the database is up to date\n");
}

TEST_CASE("a backup is a database like the one it was made of") {
  const AdminWorld world;
  world.init_with({"alice"});
  world.post("alice", "hello");
  const std::filesystem::path other = world.directory() / "other";
  std::filesystem::create_directory(other);
  const Ran ran = world.run({"backup", (other / "hub.db").string()});
  CAPTURE(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(mode_of(other / "hub.db") == 0600);
  const Ran again = world.run({"backup", (other / "hub.db").string()});
  REQUIRE(again.code == 4);
  const Ran nowhere = world.run({"backup", (other / "no" / "hub.db").string()});
  REQUIRE(nowhere.code == 1);
  store::AdminReader reader(other / "hub.db");
  REQUIRE(reader.posts(std::nullopt, 0, 10)->at(0).text == "hello");
}

TEST_CASE("list-posts goes back through all posts, newest first") {
  const AdminWorld world;
  world.init_with({"alice", "bob"});
  const AccountId alice = world.account("alice").id;
  const AccountId bob = world.account("bob").id;
  std::vector<store::Request> batch;
  for (store::Tag i = 0; i < 1200; ++i) {
    batch.push_back({i, store::AppendPost{i % 2 == 0 ? alice : bob, i % 2 == 0 ? "alice" : "bob",
                                          "line " + std::to_string(i)}});
  }
  world.apply(std::move(batch));

  const auto newest = world.run({"list-posts", "--json"}).json();
  REQUIRE(newest.size() == 50);
  REQUIRE(newest[0]["text"] == "line 1199");
  REQUIRE(newest[0]["author"] == "bob");
  REQUIRE(newest[0]["committed"].is_string());
  const auto all = world.run({"list-posts", "--json", "--limit", "0"}).json();
  REQUIRE(all.size() == 1200);
  REQUIRE(all.back()["text"] == "line 0");
  const auto by_alice =
      world.run({"list-posts", "--json", "--limit", "501", "--author", "ALICE"}).json();
  REQUIRE(by_alice.size() == 501);
  REQUIRE(by_alice[0]["text"] == "line 1198");
  REQUIRE(by_alice[500]["text"] == "line 198");
  const std::string id = all[1198]["id"].dump();
  REQUIRE(world.run({"list-posts", "--json", "--before", id}).json().at(0)["text"] == "line 0");
  REQUIRE(world.run({"list-posts", "--author", "nobody"}).code == 3);
  REQUIRE(world.run({"list-posts", "--limit", "-1"}).code == 2);
  REQUIRE(world.run({"list-posts", "--limit", "99999999999999999999"}).code == 2);
}

TEST_CASE("delete-post takes one post away") {
  const AdminWorld world;
  world.init_with({"alice"});
  world.post("alice", "stays");
  const MessageId id = world.post("alice", "goes");
  REQUIRE(world.run({"delete-post", std::to_string(id)}).code == 0);
  REQUIRE(world.run({"delete-post", std::to_string(id)}).code == 3);
  REQUIRE(world.run({"delete-post", "999"}).code == 3);
  REQUIRE(world.run({"delete-post", "1x"}).code == 2);
  const auto left = world.run({"list-posts", "--json"}).json();
  REQUIRE(left.size() == 1);
  REQUIRE(left[0]["text"] == "stays");
}

TEST_CASE("list-follows shows all, those of one account, or its followers") {
  const AdminWorld world;
  world.init_with({"alice", "bob", "carol"});
  const AccountId alice = world.account("alice").id;
  const AccountId bob = world.account("bob").id;
  world.apply({{1, store::Follow{alice, "bob"}},
               {2, store::Follow{alice, "carol"}},
               {3, store::Follow{bob, "carol"}}});
  REQUIRE(world.run({"list-follows", "--json"}).json().size() == 3);
  const auto of_alice = world.run({"list-follows", "alice", "--json"}).json();
  REQUIRE(of_alice.size() == 2);
  REQUIRE(of_alice[0]["follower"] == "alice");
  REQUIRE(of_alice[0]["followee"] == "bob");
  const auto of_carol = world.run({"list-follows", "carol", "--followers", "--json"}).json();
  REQUIRE(of_carol.size() == 2);
  REQUIRE(of_carol[1]["follower"] == "bob");
  REQUIRE(world.run({"list-follows", "--followers"}).code == 2);
}

TEST_CASE("with the server down the stored sessions are listed, and can be ended") {
  const AdminWorld world;
  world.init_with({"alice"});
  store::StoredSession session;
  session.account = world.account("alice").id;
  session.name = "alice";
  session.token = 7;
  session.remote = Endpoint::parse("127.0.0.1:999").value();
  session.local = Endpoint::parse("127.0.0.1:32000").value();
  session.magic = {'H', 'B'};
  session.online_since = WallTime(std::chrono::seconds(1'700'000'000));
  world.apply({{1, store::OpenSession{session}}});

  const auto rows = world.run({"list-sessions", "--json"}).json();
  REQUIRE(rows.size() == 1);
  REQUIRE(rows[0]["account"] == "alice");
  REQUIRE(rows[0]["state"] == "stored");
  REQUIRE(rows[0]["address"] == "127.0.0.1:999");
  REQUIRE(rows[0]["last_active"].is_null());
  REQUIRE(world.run({"show-user", "alice", "--json"}).json().at(0)["session"] == "127.0.0.1:999");
  REQUIRE(world.run({"end-session", "alice"}).code == 0);
  REQUIRE(world.run({"list-sessions", "--json"}).out.empty());
  REQUIRE(world.run({"end-session", "alice"}).code == 3);
}
