// The parts of the core by themselves.
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

std::vector<AccountId> sorted(std::vector<AccountId> ids) {
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
  Session& one = table.add(record(1, 100, 5001), {}, start);
  Session& two = table.add(record(2, 200, 5002), {}, later(1s));
  Session& three = table.add(record(3, 300, 5002), {}, later(2s));
  CHECK(table.by_token(200) == &two);
  CHECK(table.by_token(999) == nullptr);
  CHECK(table.classic_of(3) == &three);
  CHECK(table.at_address(two.record.remote).size() == 2);
  CHECK(table.least_recent() == &one);
  table.touch(one, later(3s));
  CHECK(table.least_recent() == &two);
  table.remove(two);
  CHECK(table.least_recent() == &three);
  CHECK(table.at_address(three.record.remote).size() == 1);
  table.touch(three, later(4s));
  CHECK(table.least_recent() == &one);
  table.remove(one);
  table.remove(three);
  CHECK(table.least_recent() == nullptr);
  CHECK(table.size() == 0);
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
  table.add(record(1, 77, 5), {}, {TimePoint{1h}, {}});  // classic: of no device
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
