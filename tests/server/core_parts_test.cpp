// The parts of the core by themselves.
#include <map>

#include <catch2/catch.hpp>

#include "protocol/rate_limit.hpp"
#include "server/core/follow_index.hpp"
#include "server/core/link.hpp"
#include "server/core/session_table.hpp"
#include "tests/support/sim_net.hpp"

using namespace hub;
using namespace hub::server;
using namespace std::chrono_literals;

namespace {

std::vector<AccountId> sorted(std::span<const AccountId> accounts) {
  std::vector<AccountId> ids(accounts.begin(), accounts.end());
  std::sort(ids.begin(), ids.end());
  return ids;
}

store::StoredSession record(AccountId account, Token token, std::uint16_t port) {
  store::StoredSession out;
  out.account = account;
  out.token = token;
  out.remote = {IpAddress::v4(127, 0, 0, 1), port, 0};
  return out;
}

}  // namespace

TEST_CASE("the follow index knows the online followers of each author") {
  FollowIndex index;
  index.add_account(1, {{10, 0}, {11, 0}});
  index.add_account(2, {{10, 0}});
  CHECK(sorted(index.online_followers(10)) == std::vector<AccountId>{1, 2});
  CHECK(sorted(index.online_followers(11)) == std::vector<AccountId>{1});
  CHECK(index.online_followers(99).empty());
  index.add_follow(2, 11);
  index.add_follow(2, 11);  // again: still once
  index.add_follow(3, 11);  // not online
  CHECK(sorted(index.online_followers(11)) == std::vector<AccountId>{1, 2});
  index.remove_follow(1, 10);
  index.remove_follow(1, 10);
  CHECK(sorted(index.online_followers(10)) == std::vector<AccountId>{2});
  index.add_account(1, {{12, 0}});  // came online again: replaced
  CHECK(sorted(index.online_followers(11)) == std::vector<AccountId>{2});
  index.remove_account(1);
  index.remove_account(2);
  index.remove_account(2);
  CHECK(index.follows() == 0);
  for (AccountId author = 10; author <= 12; ++author) CHECK(index.online_followers(author).empty());
}

TEST_CASE("a rate limit lets twice its rate pass at once, then its rate") {
  RateLimit limit;
  const TimePoint start{1h};
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += limit.take(10, start) ? 1 : 0;
  CHECK(passed == 20);
  CHECK_FALSE(limit.take(10, start + 99ms));
  CHECK(limit.take(10, start + 100ms));
  CHECK_FALSE(limit.take(10, start + 100ms));
  passed = 0;
  for (int ms = 200; ms < 5200; ++ms) passed += limit.take(10, start + ms * 1ms) ? 1 : 0;
  CHECK(passed >= 50);
  CHECK(passed <= 51);
  CHECK_FALSE(RateLimit{}.take(0, start));
}

TEST_CASE("the rate limit table gives each prefix a bucket of its own") {
  test::SeededRandom random(5);
  RateLimitTable table(4096, random);
  const TimePoint now{1h};
  const auto spend = [&](const char* ip) {
    int passed = 0;
    for (int i = 0; i < 100; ++i) passed += table.take(*IpAddress::parse(ip), 10, now) ? 1 : 0;
    return passed;
  };
  CHECK(spend("192.0.2.1") == 20);
  CHECK(spend("192.0.2.2") == 20);
  CHECK(spend("2001:db8::1") == 20);
  CHECK(spend("2001:db8::2") == 0);  // the same /56
}

TEST_CASE(
    "the session table finds by token, account and address, and keeps the order of activity") {
  SessionTable table;
  const Now start{TimePoint(1h), {}};
  const auto later = [&](Duration by) { return Now{start.mono + by, {}}; };
  Session& one = table.add(record(1, 100, 5001), start);
  Session& two = table.add(record(2, 200, 5002), later(1s));
  Session& three = table.add(record(3, 300, 5002), later(2s));
  CHECK(table.by_token(200) == &two);
  CHECK(table.by_token(999) == nullptr);
  CHECK(table.classic_of(3) == &three);
  CHECK(table.at_address(two.classic->path.remote).size() == 2);
  CHECK(table.least_recent() == &one);
  table.touch(one, later(3s));
  CHECK(table.least_recent() == &two);
  table.remove(two);
  CHECK(table.least_recent() == &three);
  CHECK(table.at_address(three.classic->path.remote).size() == 1);
  table.touch(three, later(4s));
  CHECK(table.least_recent() == &one);
  table.remove(one);
  table.remove(three);
  CHECK(table.least_recent() == nullptr);
  CHECK(table.size() == 0);
}

