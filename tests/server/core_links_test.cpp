// What the hub knows of its sealed connections, part by part.
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "server/core/graves.hpp"
#include "server/core/link.hpp"
#include "server/core/login_throttle.hpp"
#include "tests/support/sim_net.hpp"

using namespace hub;
using namespace hub::server;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

struct Links {
  Link& add(sealed::ConnectionId id, const IpAddress& prefix = IpAddress::v4(10, 0, 0, 1)) {
    sealed::Established made;
    made.ours = id;
    return table.add(table.make(made, Path{}, random, kStart), prefix);
  }
  std::vector<sealed::ConnectionId> ids(const std::vector<Link*>& links) {
    std::vector<sealed::ConnectionId> out;
    for (const Link* link : links) out.push_back(link->connection.id());
    return out;
  }

  test::SeededRandom random{1};
  LinkTable table;
};

using Ids = std::vector<sealed::ConnectionId>;

IpAddress prefix_of(int number) {
  return IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16),
                       static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number));
}

/// How many tries in a row are let through.
int tries(LoginThrottle& throttle, std::string_view id, const IpAddress& from, TimePoint now,
          int most = 1000) {
  int count = 0;
  while (count < most && throttle.may_try(id, from, now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("links are found by their ID, and strangers counted by prefix until they log in") {
  Links links;
  const IpAddress here = prefix_of(1);
  const IpAddress there = prefix_of(2);
  Link& first = links.add(1, here);
  links.add(2, here);
  links.add(3, there);
  CHECK(links.table.size() == 3);
  CHECK(links.table.find(1) == &first);
  CHECK(links.table.find(4) == nullptr);
  CHECK(links.table.strangers_from(here) == 2);
  links.table.logged_in(first);
  links.table.logged_in(first);  // counts once
  CHECK(links.table.strangers_from(here) == 1);
  links.table.remove(first);  // no stranger any more
  CHECK(links.table.strangers_from(here) == 1);
  links.table.remove(*links.table.find(2));
  CHECK(links.table.strangers_from(here) == 0);
  CHECK(links.table.strangers_from(there) == 1);
  CHECK(links.table.size() == 1);
}

TEST_CASE("a new link is not found before it is added, and gives its place back if it never is") {
  Links links;
  links.add(1);
  sealed::Established made;
  made.ours = 7;
  Link* first = nullptr;
  {
    const auto forged = links.table.make(made, Path{}, links.random, kStart);
    first = forged.get();
    CHECK(links.table.find(7) == nullptr);
    CHECK(links.table.size() == 1);
  }
  auto second = links.table.make(made, Path{}, links.random, kStart);
  CHECK(second.get() == first);
  Link& added = links.table.add(std::move(second), prefix_of(1));
  CHECK(&added == first);
  CHECK(links.table.find(7) == first);
  CHECK(links.table.size() == 2);
}

TEST_CASE("a link that is touched is handed out once, and not when it is gone") {
  Links links;
  Link& first = links.add(1);
  Link& second = links.add(2);
  links.table.touch(first);
  links.table.touch(second);
  links.table.touch(first);
  CHECK(links.ids(links.table.take_touched()) == Ids{1, 2});
  CHECK(links.table.take_touched().empty());
  links.table.touch(second);
  links.table.touch(first);
  links.table.remove(second);
  CHECK(links.ids(links.table.take_touched()) == Ids{1});
}

TEST_CASE("a link is woken at its earliest deadline, once") {
  Links links;
  Link& first = links.add(1);
  Link& second = links.add(2);
  CHECK_FALSE(links.table.next_timeout().has_value());
  links.table.arm(first, kStart + 5s);
  links.table.arm(first, kStart + 9s);  // later: nothing new
  links.table.arm(second, kStart + 3s);
  links.table.arm(first, kStart + 1s);
  CHECK(links.table.next_timeout() == kStart + 1s);
  CHECK(links.table.take_due(kStart).empty());
  CHECK(links.ids(links.table.take_due(kStart + 1s)) == Ids{1});
  CHECK(links.ids(links.table.take_due(kStart + 4s)) == Ids{2});
  CHECK(links.table.take_due(kStart + 1min).empty());  // the earlier entry of the first is void
  links.table.arm(first, kStart + 2min);
  links.table.remove(first);
  CHECK(links.table.take_due(kStart + 5min).empty());
  CHECK_FALSE(links.table.next_timeout().has_value());
}

TEST_CASE("deadlines agree with a sorted map, and give their memory back") {
  const auto seed = GENERATE(range(1u, 11u));
  CAPTURE(seed);
  std::mt19937_64 dice(seed);
  Links links;
  std::map<sealed::ConnectionId, TimePoint> oracle;  // of those armed
  TimePoint now = kStart;
  for (sealed::ConnectionId id = 1; id <= 2000; ++id) links.add(id);
  for (int turn = 0; turn < 400; ++turn) {
    for (int i = 0; i < (turn < 200 ? 100 : 1); ++i) {
      const sealed::ConnectionId id = 1 + dice() % 2000;
      Link* const link = links.table.find(id);
      if (link == nullptr) continue;
      if (dice() % 64 == 0) {
        links.table.remove(*link);
        oracle.erase(id);
        continue;
      }
      const TimePoint when = now + (dice() % 2 == 0 ? 25ms : 10'000ms) + dice() % 100 * 1ms;
      links.table.arm(*link, when);
      const auto [there, is_new] = oracle.emplace(id, when);
      if (!is_new) there->second = std::min(there->second, when);
    }
    now += dice() % 100 * 1ms;
    Ids due = links.ids(links.table.take_due(now));
    std::sort(due.begin(), due.end());
    Ids expected;
    for (const auto& [id, at] : oracle) {
      if (at <= now) expected.push_back(id);
    }
    for (const auto id : expected) oracle.erase(id);
    REQUIRE(due == expected);
    for (const auto& [id, at] : oracle) REQUIRE(*links.table.next_timeout() <= at);
  }
  links.table.take_due(now + 1h);
  CHECK_FALSE(links.table.next_timeout().has_value());
  CHECK(links.table.room_for_deadlines() <= 1024);
}

TEST_CASE("a stranger's guesses: ten, then one every six seconds, a prefix and an account") {
  test::SeededRandom random(1);
  LoginThrottle throttle(random);
  CHECK(tries(throttle, "ann", prefix_of(1), kStart) == 10);
  CHECK(tries(throttle, "ann", prefix_of(1), kStart + 5s) == 0);
  CHECK(tries(throttle, "ann", prefix_of(1), kStart + 6s) == 1);
  CHECK(tries(throttle, "bob", prefix_of(1), kStart) == 10);
  CHECK(tries(throttle, "ann", prefix_of(2), kStart) == 10);
  CHECK(tries(throttle, "ann", prefix_of(1), kStart + 1h) == 10);
}

TEST_CASE("guesses of one subscriber are counted together, whichever address they use") {
  test::SeededRandom random(2);
  LoginThrottle throttle(random);
  int let_through = 0;
  for (int i = 0; i < 100; ++i) {
    IpAddress from = *IpAddress::parse("2001:db8:0:100::1");
    from.bytes[15] = static_cast<std::uint8_t>(i);
    from.bytes[7] = static_cast<std::uint8_t>(i);  // within a /56
    let_through += throttle.may_try("ann", from, kStart) ? 1 : 0;
  }
  CHECK(let_through == 10);
}

TEST_CASE(
    "while many guess, each stranger has three tries; where its owner was before, a hundred") {
  test::SeededRandom random(3);
  LoginThrottle throttle(random);
  const IpAddress home = prefix_of(60'000);
  throttle.remember("ann", home);
  int let_through = 0;
  const int guessers = 500;
  for (int i = 1; i <= guessers; ++i) let_through += tries(throttle, "ann", prefix_of(i), kStart);
  CHECK(let_through < 100 + guessers * 4);
  CHECK(tries(throttle, "ann", home, kStart) == 100);
  CHECK(tries(throttle, "ann", home, kStart + 1s) == 10);
  CHECK(tries(throttle, "ann", prefix_of(50'001), kStart) == 3);  // she is on a journey
  for (int i = 1; i <= 100; ++i) throttle.may_try("ann", prefix_of(70'000 + i), kStart + 59s);
  CHECK(tries(throttle, "ann", prefix_of(50'001), kStart + 59s) == 0);
  CHECK(throttle.may_try("ann", prefix_of(50'001), kStart + 60s));
  CHECK(tries(throttle, "bob", prefix_of(50'002), kStart) == 10);  // nobody is after him
}

TEST_CASE("those who know their passwords do not use up each other's tries") {
  test::SeededRandom random(4);
  LoginThrottle throttle(random);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = "user" + std::to_string(i);
    refused += throttle.may_try(id, prefix_of(1), kStart) ? 0 : 1;
    throttle.give_back(id, prefix_of(1));
    throttle.remember(id, prefix_of(1));
  }
  CHECK(refused == 0);
  // Who guesses gains nothing by an account of his own.
  int guesses = 0;
  for (int i = 0; i < 50; ++i) {
    guesses += throttle.may_try("ann", prefix_of(1), kStart) ? 1 : 0;
    throttle.may_try("mallory", prefix_of(1), kStart);
    throttle.give_back("mallory", prefix_of(1));
    throttle.remember("mallory", prefix_of(1));
  }
  CHECK(guesses == 10);
}

TEST_CASE("last words are kept for two minutes, and not for more than a few thousand") {
  Graves graves;
  const auto bury = [&](sealed::ConnectionId id, TimePoint now) {
    graves.add(id, {Path{}, {1, 2, 3}, now + Graves::kKept});
  };
  bury(1, kStart);
  REQUIRE(graves.find(1, kStart + 119s) != nullptr);
  CHECK(graves.find(1, kStart + 119s)->datagram == std::vector<std::uint8_t>{1, 2, 3});
  CHECK(graves.find(1, kStart + 2min) == nullptr);
  CHECK(graves.find(2, kStart) == nullptr);
  for (sealed::ConnectionId id = 2; id < 3 * Graves::kMost; ++id) bury(id, kStart + 1min);
  CHECK(graves.size() == Graves::kMost);
  CHECK(graves.find(1, kStart + 1min) == nullptr);
  CHECK(graves.find(3 * Graves::kMost - 1, kStart + 1min) != nullptr);
  bury(1'000'000, kStart + 1h);
  CHECK(graves.size() == 1);
}
