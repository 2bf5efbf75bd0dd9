// A hub that goes away, and clients that come back to it by themselves.
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>
#include <poll.h>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"
#include "tests/e2e/relay.hpp"
#include "tests/e2e/terminal.hpp"

namespace hub::test {

TEST_CASE("after a restart a silent listener is back by itself and gets new posts") {
  const bool gently = GENERATE(true, false);
  CAPTURE(gently);
  TestHub hub;
  SpokeProcess bob = hub.online_spoke("bob");
  bob.subscribe("alice");
  SpokeProcess carol = hub.online_spoke("carol");
  carol.ask("logout#", "logout_ack#successful");
  if (gently) {
    hub.stop();
  } else {
    hub.kill();
  }
  hub.start();
  const Deadline soon(std::chrono::seconds(12));  // a keep-alive would come after 18
  wait_for_sessions(hub, {"bob"});
  CHECK_FALSE(soon.over());
  CHECK(hub.stat("stateless_resets_sent") >= 1);
  SpokeProcess alice = hub.online_spoke("alice");
  alice.post("after the restart");
  bob.expect("<alice>after the restart");
  bob.expect_nothing();
  CHECK(sessions_of(hub) == std::vector<std::string>{"alice", "bob"});  // carol had logged out
}

TEST_CASE("a hub that is down at login: a person is told, and logged in when it is back") {
  TestHub hub;
  const bool refused = GENERATE(true, false);  // nothing listens there; or somebody who is silent
  CAPTURE(refused);
  const std::string address = hub.address();
  hub.stop();
  std::optional<RawClient> silent;
  if (!refused)
    silent.emplace(RawClient::Options{.port = 9, .source = "127.0.0.1", .source_port = hub.port()});
  Terminal alice(hub, {.hub = address});
  alice.type("login#alice&alice_pw");
  alice.wait_for(refused ? "nothing listens" : "does not answer");
  silent.reset();
  hub.start();
  alice.wait_for("login_ack#successful");
  alice.type("post#at last");
  alice.wait_for("post_ack#successful");
}

TEST_CASE("a hub that is down at login: a script gives up with exit code 3") {
  TestHub hub;
  const std::string address = hub.address();
  hub.stop();
  const Finished finished = hub.script("login#alice&alice_pw\n", {.hub = address});
  CHECK(finished.output == "error#no_reply\n");
  CHECK(finished.exit == 3);
}

TEST_CASE("a hub that goes away in mid-session: a person is told, and is back with it") {
  TestHub hub;
  Terminal alice(hub);
  alice.login("alice");
  alice.type("subscribe#bob");
  alice.wait_for("subscribe_ack#successful");
  const std::string address = hub.address();
  hub.kill();
  alice.type("post#into the void");
  alice.wait_for("reconnecting");
  hub.start();
  alice.wait_for("back online");
  wait_for_sessions(hub, {"alice"});
  alice.type("post#here again");
  SpokeProcess bob = hub.online_spoke("bob");
  bob.post("welcome back");
  alice.wait_for("<bob>welcome back");
  const auto times = [&](const std::string& text) {
    const std::vector<ListedPost> posts = list_posts(hub);
    return std::count_if(posts.begin(), posts.end(),
                         [&](const ListedPost& post) { return post.text == text; });
  };
  const Deadline deadline;
  while (times("here again") == 0 && !deadline.over()) ::poll(nullptr, 0, 20);
  CHECK(times("here again") == 1);
  CHECK(times("into the void") == 1);  // it was kept, and sent first
}

TEST_CASE("a network that goes away for a while costs nothing but time") {
  const int milliseconds = GENERATE(0, 1500, 5000, 9000);
  CAPTURE(milliseconds);
  TestHub hub;
  Relay relay(hub.address());
  SpokeProcess alice = hub.online_spoke("alice", {.hub = relay.address()});
  SpokeProcess bob = hub.online_spoke("bob");
  alice.subscribe("bob");
  relay.set({.loss = 1});
  bob.post("while alice is cut off");
  bob.post("and another");
  ::poll(nullptr, 0, milliseconds);  // so long is it away
  relay.set({});
  alice.expect("<bob>while alice is cut off");
  alice.expect("<bob>and another");
  alice.post("thank you");
  alice.expect_nothing();
  wait_for_sessions(hub, {"alice", "bob"});  // however she came back, she is there once
}

TEST_CASE("what is asked while the network is away is done once, and answered, when it is back") {
  const int milliseconds = GENERATE(1000, 6000);
  CAPTURE(milliseconds);
  TestHub hub;
  Relay relay(hub.address());
  SpokeProcess alice = hub.online_spoke("alice", {.hub = relay.address()});
  SpokeProcess bob = hub.online_spoke("bob");
  bob.subscribe("alice");
  relay.set({.loss = 1});
  alice.type("post#from afar");
  ::poll(nullptr, 0, milliseconds);
  relay.set({});
  alice.expect("post_ack#successful");
  bob.expect("<alice>from afar");
  bob.expect_nothing();
  CHECK(list_posts(hub).size() == 1);
}

TEST_CASE("of a hub's several addresses the one that answers is found") {
  TestHub hub;
  // The name may stand for ::1 too, and nothing listens there.
  SpokeProcess alice =
      hub.online_spoke("alice", {.hub = "localhost:" + std::to_string(hub.port())});
  alice.post("found");
}

TEST_CASE("what a sealed client saw acknowledged survives kill -9, once each") {
  TestHub hub;
  SpokeProcess alice = hub.online_spoke("alice");
  std::mt19937 random(20240302);
  std::vector<std::string> acknowledged;
  int number = 0;
  for (int round = 0; round < 6; ++round) {
    const int count = 2 + static_cast<int>(random() % 10);
    const int before_kill = static_cast<int>(random() % static_cast<unsigned>(count));
    const int first = number;
    for (int i = 0; i < count; ++i) alice.type("post#post " + std::to_string(number++));
    for (int i = 0; i < count; ++i) {
      if (i == before_kill) {
        hub.kill();
        hub.start();
      }
      alice.expect("post_ack#successful");  // whatever happens to the hub meanwhile
      acknowledged.push_back("post " + std::to_string(first + i));
    }
  }
  const std::vector<ListedPost> posts = list_posts(hub);
  auto at = posts.begin();
  for (const std::string& text : acknowledged) {
    CAPTURE(text);
    at = std::find_if(at, posts.end(), [&](const ListedPost& each) { return each.text == text; });
    REQUIRE(at != posts.end());
  }
  for (std::size_t i = 1; i < posts.size(); ++i) CHECK(posts[i].text != posts[i - 1].text);
  hub.admin_ok({"check"});
}

TEST_CASE("followers see every acknowledged post once and in order over restarts") {
  const bool gently = GENERATE(true, false);
  CAPTURE(gently);
  TestHub hub({.flags = {"--posts-per-second", "1000"}});
  SpokeProcess carol = hub.online_spoke("carol");
  SpokeProcess alice = hub.online_spoke("alice");
  SpokeProcess bob = hub.online_spoke("bob");
  carol.subscribe("alice");
  carol.subscribe("bob");
  constexpr int kRounds = 4;
  constexpr int kPosts = 25;
  std::vector<std::string> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    const auto text = [round](int i) { return std::to_string(round * kPosts + i); };
    for (int i = 0; i < kPosts; ++i) {
      for (SpokeProcess* author : {&alice, &bob}) author->type("post#" + text(i));
    }
    for (int i = 0; i < kPosts; ++i) {
      if (i == 5 * round) {
        if (gently) {
          hub.stop();
        } else {
          hub.kill();
        }
        hub.start();
      }
      for (SpokeProcess* author : {&alice, &bob}) {
        author->expect("post_ack#successful");
        acknowledged.push_back("<" + author->name() + ">" + text(i));
      }
    }
  }
  wait_for_sessions(hub, {"alice", "bob", "carol"});
  alice.post("the end");
  std::vector<std::string> seen;
  while (seen.empty() || seen.back() != "<alice>the end") seen.push_back(carol.expect_any());
  carol.expect_nothing();
  seen.pop_back();

  std::vector<std::string> stored;
  for (const ListedPost& post : list_posts(hub)) {
    stored.push_back("<" + post.author + ">" + post.text);
  }
  stored.pop_back();
  CHECK(seen == stored);  // every post once, in the order of the hub
  CHECK(stored.size() == acknowledged.size());
  for (const std::string& text : acknowledged) {
    CAPTURE(text);
    CHECK(std::count(stored.begin(), stored.end(), text) == 1);
  }
}

TEST_CASE("hubd ends with 0 under sealed load, and its clients come back") {
  TestHub hub({.flags = {"--posts-per-second", "1000"}});
  SpokeProcess alice = hub.online_spoke("alice");
  for (int i = 0; i < 50; ++i) alice.type("post#" + std::to_string(i));
  hub.restart();
  for (int i = 0; i < 50; ++i) alice.expect("post_ack#successful");
  CHECK(list_posts(hub).size() == 50);
}

}  // namespace hub::test