TEST_CASE("no session has the ID of an earlier one, and pages of them skip nobody") {
  SessionTable table;
  const Now start{TimePoint(1h), {}};
  std::vector<Session*> all;
  for (AccountId account = 1; account <= 200; ++account) {
    all.push_back(&table.add(record(account, static_cast<Token>(account), 1), start));
  }
  const SessionId old = all[70]->id;
  CHECK(old != 0);
  CHECK(table.by_id(old) == all[70]);
  CHECK(table.by_id(old + 1) == nullptr);
  table.remove(*all[70]);
  CHECK(table.by_id(old) == nullptr);
  all[70] = &table.add(record(500, 500, 1), start);  // it takes the place of the other
  CHECK(table.by_id(old) == nullptr);
  CHECK(table.by_id(all[70]->id) == all[70]);
  CHECK(table.by_id(0) == nullptr);
  CHECK(table.by_id(~SessionId{0}) == nullptr);

  // Between pages sessions come and go; those that stay are all seen, once.
  std::map<AccountId, int> seen;
  SessionId after = 0;
  for (AccountId churn = 1;; ++churn) {
    const auto page = table.page(after, 7);
    if (page.empty()) break;
    REQUIRE(page.size() <= 7);
    for (const Session* session : page) {
      REQUIRE(session->id > after);
      after = session->id;
      ++seen[session->account];
    }
    if (Session* gone = table.by_token(static_cast<Token>(5 * churn))) table.remove(*gone);
    table.add(record(1000 + churn, static_cast<Token>(1000 + churn), 1), start);
  }
  for (AccountId account = 1; account <= 200; ++account) {
    if (account % 5 != 0 && account != 71) CHECK(seen[account] == 1);
  }
}

TEST_CASE("the sessions of an account come in the order of their logins") {
  test::SeededRandom random(1);
  SessionTable table;
  std::vector<std::unique_ptr<Link>> links;
  std::vector<Session*> expected;
  const auto add = [&](AccountId account) {
    sealed::Established made;
    links.push_back(std::make_unique<Link>(made, Path{}, random, TimePoint{1h}));
    store::StoredSession stored = record(account, 0, 1);
    stored.framing = Framing::kSealed;
    return &table.add_sealed(stored, *links.back(), {TimePoint{1h}, {}});
  };
  const auto of_first = [&] {
    std::vector<Session*> out;
    for (Session* session : table.of_account(1)) out.push_back(session);
    return out;
  };
  CHECK(of_first().empty());
  for (int i = 0; i < 5; ++i) {
    expected.push_back(add(1));
    add(2);
  }
  CHECK(of_first() == expected);
  for (const std::size_t gone : {2u, 0u, 2u, 1u}) {  // from the middle, the front and the end
    table.remove(*expected[gone]);
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(gone));
    CHECK(of_first() == expected);
  }
  expected.push_back(add(1));
  CHECK(of_first() == expected);
  for (Session* session : expected) table.remove(*session);
  CHECK(table.of_account(1).empty());
  CHECK_FALSE(table.of_account(2).empty());
}

TEST_CASE("a sealed session is found by either name of its device, among those of its account") {
  test::SeededRandom random(1);
  SessionTable table;
  std::vector<std::unique_ptr<Link>> links;
  const auto add = [&](AccountId account, store::DeviceNumber device) {
    sealed::Established made;
    made.ours = static_cast<sealed::ConnectionId>(device);
    links.push_back(std::make_unique<Link>(made, Path{}, random, TimePoint{1h}));
    store::StoredSession stored = record(account, 0, 1);
    stored.framing = Framing::kSealed;
    stored.device = device;
    Session& session = table.add_sealed(stored, *links.back(), {TimePoint{1h}, {}});
    session.device_id[0] = static_cast<std::uint8_t>(device);
    return &session;
  };
  Session* phone = add(1, 7);
  Session* laptop = add(1, 8);
  Session* other = add(2, 9);
  table.add(record(1, 77, 5), {TimePoint{1h}, {}});  // classic: of no device
  CHECK(table.of_device(1, store::DeviceNumber{7}) == phone);
  CHECK(table.of_device(1, store::DeviceNumber{8}) == laptop);
  CHECK(table.of_device(1, DeviceId{8}) == laptop);
  CHECK(table.of_device(2, DeviceId{9}) == other);
  CHECK(table.of_device(1, store::DeviceNumber{9}) == nullptr);
  CHECK(table.of_device(1, store::DeviceNumber{0}) == nullptr);
  CHECK(table.of_device(1, DeviceId{9}) == nullptr);
  table.remove(*phone);
  CHECK(table.of_device(1, DeviceId{7}) == nullptr);
}
