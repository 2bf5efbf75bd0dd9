// Where a long catch-up begins, and what it leaves out: what every store says about it.
#include <catch2/catch.hpp>

#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

namespace hub::store {
bool operator==(const Backlog& a, const Backlog& b) {
  return a.left_out == b.left_out && a.more == b.more && a.from == b.from;
}
std::ostream& operator<<(std::ostream& out, const Backlog& b) {
  return out << b.left_out << (b.more ? " and more" : "") << ", from " << b.from;
}
}  // namespace hub::store

namespace {

/// What is due above `from`, by the pages of the catch-up itself.
std::vector<MessageId> due_above(StoreVerbs& verbs, AccountId account, MessageId from) {
  std::vector<MessageId> out;
  for (;;) {
    const auto page = *verbs.reader().catch_up(account, from, 7);
    for (const Post& post : page.posts) out.push_back(post.id);
    if (page.up_to == from) return out;
    from = page.up_to;
  }
}

}  // namespace

CONTRACT("a catch-up within the bound leaves nothing out") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  REQUIRE(*world->reader().backlog(ann, 0, 5, 5) == Backlog{0, false, 0});
  world->follow("ann", "bob");
  REQUIRE(*world->reader().backlog(ann, 0, 5, 5) == Backlog{0, false, 0});
  for (int i = 0; i < 5; ++i) world->post("bob", "x");
  REQUIRE(*world->reader().backlog(ann, 0, 5, 5) == Backlog{0, false, 0});
  REQUIRE(*world->reader().backlog(ann, 3, 5, 5) == Backlog{0, false, 3});
  REQUIRE(*world->reader().backlog(ann, ~MessageId{0}, 0, 0) == Backlog{0, false, ~MessageId{0}});
  REQUIRE(*world->reader().backlog(ann + 9, 0, 0, 0) == Backlog{0, false, 0});
}

CONTRACT("over the bound the newest are kept and the older ones counted, up to another bound") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  for (const char* name : {"bob", "carol", "dora"}) world->add(name);
  world->post("bob", "before the follow");  // 1
  world->follow("ann", "bob");
  world->follow("ann", "carol");
  for (int i = 0; i < 10; ++i) {  // bob 2 5 8 …, carol 3 6 9 …, dora 4 7 10 …
    for (const char* name : {"bob", "carol", "dora"}) world->post(name, "x");
  }
  auto backlog = [&](MessageId after, std::uint32_t keep, std::uint32_t most) {
    return *world->reader().backlog(ann, after, keep, most);
  };
  REQUIRE(backlog(0, 20, 100) == Backlog{0, false, 0});
  REQUIRE(backlog(0, 19, 100) == Backlog{1, false, 2});
  REQUIRE(backlog(0, 3, 100) == Backlog{17, false, 26});
  REQUIRE(backlog(0, 3, 17) == Backlog{17, false, 26});
  REQUIRE(backlog(0, 3, 16) == Backlog{16, true, 26});
  REQUIRE(backlog(0, 3, 0) == Backlog{0, true, 26});
  REQUIRE(backlog(0, 0, 100) == Backlog{20, false, 30});
  REQUIRE(backlog(12, 3, 100) == Backlog{9, false, 26});
  REQUIRE(backlog(26, 3, 100) == Backlog{0, false, 26});

  REQUIRE(due_above(world.verbs(), ann, 26) == std::vector<MessageId>{27, 29, 30});
  world->unfollow("ann", "carol");
  REQUIRE(backlog(0, 3, 100) == Backlog{7, false, 20});
  world->ask(control::DisableUser{"bob"});
  REQUIRE(backlog(0, 3, 100) == Backlog{0, false, 0});
}

CONTRACT("deleted posts are neither kept nor counted as left out") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->follow("ann", "ann");
  for (int i = 1; i <= 12; ++i) world->post("ann", "x");
  for (const MessageId id : {MessageId{3}, MessageId{8}, MessageId{10}, MessageId{12}}) {
    world->ask(control::DeletePost{id});
  }
  REQUIRE(*world->reader().backlog(ann, 0, 3, 100) == Backlog{5, false, 6});
  REQUIRE(due_above(world.verbs(), ann, 6) == std::vector<MessageId>{7, 9, 11});
  REQUIRE(*world->reader().backlog(ann, 0, 8, 100) == Backlog{0, false, 0});
}

CONTRACT("over a long absence a catch-up finds the little that is due among all the rest") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->add("crowd");
  world->follow("ann", "bob");
  std::vector<MessageId> due;
  const auto crowd = [&](int count) {
    const std::vector<decltype(Request::body)> posts(static_cast<std::size_t>(count),
                                                     world->append("crowd", "x"));
    world->run(posts);
  };
  for (int i = 0; i < 20; ++i) {
    crowd(500);
    due.push_back(world->post("bob", "due"));
    if (i == 10) {
      world->unfollow("ann", "bob");
      world->post("bob", "not due");
      world->follow("ann", "bob");
      due.clear();
    }
  }
  crowd(6000);
  const MessageId deleted = due[3];
  world->ask(control::DeletePost{deleted});
  std::erase(due, deleted);
  CHECK(due_above(world.verbs(), ann, 0) == due);  // in pages of seven
  CHECK(due_above(world.verbs(), ann, due[4]) ==
        std::vector<MessageId>(due.begin() + 5, due.end()));
  CHECK(due_above(world.verbs(), ann, due.back()).empty());
  // Where those followed posted more than a page looks at, and others hardly anything.
  world->follow("ann", "crowd");
  const MessageId from = world->post("bob", "due");
  crowd(9000);
  CHECK(due_above(world.verbs(), ann, from).size() == 9000);
  world->ask(control::DisableUser{"crowd"});
  CHECK(due_above(world.verbs(), ann, from).empty());
}

CONTRACT(
    "a catch-up gets past the newest posts where they are gone, and a restart changes nothing") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->add("spam");
  world->follow("ann", "bob");
  const MessageId last = world->post("bob", "x");
  for (int i = 0; i < 5; ++i) world->post("spam", "x");
  const MessageId newest = last + 5;
  world->remove("spam");
  const auto up_to = [&](MessageId after) {
    return world->reader().catch_up(ann, after, 7)->up_to;
  };
  const auto check = [&] {
    CHECK(up_to(0) == newest);
    CHECK(up_to(last) == newest);
    CHECK(up_to(newest) == newest);
    CHECK(world->reader().catch_up(ann, 0, 1)->up_to >= last);  // a full page need not say so
  };
  check();
  world.reopen();
  REQUIRE(world->reader().counts()->last_post == newest);
  check();
  CHECK(world->post("bob", "y") == newest + 1);
  CHECK(up_to(last) == newest + 1);
  CHECK(due_above(world.verbs(), ann, last) == std::vector<MessageId>{newest + 1});
}
