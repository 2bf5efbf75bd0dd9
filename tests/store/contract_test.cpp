// What every store does about posts and follows: one suite for the one that lasts and the one in
// memory. Sessions and administration are in contract_admin_test.cpp.
#include <catch2/catch.hpp>

#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;

using Lines = std::vector<std::string>;

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

CONTRACT("a post reaches its author's followers, newest first, and nobody else") {
  StoreWorld<TestType> world;
  for (const char* name : {"ann", "Bob", "carol"}) world->add(name);
  world->post("Bob", "before the follow");
  world->follow("ann", "bob");
  const MessageId id = world->post("Bob", "after it");

  REQUIRE(world->feed("ann") == Lines{"<Bob>after it", "<Bob>before the follow"});
  REQUIRE(world->feed("ann", 20, id) == Lines{"<Bob>before the follow"});
  REQUIRE(world->feed("Bob").empty());
  REQUIRE(world->feed("carol").empty());
}

CONTRACT("retrieve gives exactly as many as asked for and there are") {
  StoreWorld<TestType> world;
  for (const char* name : {"ann", "bob", "carol"}) world->add(name);
  world->follow("ann", "bob");
  world->follow("ann", "carol");
  REQUIRE(world->feed("ann", 5).empty());
  world->post("bob", "one");
  world->post("carol", "two");
  world->post("bob", "three");
  REQUIRE(world->feed("ann", 0).empty());
  REQUIRE(world->feed("ann", 1) == Lines{"<bob>three"});
  REQUIRE(world->feed("ann", 2) == Lines{"<bob>three", "<carol>two"});
  REQUIRE(world->feed("ann", 3) == Lines{"<bob>three", "<carol>two", "<bob>one"});
  REQUIRE(world->feed("ann", 4) == Lines{"<bob>three", "<carol>two", "<bob>one"});
}

CONTRACT("a batch's replies come in its order, each before the events it caused") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  const AccountId ann = world->id("ann");
  const AccountId bob = world->id("bob");
  const WallTime now{std::chrono::seconds(1'800'000'000)};
  const std::vector<Request> batch = {{7, AppendPost{bob, "bob", "unseen"}},
                                      {3, Follow{ann, "BOB"}},
                                      {9, AppendPost{bob, "bob", "seen"}},
                                      {9, Unfollow{ann, "nobody"}},
                                      {1, Unfollow{ann, "bob"}}};
  const auto bob_is = std::to_string(bob);
  const auto pair = std::to_string(ann) + " " + bob_is;
  REQUIRE(describe(apply(world->store(), batch, now)) ==
          Lines{"7 posted 1", "  event post 1 " + bob_is + " <bob>unseen 1800000000000000",
                "3 done", "  event follow " + pair, "9 posted 2",
                "  event post 2 " + bob_is + " <bob>seen 1800000000000000",
                "9 refused " + std::to_string(static_cast<int>(Refusal::kNotFound)), "1 done",
                "  event unfollow " + pair});
}

CONTRACT("an empty batch changes nothing and says nothing") {
  StoreWorld<TestType> world;
  REQUIRE(world->store().apply({}, {}).empty());
}

CONTRACT("message IDs increase without end, also across a restart") {
  StoreWorld<TestType> world;
  world->add("ann");
  MessageId last = 0;
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 9) world.reopen();
    const MessageId id = world->post("ann", "x");
    REQUIRE(id > last);
    last = id;
  }
  REQUIRE(world->reader().counts()->last_post == last);
}

CONTRACT("what was stored is there after a restart") {
  StoreWorld<TestType> world;
  for (const char* name : {"ann", "bob", "carol"}) world->add(name);
  world->follow("ann", "bob");
  world->follow("carol", "carol");
  world->post("bob", "hello");
  world->post("carol", "to myself");
  world->open_session("ann", 77);
  world->ask(control::DisableUser{"carol"});
  const auto before = describe(world->reader());
  const HubInfo info = *world->reader().info();
  world.reopen();
  REQUIRE(difference(describe(world->reader()), before) == "");
  REQUIRE(world->reader().info()->history_id == info.history_id);
  REQUIRE(world->reader().info()->secret == info.secret);
  REQUIRE(world->reader().info()->kdf == kCheapKdf);
}

CONTRACT("following again succeeds, is no event, and following somebody unknown is refused") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  const AccountId bob = world->add("bob");
  REQUIRE(is_done(world->ask(Follow{ann, "bob"})));
  REQUIRE(world->events().size() == 1);
  REQUIRE(is_done(world->ask(Follow{ann, "BOB"})));
  REQUIRE(world->events().empty());
  for (const char* nobody : {"nobody", "", "b&b", "\x1b[2J", "bob\n"}) {
    REQUIRE(refusal_in(world->ask(Follow{ann, nobody})) == Refusal::kNotFound);
    REQUIRE(refusal_in(world->ask(Unfollow{ann, nobody})) == Refusal::kNotFound);
  }
  REQUIRE(refusal_in(world->ask(Follow{ann + 100, "bob"})) == Refusal::kNotFound);
  REQUIRE(world->events().empty());
  REQUIRE(accounts_of(*world->reader().followees(ann)) == std::vector<AccountId>{bob});
  world->post("bob", "once");
  REQUIRE(world->feed("ann") == Lines{"<bob>once"});
}

