// Messages on their way from the channel to who reads them.
#include <algorithm>

#include <catch2/catch.hpp>

#include "protocol/channel/deliveries.hpp"
#include "tests/support/channel_end.hpp"
#include "tests/support/heap.hpp"

using namespace hub;
using namespace hub::channel;

TEST_CASE("messages that are taken a few at a time come in order and whole") {
  constexpr std::uint32_t kMessages = 20;
  const auto size_of = [](std::uint32_t number) { return 10 + 40 * (number % 7); };
  Deliveries waiting;
  for (std::uint32_t i = 0; i < kMessages; ++i) {
    const auto message = test::numbered(i, size_of(i));
    waiting.add({Lane::kBulk, i / 3, i % 3 == 2, message});
  }
  std::uint32_t next = 0;
  for (const std::size_t most : {1u, 3u, 0u, 7u, 100u}) {
    const Deliveries taken = waiting.take(most);
    CHECK(taken.size() == std::min<std::size_t>(most, kMessages - next));
    CHECK(taken.empty() == (most == 0));
    for (const Delivered& message : taken) {
      CHECK(test::number_of(message.bytes) == next);
      CHECK(message.bytes.size() == size_of(next));
      CHECK(message.lane == Lane::kBulk);
      CHECK(message.stream == next / 3);
      CHECK(message.last == (next % 3 == 2));
      ++next;
    }
  }
  CHECK(next == kMessages);
  CHECK(waiting.empty());
}

TEST_CASE("messages that are never all taken hold no memory of those that were") {
  constexpr std::uint32_t kWaiting = 10;
  Deliveries waiting;
  for (std::uint32_t i = 0; i < kWaiting; ++i) {
    waiting.add({Lane::kTalk, 0, false, test::numbered(i, 100)});
  }
  const std::size_t before = test::heap_in_use();
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    waiting.add({Lane::kTalk, 0, false, test::numbered(kWaiting + i, 100)});
    const Deliveries taken = waiting.take(1);
    REQUIRE(taken.size() == 1);
    REQUIRE(test::number_of(taken[0].bytes) == i);
  }
  CHECK(waiting.size() == kWaiting);
  CHECK(test::heap_in_use() < before + 100'000);
}
