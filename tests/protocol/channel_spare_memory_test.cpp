#include <memory>
#include <set>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "protocol/channel/channel.hpp"

using namespace hub::channel;

TEST_CASE("a thread keeps the memory of some channels that are gone, never of more") {
  // In a thread of its own: whatever ran before has left memory in this one.
  std::size_t at_first = 1;
  std::size_t in_hand = 0;
  std::size_t after_two = 0;
  bool are_apart = false;
  std::thread([&] {
    at_first = spare_blocks();
    std::vector<std::unique_ptr<Channel>> channels;
    for (std::size_t i = 0; i < kMaxSpareChannels + 100; ++i) {
      channels.push_back(std::make_unique<Channel>(Config{}));
    }
    channels.clear();
    in_hand = spare_blocks();
    for (int i = 0; i < 2000; ++i) channels.push_back(std::make_unique<Channel>(Config{}));
    are_apart = std::set<std::unique_ptr<Channel>>(std::make_move_iterator(channels.begin()),
                                                   std::make_move_iterator(channels.end()))
                    .size() == 2000;
    channels.clear();
    for (int i = 0; i < 2; ++i) channels.push_back(std::make_unique<Channel>(Config{}));
    after_two = spare_blocks();
  }).join();
  CHECK(at_first == 0);
  CHECK(are_apart);
  CHECK(in_hand == kMaxSpareChannels);
  CHECK(after_two == kMaxSpareChannels - 2);
}
