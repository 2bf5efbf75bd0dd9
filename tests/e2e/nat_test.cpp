// A spoke behind a router whose mapping changes in the middle of the conversation: no new login,
// nothing lost. In network namespaces of the test's own.
#include <memory>

#include <catch2/catch.hpp>
#include <poll.h>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/namespaces.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

/// Nothing, and said why, where this machine does not let us.
std::unique_ptr<NatNetwork> make_network() {
  try {
    return std::make_unique<NatNetwork>();
  } catch (const Unexpected& why) {
    WARN("not tested: " << why.what());
    return nullptr;
  }
}

/// A hub outside; bob at home behind the router, alice where the hub is.
struct NatWorld {
  NatWorld(const NatNetwork& network, const std::vector<std::string>& flags)
      : hub({.start = false}),
        hubd({.data = hub.data(),
              .log = hub.scratch() / "hubd.log",
              .flags = with_listen(flags),
              .prefix = network.at_hub()}),
        address(NatNetwork::hub_address() + ":" + std::to_string(hubd.port())),
        bob(hub.spoke("bob", {.hub = address, .prefix = network.at_home()})),
        alice(hub.spoke("alice", {.hub = address, .prefix = network.at_hub()})) {
    bob.login(TestHub::password_of("bob"));
    alice.login(TestHub::password_of("alice"));
    bob.subscribe("alice");
    alice.subscribe("bob");
  }

  static std::vector<std::string> with_listen(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--listen", NatNetwork::hub_address() + ":0"});
    return flags;
  }

  void talk(const std::string& text) {
    alice.type("post#to bob: " + text);
    bob.type("post#to alice: " + text);
    expect_both(alice, "<bob>to alice: " + text);
    expect_both(bob, "<alice>to bob: " + text);
  }

  /// The ack of one's own post and the other's post come in any order.
  static void expect_both(SpokeProcess& who, const std::string& forward) {
    const std::string first = who.expect_any();
    who.expect(first == forward ? "post_ack#successful" : forward);
    CHECK((first == forward || first == "post_ack#successful"));
  }

  std::string bobs_address() const { return session_field(hub, "bob", "address"); }

  TestHub hub;
  HubdProcess hubd;
  std::string address;
  SpokeProcess bob;
  SpokeProcess alice;
};

}  // namespace

TEST_CASE("the router gets another address in the middle of the conversation") {
  const auto network = make_network();
  if (!network) return;
  NatWorld world(*network, {});
  world.talk("hello");
  CHECK(world.bobs_address().find(NatNetwork::router_address() + ":") != std::string::npos);
  network->change_address();
  for (int i = 0; i < 5; ++i) world.talk("after the change " + std::to_string(i));
  CHECK(world.bobs_address().find(NatNetwork::second_router_address() + ":") != std::string::npos);
  CHECK(world.hub.stat("logins_ok") == 2);
  world.bob.expect_nothing();
  world.alice.expect_nothing();
}

TEST_CASE("what is long finds its way through a tunnel, and through a network without one") {
  const auto network = make_network();
  if (!network) return;
  NatWorld world(*network, {});
  const bool is_narrow = GENERATE(true, false);
  CAPTURE(is_narrow);
  if (is_narrow) network->narrow();
  constexpr int kPosts = 40;
  const auto text = [](int i) { return std::to_string(i) + " " + std::string(600, 'x'); };
  for (int i = 0; i < kPosts; ++i) world.alice.post(text(i));
  for (int i = 0; i < kPosts; ++i) world.bob.expect("<alice>" + text(i));
  for (int round = 0; round < 5; ++round) {
    world.bob.type("retrieve#" + std::to_string(kPosts));
    for (int i = kPosts; i-- > 0;) world.bob.expect("<alice>" + text(i));
    world.bob.type("state#");
    world.bob.expect("state#ONLINE");
  }
  // What the hub's own network does not carry never left it; what the tunnel does not, was dropped
  // there.
  CHECK((world.hub.stat("datagrams_too_long") > 0) == !is_narrow);
}

TEST_CASE("a silent listener behind a router that forgets mappings gets every post once") {
  const auto network = make_network();
  if (!network) return;
  NatWorld world(*network, {"--session-timeout", "6s"});
  network->forget_quickly();
  const std::string before = world.bobs_address();
  // Bob says nothing by himself, and posts too keep a mapping: so they come after it has gone.
  constexpr int kPosts = 8;
  for (int i = 0; i < kPosts; ++i) {
    world.alice.post(std::to_string(i));
    ::poll(nullptr, 0, 1300);
  }
  for (int i = 0; i < kPosts; ++i) world.bob.expect("<alice>" + std::to_string(i));
  CHECK(world.bobs_address() != before);
  CHECK(world.hub.stat("logins_ok") == 2);
  world.bob.expect_nothing();
}

}  // namespace hub::test
