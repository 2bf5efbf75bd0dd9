#include <bit>
#include <map>
#include <unordered_set>

#include <catch2/catch.hpp>

#include "protocol/sealed/connection_id.hpp"
#include "tests/support/sim_net.hpp"

using namespace hub;
using hub::sealed::ConnectionId;
using hub::sealed::ConnectionIdSource;
using hub::test::SeededRandom;

namespace {
constexpr int kMany = 100'000;
}

TEST_CASE("no connection ID is given out twice") {
  SeededRandom random(1);
  ConnectionIdSource source(7, random);
  std::unordered_set<ConnectionId> seen;
  for (int i = 0; i < kMany; ++i) REQUIRE(seen.insert(source.next()).second);
}

TEST_CASE("connection IDs of different generations differ, whatever the key") {
  SeededRandom random(1);
  std::unordered_set<ConnectionId> seen;
  for (const std::uint32_t generation :
       {0u, 1u, 2u, 0xABCDEFu, ConnectionIdSource::kGenerations - 1}) {
    CAPTURE(generation);
    SeededRandom same(5);  // not even then
    ConnectionIdSource source(generation, same);
    for (int i = 0; i < 2'000; ++i) {
      const ConnectionId id = source.next();
      REQUIRE(id >> 40 == generation);
      REQUIRE(seen.insert(id).second);
    }
  }
  ConnectionIdSource wrapped(ConnectionIdSource::kGenerations + 3, random);
  CHECK(wrapped.next() >> 40 == 3);
}

TEST_CASE("the same generation under another key gives other connection IDs") {
  SeededRandom random(1);
  ConnectionIdSource one(1, random);
  ConnectionIdSource two(1, random);
  int same = 0;
  for (int i = 0; i < 1'000; ++i) same += one.next() == two.next() ? 1 : 0;
  CHECK(same == 0);
}

TEST_CASE("a connection ID says nothing about the next") {
  SeededRandom random(1);
  ConnectionIdSource source(0, random);
  std::map<ConnectionId, int> steps;
  std::array<int, 40> ones{};
  std::array<int, 40> flips{};
  ConnectionId last = source.next();
  int ups = 0;
  for (int i = 0; i < kMany; ++i) {
    const ConnectionId id = source.next();
    ++steps[id - last];
    ups += id > last ? 1 : 0;
    for (std::size_t bit = 0; bit < 40; ++bit) {
      ones[bit] += (id >> bit & 1) != 0 ? 1 : 0;
      flips[bit] += ((id ^ last) >> bit & 1) != 0 ? 1 : 0;
    }
    last = id;
  }
  for (const auto& [step, times] : steps) REQUIRE(times <= 2);
  CHECK(std::abs(ups - kMany / 2) < kMany / 50);
  for (std::size_t bit = 0; bit < 40; ++bit) {
    CAPTURE(bit);
    CHECK(std::abs(ones[bit] - kMany / 2) < kMany / 100);  // more than six standard deviations
    CHECK(std::abs(flips[bit] - kMany / 2) < kMany / 100);
  }
}
