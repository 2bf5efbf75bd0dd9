// The newest post of every account, in memory: what a post writes, what a start reads, and what is
// left when the program ends without notice.
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

StoreOptions interval(std::uint32_t posts) {
  StoreOptions options;
  options.heads_interval = posts;
  return options;
}

}  // namespace

TEST_CASE("a post writes one row and leaves its account alone") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  RawDatabase raw(world.kind().file());
  for (int i = 0; i < 5; ++i) world->post("ann", "x");
  REQUIRE(raw.number("SELECT count(*) FROM posts") == 5);
  REQUIRE(raw.number("SELECT last_post FROM accounts") == 0);
  REQUIRE(raw.number("SELECT heads_position FROM settings") == 0);
  REQUIRE(raw.number("SELECT count(*) FROM sqlite_master WHERE tbl_name = 'posts'") == 1);
}

TEST_CASE("posts are a chain backwards, one an author") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->add("bob");
  world->run({world->append("ann", "1"), world->append("ann", "2"), world->append("bob", "3"),
              world->append("ann", "4")});
  world->post("bob", "5");
  RawDatabase raw(world.kind().file());
  REQUIRE(raw.text("SELECT id || '<' || previous FROM posts ORDER BY id") ==
          "1<0\n2<1\n3<0\n4<2\n5<3");
}

TEST_CASE("the newest posts are written once an interval and at a clean end") {
  StoreWorld<OnDisk> world(interval(4));
  world->add("ann");
  world->add("bob");
  RawDatabase raw(world.kind().file());
  const std::string heads = "SELECT group_concat(last_post) FROM accounts";
  for (int i = 0; i < 3; ++i) world->post("ann", "x");
  REQUIRE(raw.text(heads) == "0,0");
  world->run({world->append("bob", "4"), world->append("bob", "5")});
  REQUIRE(raw.text(heads) == "3,5");
  REQUIRE(raw.number("SELECT heads_position FROM settings") == 5);
  world->post("ann", "6");
  REQUIRE(raw.text(heads) == "3,5");
  world.reopen();
  REQUIRE(raw.text(heads) == "6,5");
  REQUIRE(raw.number("SELECT heads_position FROM settings") == 6);
}

TEST_CASE("after an end without notice every chain is found again") {
  const auto posts = GENERATE(0, 1, 3, 4, 5, 11);
  CAPTURE(posts);
  StoreWorld<OnDisk> world(interval(4));
  world->add("ann");
  world->add("bob");
  world->add("carol");
  world->follow("carol", "ann");
  world->follow("carol", "bob");
  for (int i = 0; i < posts; ++i) world->post(i % 3 == 0 ? "bob" : "ann", std::to_string(i));

  TempDirectory elsewhere;
  const auto copy = crash_copy(world.kind().file(), elsewhere);
  const auto reopened = SqliteStore::open(copy, interval(4));
  StoreVerbs verbs(*reopened);
  REQUIRE(difference(describe(verbs.reader()), describe(world->reader())) == "");
  REQUIRE(verbs.post("ann", "next") == world->post("ann", "next"));
  REQUIRE(verbs.post("bob", "next") == world->post("bob", "next"));
  REQUIRE(verbs.feed("carol") == world->feed("carol"));
}

TEST_CASE("an end without notice in the midst of a deletion leaves whole chains") {
  StoreOptions options = interval(1000);
  options.delete_step = 2;
  StoreWorld<OnDisk> world(options);
  world->add("ann");
  world->add("bob");
  world->follow("ann", "bob");
  for (int i = 0; i < 5; ++i) world->post("bob", std::to_string(i));
  world->ask(control::DeleteUser{"bob"});
  world->ask(control::EnableUser{"bob"});

  TempDirectory elsewhere;
  const auto reopened = SqliteStore::open(crash_copy(world.kind().file(), elsewhere), options);
  StoreVerbs verbs(*reopened);
  REQUIRE(verbs.feed("ann").size() == 3);
  REQUIRE(difference(describe(verbs.reader()), describe(world->reader())) == "");
  REQUIRE(verbs.post("bob", "next") == 6);
}

TEST_CASE("a start reads only the posts since the newest were written") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  for (int i = 0; i < 5; ++i) world->post("ann", std::to_string(i));
  // Were all posts read, the damage would be repaired by the way.
  world.reopen([&] { RawDatabase(world.kind().file()).run("UPDATE accounts SET last_post = 2"); });
  REQUIRE(world->feed("ann") == std::vector<std::string>{"<ann>1", "<ann>0"});
}

TEST_CASE("retrieve reads only the posts it gives") {
  StoreWorld<OnDisk> world;
  for (const char* name : {"ann", "bob", "carol"}) world->add(name);
  world->follow("ann", "bob");
  world->follow("ann", "carol");
  for (int i = 0; i < 10; ++i) world->post(i % 2 == 0 ? "bob" : "carol", std::to_string(i));
  RawDatabase(world.kind().file()).run("UPDATE posts SET author = 99 WHERE id < 7");
  REQUIRE(world->feed("ann", 4).size() == 4);
  const auto broken = world->reader().retrieve(world->id("ann"), 5, 0);
  REQUIRE_FALSE(broken.has_value());
  REQUIRE(broken.error().message.find("hubadmin check") != std::string::npos);
}

