// Listings that only an administrator asks for, with the writer there and without.
#include <catch2/catch.hpp>

#include "protocol/message.hpp"
#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

using Lines = std::vector<std::string>;

Lines lines(const std::vector<Post>& posts) {
  Lines out;
  for (const Post& post : posts) out.push_back(format_post(post.author_name, post.text));
  return out;
}

}  // namespace

TEST_CASE("posts are listed newest first, in pages, of all or of one author") {
  StoreWorld<OnDisk> world;
  const AccountId ann = world->add("ann");
  const AccountId bob = world->add("bob");
  const AccountId carol = world->add("carol");
  for (int i = 1; i <= 7; ++i) world->post(i % 2 == 1 ? "ann" : "bob", std::to_string(i));
  world->ask(control::DeletePost{3});
  world->ask(control::DeletePost{6});
  world->ask(control::DisableUser{"bob"});

  const auto look = [&] {
    AdminReader admin(world.kind().file());
    REQUIRE(lines(*admin.posts({}, 0, 100)) ==
            Lines{"<ann>7", "<ann>5", "<bob>4", "<bob>2", "<ann>1"});
    REQUIRE(lines(*admin.posts({}, 5, 2)) == Lines{"<bob>4", "<bob>2"});
    REQUIRE(lines(*admin.posts(ann, 0, 2)) == Lines{"<ann>7", "<ann>5"});
    REQUIRE(lines(*admin.posts(ann, 5, 2)) == Lines{"<ann>1"});
    REQUIRE(lines(*admin.posts(ann, 6, 1)) == Lines{"<ann>5"});  // bob's: still below it
    REQUIRE(lines(*admin.posts(ann, 1, 2)).empty());
    REQUIRE(lines(*admin.posts(bob, 0, 9)) == Lines{"<bob>4", "<bob>2"});
    REQUIRE(lines(*admin.posts(carol, 0, 9)).empty());
    REQUIRE(lines(*admin.posts(carol + 1, 0, 9)).empty());
  };
  look();
  world.reopen(look);
}

TEST_CASE("follows are listed in pages, of all, of one follower, of one followee") {
  StoreWorld<OnDisk> world;
  std::vector<AccountId> ids;
  const Lines names = {"ann", "bob", "carol", "dora"};
  for (const std::string& name : names) ids.push_back(world->add(name));
  world->post("ann", "1");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"ann", "bob"}, {"ann", "carol"}, {"bob", "ann"}, {"carol", "carol"}, {"dora", "bob"}}) {
    world->follow(from, to);
  }
  AdminReader admin(world.kind().file());
  const auto list = [&](AdminReader::FollowQuery query) {
    Lines out;
    const auto rows = admin.follows(query);
    for (const auto& row : *rows) {
      out.push_back(row.row.follower + ">" + row.row.followee);
    }
    return out;
  };
  AdminReader::FollowQuery query;
  REQUIRE(list(query) == Lines{"ann>bob", "ann>carol", "bob>ann", "carol>carol", "dora>bob"});
  REQUIRE(admin.follows(query)->at(0).row.since == 1);
  query.limit = 2;
  query.after_follower = ids[0];
  query.after_followee = ids[2];
  REQUIRE(list(query) == Lines{"bob>ann", "carol>carol"});
  query = {};
  query.follower = ids[0];
  REQUIRE(list(query) == Lines{"ann>bob", "ann>carol"});
  query = {};
  query.followee = ids[1];
  REQUIRE(list(query) == Lines{"ann>bob", "dora>bob"});
  query.after_follower = ids[0];
  query.after_followee = ids[1];
  REQUIRE(list(query) == Lines{"dora>bob"});
  query = {};
  query.follower = ids[2];
  query.followee = ids[2];
  REQUIRE(list(query) == Lines{"carol>carol"});
}
