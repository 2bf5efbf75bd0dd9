// Requests happen once, by the number that their device gives them: what every store does about it.
#include <random>

#include <catch2/catch.hpp>

#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;
using Outcome = Repeated::Outcome;

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

namespace {

constexpr std::uint64_t kHighest = ~std::uint64_t{0};

/// ann with a device, who follows herself, and bob; `after` runs after each request.
template <typename Kind>
struct Numbers {
  Numbers() {
    ann = world->add("ann");
    bob = world->add("bob");
    world->follow("ann", "ann");
    device = world->open_sealed("ann", 1).device->number;
  }

  AppendPost post(std::uint64_t number, const std::string& text = "x") const {
    return {ann, "ann", text, {device, number}};
  }
  Follow follow(std::uint64_t number, const std::string& target) const {
    return {ann, target, {device, number}};
  }
  Unfollow unfollow(std::uint64_t number, const std::string& target) const {
    return {ann, target, {device, number}};
  }
  std::uint64_t done() {
    return find_device(world->reader(), "ann", dummy_device(1))->value().device.done;
  }
  std::size_t posts() { return world->feed("ann", 1000).size(); }

  StoreWorld<Kind> world;
  AccountId ann = 0;
  AccountId bob = 0;
  DeviceNumber device = 0;
};

}  // namespace

CONTRACT("a post that comes again under its number is not stored again") {
  Numbers<TestType> w;
  const bool restart = GENERATE(false, true);
  REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(1, "one"))));
  REQUIRE(w.done() == 1);
  if (restart) w.world.reopen();
  REQUIRE(w.done() == 1);
  REQUIRE(repeated_in(w.world->ask(w.post(1, "one"))) == Outcome::kOk);
  REQUIRE(w.world->events().empty());
  REQUIRE(repeated_in(w.world->ask(w.post(1, "another text"))) == Outcome::kOk);
  REQUIRE(w.posts() == 1);
  REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(2, "two"))));
  REQUIRE(w.posts() == 2);
}

CONTRACT("a request without a number is done each time") {
  Numbers<TestType> w;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(0))));
  }
  REQUIRE(w.posts() == 3);
  REQUIRE(w.done() == 0);
}

CONTRACT("each number answers again what it did, whatever is so by now") {
  Numbers<TestType> w;
  const bool restart = GENERATE(false, true);
  REQUIRE(is_done(w.world->ask(w.follow(1, "bob"))));
  REQUIRE(refusal_in(w.world->ask(w.follow(2, "nobody"))) == Refusal::kNotFound);
  REQUIRE(w.done() == 2);
  REQUIRE(is_done(w.world->ask(w.follow(3, "bob"))));  // already
  REQUIRE(is_done(w.world->ask(w.unfollow(4, "bob"))));
  REQUIRE(refusal_in(w.world->ask(w.unfollow(5, "bob"))) == Refusal::kNotFound);
  REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(8))));
  w.world->add("nobody");
  if (restart) w.world.reopen();

  const Outcome expected[] = {Outcome::kOk,     Outcome::kFailed,  Outcome::kOk,      Outcome::kOk,
                              Outcome::kFailed, Outcome::kRefused, Outcome::kRefused, Outcome::kOk};
  const auto state = describe(w.world->reader());
  for (std::uint64_t number = 1; number <= 8; ++number) {
    CAPTURE(number);
    // The number alone counts, not what is asked under it.
    REQUIRE(repeated_in(w.world->ask(w.post(number))) == expected[number - 1]);
    REQUIRE(repeated_in(w.world->ask(w.follow(number, "bob"))) == expected[number - 1]);
    REQUIRE(repeated_in(w.world->ask(w.unfollow(number, "ann"))) == expected[number - 1]);
    REQUIRE(w.world->events().empty());
  }
  REQUIRE(difference(describe(w.world->reader()), state) == "");
}

CONTRACT("a follow over the cap has failed for its number") {
  StoreOptions options;
  options.max_follows = 1;
  StoreWorld<TestType> world(options);
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->follow("ann", "bob");
  const DeviceNumber device = world->open_sealed("ann", 1).device->number;
  const Follow follow{ann, "ann", {device, 1}};
  REQUIRE(refusal_in(world->ask(follow)) == Refusal::kLimit);
  world->unfollow("ann", "bob");
  REQUIRE(repeated_in(world->ask(follow)) == Outcome::kFailed);
}