TEST_CASE("a backlog reads no post below what it counts") {
  StoreWorld<OnDisk> world;
  for (const char* name : {"ann", "bob", "carol"}) world->add(name);
  const AccountId ann = world->id("ann");
  world->follow("ann", "bob");
  world->follow("ann", "carol");
  for (int i = 0; i < 20; ++i) world->post(i % 2 == 0 ? "bob" : "carol", std::to_string(i));
  RawDatabase(world.kind().file()).run("UPDATE posts SET author = 99 WHERE id < 9");
  Reader& reader = world->reader();
  REQUIRE(reader.backlog(ann, 10, 3, 100)->left_out == 7);
  REQUIRE(reader.backlog(ann, 0, 3, 5)->more);
  REQUIRE(reader.backlog(ann, 0, 20, 100).has_value());  // there are not even so many
  const auto broken = reader.backlog(ann, 0, 3, 100);
  REQUIRE_FALSE(broken.has_value());
  REQUIRE(broken.error().message.find("hubadmin check") != std::string::npos);
}

TEST_CASE("a backlog does not go through deleted posts without end") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  world.reopen([&] {
    RawDatabase(world.kind().file())
        .run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100100)"
            " INSERT INTO posts SELECT i, 1, i - 1, 0, CASE WHEN i <= 50 THEN 'x' END, 0, 0"
            " FROM n");
  });
  const Backlog backlog = *world->reader().backlog(1, 0, 10, 10);
  REQUIRE(backlog.more);
  REQUIRE(backlog.left_out == 0);
  REQUIRE(backlog.from == 101);
}

TEST_CASE("a retrieve far back does not go through everything that was posted since") {
  StoreWorld<OnDisk> world;
  for (const char* name : {"ann", "bob", "carol", "dora"}) world->add(name);
  world->follow("ann", "bob");
  world->follow("ann", "dora");
  const auto post_many = [&](const char* name, std::size_t count) {
    world->run(std::vector<decltype(Request::body)>(count, world->append(name, "x")));
  };
  for (int i = 0; i < 10; ++i) world->post(i % 2 == 0 ? "bob" : "carol", std::to_string(i));
  world->ask(control::DeletePost{5});
  for (int i = 0; i < 21; ++i) post_many("bob", 1000);
  // Whoever went there would find a chain that is none.
  RawDatabase(world.kind().file()).run("UPDATE posts SET author = 99 WHERE id BETWEEN 11 AND 900");
  const std::vector<std::string> expected = {"<bob>8", "<bob>6", "<bob>2", "<bob>0"};
  REQUIRE(world->feed("ann", 100, 10) == expected);
  REQUIRE(world->feed("ann", 2, 10) == std::vector<std::string>{"<bob>8", "<bob>6"});
  REQUIRE(world->feed("ann", 100, 1).empty());
  // What is near is still found along the chains.
  REQUIRE(world->feed("ann", 3, 20'000).size() == 3);
}

TEST_CASE("what is deleted is not left in the file") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  const MessageId id = world->post("ann", "a very particular secret");
  world->ask(control::DeletePost{id});
  std::string bytes;
  world.reopen([&] {  // after a clean end everything is in the one file
    std::ifstream in(world.kind().file(), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  });
  REQUIRE(bytes.find("ann") != std::string::npos);
  REQUIRE(bytes.find("particular") == std::string::npos);
}

TEST_CASE("a follow remembers the newest post before it, and keeps it when asked for again") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->add("bob");
  world->post("bob", "1");
  const AccountId ann = world->id("ann");
  world->run({world->append("bob", "2"), Follow{ann, "bob"}, world->append("bob", "3")});
  world->follow("ann", "bob");
  RawDatabase raw(world.kind().file());
  REQUIRE(raw.text("SELECT since FROM follows") == "2");
}

TEST_CASE("what administrators do is logged with it, and what is refused is not") {
  StoreWorld<OnDisk> world;
  world->add("Ann");
  world->ask(control::AddUser{"ANN", dummy_verifier()});
  world->ask(control::SetPassword{"ann", dummy_verifier()});
  world->ask(control::EndSession{"ann"});
  world->ask(control::DeletePost{7});
  const MessageId id = world->post("Ann", "x");
  world->ask(control::DeletePost{id});
  world->ask(control::DisableUser{"ann"});
  world->ask(control::EnableUser{"ann"});
  world->remove("ann");
  RawDatabase raw(world.kind().file());
  REQUIRE(raw.text("SELECT command || ' ' || target FROM admin_log ORDER BY id") ==
          "add-user Ann\nset-password Ann\ndelete-post 1\ndisable-user Ann\nenable-user Ann\n"
          "delete-user Ann");
  REQUIRE(raw.number("SELECT min(at) FROM admin_log") > 1'700'000'000'000'000);
}

TEST_CASE("a catch-up over a long absence costs what is due, not what there is") {
  StoreWorld<OnDisk> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->add("crowd");
  world->follow("ann", "bob");
  const MessageId first = world->post("bob", "due");
  for (int i = 0; i < 10; ++i) {
    world->run(std::vector<decltype(Request::body)>(5000, world->append("crowd", "x")));
  }
  const MessageId last = world->post("bob", "due");
  const auto page = *world->reader().catch_up(ann, 0, 16);
  REQUIRE(page.posts.size() == 2);
  CHECK(page.posts[0].id == first);
  CHECK(page.posts[1].id == last);
  CHECK(page.posts[1].author_name == "bob");
  CHECK(page.up_to == last);
  const auto rest = *world->reader().catch_up(ann, first + 1, 1);
  CHECK(rest.up_to == last);
  const auto cut = *world->reader().catch_up(ann, 0, 1);
  CHECK(cut.posts.size() == 1);
  CHECK(cut.up_to == first);
}
