// What lasts over a stop, a crash and a start: sessions, follows, posts, message IDs.
#include <algorithm>
#include <csignal>
#include <random>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {

TEST_CASE("live sessions keep their tokens over SIGTERM and over SIGKILL") {
  const bool gently = GENERATE(true, false);
  CAPTURE(gently);
  TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  RawClient carol = hub.online("carol");
  bob.subscribe("alice");
  alice.post("before");
  const std::uint32_t before = bob.expect(0xB1).msg_id;
  carol.ask(0x1F, "", 0x8F);
  if (gently) {
    hub.stop();
    CHECK_FALSE(bob.receive_now());  // a shutdown resets nobody
  } else {
    hub.kill();
  }
  hub.start();
  alice.post("after");
  const Received forward = bob.expect(0xB1);
  CHECK(forward.payload == "<alice>after");
  CHECK(forward.msg_id > before);
  bob.subscribe("carol");
  CHECK(bob.retrieve("9") == std::vector<std::string>{"<alice>after", "<alice>before"});
  carol.ask(0x30, "I logged out", 0xF0);
  RawClient thief = hub.raw();
  thief.set_token(alice.token());
  thief.ask(0x30, "stolen", 0xF0);
}

TEST_CASE("a session that was replaced or reset does not come back with a restart") {
  TestHub hub;
  RawClient replaced = hub.online("alice");
  RawClient fresh = hub.online("alice");
  RawClient reset = hub.online("bob");
  RawClient spurious = hub.online("carol");
  reset.send(0x00);
  reset.expect_nothing();
  spurious.ask(0x7F, "", 0x00);
  hub.restart();
  fresh.post("still here");
  for (RawClient* gone : {&replaced, &reset, &spurious}) {
    gone->send(0x30, "gone");
    Received received = gone->receive();
    while (received.opcode == 0x00) received = gone->receive();
    CHECK(received.opcode == 0xF0);
  }
}

TEST_CASE("what was acknowledged survives kill -9, whenever it comes") {
  TestHub hub;
  RawClient alice = hub.online("alice");
  std::mt19937 random(20240229);
  std::vector<std::string> acknowledged;
  int number = 0;
  for (int round = 0; round < 10; ++round) {
    const int calm = static_cast<int>(random() % 12);
    const auto post = [&](int count) {
      for (int i = 0; i < count; ++i) alice.send(0x30, "post " + std::to_string(number++));
    };
    post(1 + calm);
    // Acks come in the order of the posts; the kill hits while some are still under way.
    const int first = number - 1 - calm;
    const int wanted = static_cast<int>(random() % static_cast<unsigned>(calm + 1));
    for (int i = 0; i < wanted; ++i) alice.expect(0xB0);
    hub.kill();
    int acked = wanted;
    while (std::optional<Received> late = alice.receive_now()) {
      if (late->opcode == 0xB0) ++acked;
    }
    for (int i = 0; i < acked; ++i) acknowledged.push_back("post " + std::to_string(first + i));
    hub.start();
  }
  const std::vector<ListedPost> posts = list_posts(hub);  // oldest first
  auto at = posts.begin();
  for (const std::string& text : acknowledged) {
    CAPTURE(text);
    at = std::find_if(at, posts.end(), [&](const ListedPost& each) { return each.text == text; });
    REQUIRE(at != posts.end());
  }
  for (std::size_t i = 1; i < posts.size(); ++i) {
    CHECK(posts[i].id > posts[i - 1].id);
    CHECK(posts[i].text != posts[i - 1].text);
  }
  CHECK_NOTHROW(hub.admin_ok({"check"}));
}

TEST_CASE("message IDs go on increasing after the newest posts were deleted") {
  TestHub hub;
  RawClient alice = hub.online("alice");
  alice.post("one");
  alice.post("two");
  const MessageId newest = list_posts(hub).back().id;
  hub.admin_ok({"delete-post", std::to_string(newest)});
  hub.restart();
  alice.post("three");
  CHECK(list_posts(hub).back().id > newest);
}

TEST_CASE("SIGINT and SIGTERM end hubd with 0, under load too") {
  const int signal = GENERATE(SIGINT, SIGTERM);
  TestHub hub;
  RawClient alice = hub.online("alice");
  for (int i = 0; i < 50; ++i) alice.send(0x30, "load");
  hub.hubd().process().send_signal(signal);
  CHECK(hub.hubd().process().wait() == 0);
  int acked = 0;
  while (std::optional<Received> received = alice.receive_now()) acked += received->opcode == 0xB0;
  CHECK(static_cast<int>(list_posts(hub).size()) >= acked);
}

}  // namespace hub::test