CONTRACT("the results of the last 64 numbers are remembered, and older ones known as done") {
  Numbers<TestType> w;
  const bool restart = GENERATE(false, true);
  const std::uint64_t last = 100;
  for (std::uint64_t number = 1; number <= last; ++number) {
    if (number % 3 == 0) continue;
    if (number % 3 == 1) w.world->ask(w.post(number));
    if (number % 3 == 2) w.world->ask(w.unfollow(number, "bob"));
  }
  if (restart) w.world.reopen();
  const std::size_t posts = w.posts();
  for (std::uint64_t number = 1; number <= last; ++number) {
    CAPTURE(number);
    const auto expected = last - number >= kRememberedRequests ? Outcome::kForgotten
                          : number % 3 == 0                    ? Outcome::kRefused
                          : number % 3 == 1                    ? Outcome::kOk
                                                               : Outcome::kFailed;
    REQUIRE(repeated_in(w.world->ask(w.post(number))) == expected);
  }
  REQUIRE(w.posts() == posts);
  REQUIRE(w.done() == last);
}

CONTRACT("a leap over numbers forgets no result too few and none too many") {
  Numbers<TestType> w;
  const std::uint64_t leap = GENERATE(1u, 2u, 63u, 64u, 65u, 1000u);
  CAPTURE(leap);
  w.world->ask(w.post(10));
  w.world->ask(w.post(10 + leap));
  const auto first = repeated_in(w.world->ask(w.post(10)));
  REQUIRE(first == (leap < 64 ? Outcome::kOk : Outcome::kForgotten));
  const auto between = repeated_in(w.world->ask(w.post(9 + leap)));
  REQUIRE(between == (leap == 1 ? Outcome::kOk : Outcome::kRefused));
}

CONTRACT("numbers are 64 bits wide") {
  Numbers<TestType> w;
  for (const std::uint64_t number : {std::uint64_t{1} << 63, kHighest - 1, kHighest}) {
    CAPTURE(number);
    REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(number))));
    REQUIRE(repeated_in(w.world->ask(w.post(number))) == Outcome::kOk);
    w.world.reopen();
    REQUIRE(w.done() == number);
    REQUIRE(repeated_in(w.world->ask(w.post(number))) == Outcome::kOk);
    REQUIRE(repeated_in(w.world->ask(w.post(1))) == Outcome::kForgotten);
  }
  REQUIRE(w.posts() == 3);
}

CONTRACT("a batch may hold a number twice, several of a device, and several devices") {
  Numbers<TestType> w;
  const DeviceNumber other = w.world->open_sealed("ann", 2).device->number;
  const DeviceNumber bobs = w.world->open_sealed("bob", 1).device->number;
  const auto replies = w.world->run(
      {w.post(1, "a"), w.post(1, "b"), w.follow(2, "bob"), w.follow(2, "bob"), w.post(3, "c"),
       w.post(2, "d"), w.unfollow(4, "nobody"), w.unfollow(4, "nobody"), w.post(4, "e"),
       AppendPost{w.ann, "ann", "f", {other, 1}}, AppendPost{w.bob, "bob", "g", {bobs, 1}}});
  REQUIRE(std::holds_alternative<Posted>(replies[0]));
  REQUIRE(repeated_in(replies[1]) == Outcome::kOk);
  REQUIRE(is_done(replies[2]));
  REQUIRE(repeated_in(replies[3]) == Outcome::kOk);
  REQUIRE(std::holds_alternative<Posted>(replies[4]));
  REQUIRE(repeated_in(replies[5]) == Outcome::kOk);
  REQUIRE(refusal_in(replies[6]) == Refusal::kNotFound);
  REQUIRE(repeated_in(replies[7]) == Outcome::kFailed);
  REQUIRE(repeated_in(replies[8]) == Outcome::kFailed);
  REQUIRE(std::holds_alternative<Posted>(replies[9]));
  REQUIRE(std::holds_alternative<Posted>(replies[10]));
  const std::vector<std::string> feed = {"<bob>g", "<ann>f", "<ann>c", "<ann>a"};
  REQUIRE(w.world->feed("ann") == feed);
  w.world.reopen();
  REQUIRE(w.done() == 4);
  REQUIRE(w.world->feed("ann") == feed);
}

