// Whom accounts follow, kept by a reader: never an outdated list, never more than its bound.
#include "store/followees_cache.hpp"

#include <catch2/catch.hpp>

#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

using List = FolloweesCache::List;

TEST_CASE("a kept list is found by its account and version alone") {
  FolloweesCache cache(1000);
  REQUIRE(cache.find(7, 0) == nullptr);
  cache.put(7, 1, {3, 4});
  REQUIRE(*cache.find(7, 1) == List{3, 4});
  REQUIRE(cache.find(7, 2) == nullptr);
  REQUIRE(cache.find(8, 1) == nullptr);
  cache.put(7, 2, {3});
  REQUIRE(cache.find(7, 1) == nullptr);
  REQUIRE(*cache.find(7, 2) == List{3});
}

TEST_CASE("what is kept stays within its bound, and who asks often is not forgotten") {
  constexpr std::size_t kEach = 100;
  constexpr std::size_t kMost = 20 * (kEach + FolloweesCache::kListCost);
  FolloweesCache cache(kMost);
  cache.put(1, 0, List(kEach, 1));
  for (AccountId other = 2; other < 200; ++other) {
    cache.put(other, 0, List(kEach, 1));
    REQUIRE(cache.size() <= kMost);
    REQUIRE(cache.find(1, 0) != nullptr);
    REQUIRE(cache.find(other, 0) != nullptr);
  }
  REQUIRE(cache.find(2, 0) == nullptr);
}

TEST_CASE("replacing a list counts it once") {
  FolloweesCache cache(10'000);
  for (std::uint64_t version = 0; version < 50; ++version) cache.put(1, version, List(10, 1));
  REQUIRE(cache.size() == 10 + FolloweesCache::kListCost);
}

TEST_CASE("a list that alone is over the bound is kept until the next one") {
  FolloweesCache cache(50);
  cache.put(1, 0, List(500, 1));
  REQUIRE(cache.find(1, 0)->size() == 500);
  cache.put(2, 0, List(500, 1));
  cache.put(3, 0, List(500, 1));
  REQUIRE(cache.find(1, 0) == nullptr);
}

TEST_CASE("a retrieve knows of every change of whom its account follows") {
  StoreWorld<OnDisk> world;
  for (const char* name : {"ann", "bob", "carol"}) {
    world->add(name);
    world->post(name, name);
  }
  const AccountId ann = world->id("ann");
  const std::vector<std::string> bob = {"<bob>bob"};
  const std::vector<std::string> both = {"<carol>carol", "<bob>bob"};
  world->follow("ann", "bob");
  REQUIRE(world->feed("ann") == bob);
  world->follow("ann", "carol");
  REQUIRE(world->feed("ann") == both);
  world->ask(Unfollow{ann, "carol"});
  REQUIRE(world->feed("ann") == bob);
  world->run({Follow{ann, "carol"}, Unfollow{ann, "bob"}});
  REQUIRE(world->feed("ann") == std::vector<std::string>{"<carol>carol"});
  world->remove("carol");
  REQUIRE(world->feed("ann").empty());
}

TEST_CASE("a follow whose commit fails is followed by nobody") {
  StoreWorld<OnDisk> world;
  for (const char* name : {"ann", "bob"}) world->add(name);
  world->post("bob", "bob");
  REQUIRE(world->feed("ann").empty());
  world.kind().fail_next_commit(control::Refusal::kDiskFull);
  world->ask(Follow{world->id("ann"), "bob"});
  REQUIRE(world->feed("ann").empty());
}
