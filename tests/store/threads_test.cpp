// Readers beside the writer: what apply() returned is visible, and what is visible is whole.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

TEST_CASE("what the writer returned before a read began is in what is read") {
  StoreOptions options;
  options.heads_interval = 50;
  StoreWorld<OnDisk> world(options);
  world->add("ann");
  const AccountId bob = world->add("bob");
  const AccountId ann = world->id("ann");
  world->follow("ann", "bob");

  std::atomic<MessageId> newest{0};
  std::atomic<bool> writing{true};
  std::atomic<int> rounds{0};
  std::atomic<int> wrong{0};
  const auto read = [&] {
    const auto reader = world->store().open_reader();
    while (writing || rounds < 10) {
      const MessageId at_least = newest;
      const auto posts = reader->retrieve(ann, 3, 0);
      bool right = posts.has_value() && posts->size() == std::min<MessageId>(3, at_least);
      if (posts && !posts->empty()) right = posts->front().id >= at_least;
      for (std::size_t i = 1; right && i < posts->size(); ++i) {
        right = (*posts)[i].id + 1 == (*posts)[i - 1].id;
      }
      if (!right && !(posts && posts->size() > at_least)) ++wrong;
      ++rounds;
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (int batch = 0; batch < 150; ++batch) {
    std::vector<Request> requests;
    for (Tag tag = 0; tag < 4; ++tag) requests.push_back({tag, AppendPost{bob, "bob", "text"}});
    const auto out = world->store().apply(requests, {});
    newest = std::get<Posted>(std::get<Reply>(out[6]).body).id;
  }
  writing = false;
  first.join();
  second.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("a device's requests are never told as less than what was done before the question") {
  StoreOptions options;
  options.heads_interval = 3;  // its row is behind, and then not, all the time
  StoreWorld<OnDisk> world(options);
  const AccountId ann = world->add("ann");
  const DeviceNumber device = world->open_sealed("ann", 1).device->number;
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> writing{true};
  std::atomic<int> rounds{0};
  std::atomic<int> wrong{0};
  std::thread reading([&] {
    const auto reader = world->store().open_reader();
    for (; writing || rounds < 10; ++rounds) {
      const std::uint64_t at_least = done;
      const auto known = find_device(*reader, "ann", dummy_device(1));
      if (!known || !*known || (*known)->device.done < at_least) ++wrong;
      const std::uint64_t still_more = done;
      const auto all = reader->devices(ann);
      if (!all || all->size() != 1 || all->front().done < still_more) ++wrong;
    }
  });
  for (std::uint64_t number = 1; number <= 600; ++number) {
    const Numbered once{device, number};
    const Request request = number % 7 == 0 ? Request{1, Unfollow{ann, "ann", once}}
                                            : Request{1, AppendPost{ann, "ann", "text", once}};
    apply(world->store(), {request});
    done = number;
  }
  writing = false;
  reading.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("a retrieve never goes by whom its account followed before the question") {
  constexpr std::size_t kAuthors = 100;
  StoreWorld<OnDisk> world;
  const AccountId ann = world->add("ann");
  for (std::size_t i = 0; i < kAuthors; ++i) {
    world->add("author" + std::to_string(i));
    world->post("author" + std::to_string(i), "text");
  }
  // Of what was answered: a change may be visible a moment before that.
  std::atomic<std::size_t> followed{0};
  std::atomic<std::size_t> left{kAuthors};
  std::atomic<bool> writing{true};
  std::atomic<int> wrong{0};
  const auto read = [&] {
    const auto reader = world->store().open_reader();
    for (int rounds = 0; writing || rounds < 10; ++rounds) {
      const std::size_t at_least = followed;
      const std::size_t at_most = left;
      const auto posts = reader->retrieve(ann, kAuthors, 0);
      if (!posts || posts->size() > at_most) ++wrong;
      if (posts && posts->size() < at_least && followed < kAuthors) ++wrong;
    }
  };
  std::thread first(read);
  std::thread second(read);
  for (std::size_t i = 0; i < kAuthors; ++i) {
    apply(world->store(), {{1, Follow{ann, "author" + std::to_string(i)}}});
    followed = i + 1;
  }
  for (std::size_t i = 0; i < kAuthors; ++i) {
    apply(world->store(), {{1, Unfollow{ann, "author" + std::to_string(i)}}});
    left = kAuthors - i - 1;
  }
  writing = false;
  first.join();
  second.join();
  REQUIRE(wrong == 0);
  REQUIRE(world->reader().retrieve(ann, kAuthors, 0)->empty());
}

TEST_CASE("accounts come and go while others read") {
  StoreOptions options;
  options.delete_step = 3;
  StoreWorld<OnDisk> world(options);
  const AccountId ann = world->add("ann");
  std::atomic<bool> writing{true};
  std::atomic<int> failed{0};
  std::thread reading([&] {
    const auto reader = world->store().open_reader();
    while (writing) {
      if (!reader->retrieve(ann, 20, 0)) ++failed;
      if (!reader->accounts("", 10)) ++failed;
      if (!reader->counts()) ++failed;
    }
  });
  for (int i = 0; i < 30; ++i) {
    const std::string name = "user" + std::to_string(i);
    world->add(name);
    world->follow("ann", name);
    for (int k = 0; k < 5; ++k) world->post(name, "x");
    world->remove(name);
  }
  writing = false;
  reading.join();
  REQUIRE(failed == 0);
}