CONTRACT("a number is a device's of the asker, or nothing is done") {
  Numbers<TestType> w;
  const auto state = describe(w.world->reader());
  for (const DeviceNumber device : {w.device + 1, DeviceNumber{0}, DeviceNumber{-1}}) {
    REQUIRE(refusal_in(w.world->ask(AppendPost{w.ann, "ann", "x", {device, 1}})) ==
            Refusal::kNotFound);
    REQUIRE(refusal_in(w.world->ask(Follow{w.ann, "bob", {device, 1}})) == Refusal::kNotFound);
    REQUIRE(refusal_in(w.world->ask(Unfollow{w.ann, "ann", {device, 1}})) == Refusal::kNotFound);
  }
  REQUIRE(refusal_in(w.world->ask(AppendPost{w.bob, "bob", "x", {w.device, 1}})) ==
          Refusal::kNotFound);
  REQUIRE(refusal_in(w.world->ask(Follow{w.bob, "ann", {w.device, 1}})) == Refusal::kNotFound);
  REQUIRE(w.world->events().empty());
  REQUIRE(difference(describe(w.world->reader()), state) == "");
}

CONTRACT("what is refused for the account's sake leaves its number to be used") {
  Numbers<TestType> w;
  w.world->ask(control::DisableUser{"ann"});
  REQUIRE(refusal_in(w.world->ask(w.post(1))) == Refusal::kDisabled);
  REQUIRE(refusal_in(w.world->ask(w.follow(2, "bob"))) == Refusal::kDisabled);
  w.world->ask(control::EnableUser{"ann"});
  REQUIRE(w.done() == 0);
  REQUIRE(std::holds_alternative<Posted>(w.world->ask(w.post(1))));
  REQUIRE(is_done(w.world->ask(w.follow(2, "bob"))));
}

CONTRACT("a batch that could not be written leaves its numbers to be used") {
  Numbers<TestType> w;
  w.world->ask(w.post(1, "one"));
  w.world.kind().fail_next_commit(Refusal::kDiskFull);
  for (const auto& reply : w.world->run({w.post(2, "two"), w.follow(3, "bob")})) {
    REQUIRE(refusal_in(reply) == Refusal::kDiskFull);
  }
  REQUIRE(w.done() == 1);
  const auto again = w.world->run({w.post(1, "one"), w.post(2, "two"), w.unfollow(3, "bob")});
  REQUIRE(repeated_in(again[0]) == Outcome::kOk);
  REQUIRE(std::holds_alternative<Posted>(again[1]));
  REQUIRE(refusal_in(again[2]) == Refusal::kNotFound);
  REQUIRE(w.posts() == 2);
}

CONTRACT("on a full disk a number that was done before answers what it did") {
  Numbers<TestType> w;
  w.world->run({w.post(1, "one"), w.follow(2, "bob"), w.follow(3, "nobody")});
  w.world.kind().fail_next_commit(Refusal::kDiskFull);
  const auto replies = w.world->run({w.post(1), w.follow(2, "bob"), w.follow(3, "nobody"),
                                     w.post(4), w.unfollow(5, "bob"), w.follow(6, "bob")});
  REQUIRE(repeated_in(replies[0]) == Outcome::kOk);
  REQUIRE(repeated_in(replies[1]) == Outcome::kOk);
  REQUIRE(repeated_in(replies[2]) == Outcome::kFailed);
  REQUIRE(refusal_in(replies[3]) == Refusal::kDiskFull);
  REQUIRE(is_done(replies[4]));
  REQUIRE(refusal_in(replies[5]) == Refusal::kDiskFull);
  REQUIRE(w.done() == 5);
  REQUIRE(repeated_in(w.world->ask(w.post(4))) == Outcome::kRefused);
  REQUIRE(is_done(w.world->ask(w.follow(6, "bob"))));
  REQUIRE(w.posts() == 1);
}

CONTRACT("a login says how far the device's requests were done, to the last one before it") {
  Numbers<TestType> w;
  auto resume = w.world->sealed_login("ann", 1, DeviceLogin::Proof::kResumeKey);
  const auto replies =
      w.world->run({w.post(1), resume, w.post(2), w.unfollow(3, "bob"), resume, w.post(4)});
  REQUIRE(std::get<SessionOpened>(replies[1]).device->done == 1);
  REQUIRE(std::get<SessionOpened>(replies[4]).device->done == 3);
  REQUIRE(w.done() == 4);
  REQUIRE(w.world->open_sealed("ann", 1).device->done == 4);
}

CONTRACT("that a post was deleted does not let its number post again") {
  Numbers<TestType> w;
  const auto reply = w.world->ask(w.post(1));
  w.world->ask(control::DeletePost{std::get<Posted>(reply).id});
  w.world.reopen();
  REQUIRE(repeated_in(w.world->ask(w.post(1))) == Outcome::kOk);
  REQUIRE(w.posts() == 0);
}
