// The mailbox between threads: its bound, its order, its wake-ups.
#include <atomic>
#include <memory>
#include <thread>

#include <catch2/catch.hpp>

#include "server/net/inbox.hpp"

using namespace hub::server;

TEST_CASE("a full inbox refuses and leaves the item with its owner") {
  Inbox<std::unique_ptr<int>> inbox(2);
  CHECK(inbox.try_push(std::make_unique<int>(1)));
  CHECK(inbox.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  CHECK_FALSE(inbox.try_push(std::move(third)));
  REQUIRE(third);
  CHECK(*third == 3);

  std::vector<std::unique_ptr<int>> taken;
  inbox.take_all(taken);
  CHECK(taken.size() == 2);
  CHECK(inbox.try_push(std::move(third)));
}

TEST_CASE("an inbox takes of many items those there is room for") {
  Inbox<int> inbox(3);
  REQUIRE(inbox.try_push(1));
  std::vector<int> more{2, 3, 4, 5};
  CHECK(inbox.push_some(more) == 2);
  std::vector<int> taken;
  inbox.take_all(taken);
  CHECK(taken == std::vector<int>{1, 2, 3});
}

TEST_CASE("an inbox wakes its owner once a burst") {
  Inbox<int> inbox(100);
  int wakes = 0;
  inbox.on_first([&] { ++wakes; });
  for (int i = 0; i < 5; ++i) inbox.try_push(int{i});
  std::vector<int> burst{5, 6};
  inbox.push_some(burst);
  CHECK(wakes == 1);
  std::vector<int> taken;
  inbox.take_all(taken);
  CHECK(taken.size() == 7);
  inbox.push_some(burst);
  CHECK(wakes == 2);
  inbox.on_first({});
  inbox.take_all(taken);
  inbox.try_push(1);
  CHECK(wakes == 2);
}

TEST_CASE("who waits for a while gets what came, nothing, or the end") {
  using namespace std::chrono_literals;
  Inbox<int> inbox(10);
  std::vector<int> taken{9};
  CHECK(inbox.wait_all_for(taken, 1ms));
  CHECK(taken.empty());
  inbox.try_push(1);
  CHECK(inbox.wait_all_for(taken, 1h));
  CHECK(taken == std::vector<int>{1});
  inbox.try_push(2);
  inbox.close();
  CHECK(inbox.wait_all_for(taken, 1h));
  CHECK(taken == std::vector<int>{2});
  CHECK_FALSE(inbox.wait_all_for(taken, 1h));
}

TEST_CASE("a closed inbox takes nothing more, and hands out what it has") {
  Inbox<int> inbox(10);
  inbox.try_push(1);
  inbox.try_push(2);
  inbox.close();
  CHECK_FALSE(inbox.try_push(3));
  CHECK(inbox.wait_one() == 1);
  std::vector<int> rest;
  CHECK(inbox.wait_all(rest));
  CHECK(rest == std::vector<int>{2});
  CHECK_FALSE(inbox.wait_all(rest));
  CHECK_FALSE(inbox.wait_one());
}

TEST_CASE("nothing is lost or repeated between four pushing and two taking threads") {
  constexpr int kEach = 5000;
  Inbox<int> inbox(64);
  std::atomic<int> sum{0};
  std::atomic<int> count{0};
  std::vector<std::thread> takers;
  for (int i = 0; i < 2; ++i) {
    takers.emplace_back([&] {
      while (const auto item = inbox.wait_one()) {
        sum += *item;
        ++count;
      }
    });
  }
  std::vector<std::thread> pushers;
  for (int i = 0; i < 4; ++i) {
    pushers.emplace_back([&] {
      for (int n = 1; n <= kEach; ++n) {
        while (!inbox.try_push(int{n})) std::this_thread::yield();
      }
    });
  }
  for (auto& thread : pushers) thread.join();
  inbox.close();
  for (auto& thread : takers) thread.join();
  CHECK(count == 4 * kEach);
  CHECK(sum == 4 * (kEach * (kEach + 1) / 2));
}