CONTRACT("after an unfollow nothing of that author is retrieved; a second one is refused") {
  StoreWorld<TestType> world;
  for (const char* name : {"ann", "bob", "carol"}) world->add(name);
  world->follow("ann", "bob");
  world->follow("ann", "carol");
  world->post("bob", "gone");
  world->post("carol", "stays");
  world->unfollow("ann", "Bob");
  REQUIRE(world->feed("ann") == Lines{"<carol>stays"});
  REQUIRE(refusal_in(world->ask(Unfollow{world->id("ann"), "bob"})) == Refusal::kNotFound);
  REQUIRE(world->events().empty());
}

CONTRACT("an account may follow itself and then retrieves its own posts") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->post("ann", "mine");
  REQUIRE(world->feed("ann").empty());
  world->follow("ann", "ann");
  REQUIRE(world->feed("ann") == Lines{"<ann>mine"});
  world->remove("ann");
  REQUIRE(world->reader().counts()->follows == 0);
}

CONTRACT("an account follows no more others than its cap") {
  StoreOptions options;
  options.max_follows = 2;
  StoreWorld<TestType> world(options);
  const AccountId ann = world->add("ann");
  for (const char* name : {"b", "c", "d"}) world->add(name);
  world->follow("ann", "b");
  world->follow("ann", "c");
  REQUIRE(refusal_in(world->ask(Follow{ann, "d"})) == Refusal::kLimit);
  REQUIRE(is_done(world->ask(Follow{ann, "b"})));
  world->unfollow("ann", "b");
  world->follow("ann", "d");
}

CONTRACT("a refused request leaves the others of its batch alone") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  const AccountId ann = world->id("ann");
  const auto replies =
      world->run({AppendPost{ann, "ann", "first"}, AppendPost{ann + 100, "who", "never"},
                  control::AddUser{"ANN", dummy_verifier()},
                  control::AddUser{"new", dummy_verifier()}, AppendPost{-1, "who", "never"},
                  AppendPost{0, "who", "never"}, AppendPost{ann, "ann", "second"}});
  REQUIRE(std::get<Posted>(replies[0]).id + 1 == std::get<Posted>(replies[6]).id);
  REQUIRE(refusal_in(replies[1]) == Refusal::kNotFound);
  REQUIRE(refusal_in(replies[2]) == Refusal::kExists);
  REQUIRE(is_done(replies[3]));
  REQUIRE(refusal_in(replies[4]) == Refusal::kNotFound);
  REQUIRE(refusal_in(replies[5]) == Refusal::kNotFound);
  REQUIRE(world->events().size() == 2);
  world->follow("bob", "ann");
  REQUIRE(world->feed("bob") == Lines{"<ann>second", "<ann>first"});
}

CONTRACT("a full disk refuses what makes the database grow, and the next batch is tried afresh") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  world->follow("ann", "ann");
  const AccountId ann = world->id("ann");
  const MessageId before = world->post("ann", "kept");
  world->open_session("ann", 7);

  world.kind().fail_next_commit(Refusal::kDiskFull);
  const auto replies = world->run(
      {world->append("ann", "lost"), control::AddUser{"eve", dummy_verifier()}, Follow{ann, "bob"},
       CloseSession{ann, 7, Framing::kClassic}, control::DisableUser{"bob"}, Unfollow{ann, "bob"}});
  REQUIRE(refusal_in(replies[0]) == Refusal::kDiskFull);
  REQUIRE(is_done(replies[1]));
  REQUIRE(refusal_in(replies[2]) == Refusal::kDiskFull);
  REQUIRE(is_done(replies[3]));
  REQUIRE(is_done(replies[4]));
  REQUIRE(refusal_in(replies[5]) == Refusal::kNotFound);
  REQUIRE(world->events().size() == 2);
  REQUIRE(std::holds_alternative<PostsHidden>(world->events()[0]));
  REQUIRE(std::holds_alternative<SessionsEnded>(world->events()[1]));
  REQUIRE(world->reader().counts()->sessions == 0);
  REQUIRE(world->id("eve") > 0);

  REQUIRE(world->post("ann", "again") == before + 1);
  REQUIRE(world->feed("ann") == Lines{"<ann>again", "<ann>kept"});
  world.reopen();
  REQUIRE(world->feed("ann") == Lines{"<ann>again", "<ann>kept"});
}

CONTRACT("a failing disk refuses the whole batch and all after it, while reads go on") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->follow("ann", "ann");
  world->post("ann", "kept");
  const auto state = describe(world->reader());

  world.kind().fail_next_commit(Refusal::kStoreFailed);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(refusal_in(world->ask(world->append("ann", "lost"))) == Refusal::kStoreFailed);
    REQUIRE(world->events().empty());
    REQUIRE(difference(describe(world->reader()), state) == "");
  }
  world.reopen();
  REQUIRE(difference(describe(world->reader()), state) == "");
  world->post("ann", "works again");
}
