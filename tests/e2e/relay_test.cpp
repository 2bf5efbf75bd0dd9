// A bad network, made by hub-relay, between the real programs; and what can be read on it.
#include "tests/e2e/relay.hpp"

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

/// A script gives up a hub that it cannot reach for long, and on a bad network that may happen.
void log_in_through_loss(SpokeProcess& who) {
  for (int i = 0; i < 5; ++i) {
    who.type("login#" + who.name() + "&" + TestHub::password_of(who.name()));
    const std::string answer = who.expect_any();
    if (answer == "login_ack#successful") return;
    CHECK(answer == "error#no_reply");
  }
  throw Unexpected(who.name() + " cannot log in");
}

/// Types all at once, so that posts of both and their forwards cross each other.
void type_posts(SpokeProcess& who, int from, int count) {
  for (int i = from; i < from + count; ++i) who.type("post#" + std::to_string(i));
}

/// The acks of one's own posts, and the other's posts once and in order, in whatever mixture.
void expect_posts(SpokeProcess& who, const std::string& author, int from, int count) {
  int acks = 0;
  int next = from;
  while (acks < count || next < from + count) {
    const std::string line = who.expect_any();
    if (line == "post_ack#successful") {
      ++acks;
      continue;
    }
    if (line != "<" + author + ">" + std::to_string(next)) {
      throw Unexpected(who.name() + " should see post " + std::to_string(next) + " and sees " +
                       line);
    }
    ++next;
  }
  CHECK(acks == count);
}

void check_logins(const TestHub& hub, long logins) {
  CHECK(hub.stat("logins_ok") == logins);
  CHECK(hub.stat("sessions_timed_out") == 0);
}

}  // namespace

TEST_CASE("at 30 % loss each way, posts both ways arrive once and in order") {
  const unsigned seed = GENERATE(1u, 2u);
  CAPTURE(seed);
  TestHub hub({.flags = {"--posts-per-second", "1000"}});
  Relay relay(hub.address(), {.loss = 0.3, .duplicate = 0.1, .jitter = 30}, seed);
  SpokeProcess alice = hub.spoke("alice", {.hub = relay.address()});
  SpokeProcess bob = hub.spoke("bob", {.hub = relay.address()});
  log_in_through_loss(alice);
  log_in_through_loss(bob);
  alice.subscribe("bob");
  bob.subscribe("alice");

  constexpr int kPosts = 40;
  type_posts(alice, 0, kPosts);
  type_posts(bob, 0, kPosts);
  expect_posts(alice, "bob", 0, kPosts);
  expect_posts(bob, "alice", 0, kPosts);

  relay.set({});
  alice.expect_nothing();
  bob.expect_nothing();
  CHECK(list_posts(hub).size() == 2 * kPosts);
  const Relay::Figures figures = relay.figures();
  CAPTURE(figures.passed);
  CHECK(figures.lost > kPosts);
  CHECK(figures.duplicated > 0);
}

TEST_CASE("damaged datagrams are dropped and counted, and what they carried arrives all the same") {
  TestHub hub({.flags = {"--posts-per-second", "1000"}});
  Relay relay(hub.address(), {.jitter = 5, .damage = 0.2});
  SpokeProcess alice = hub.spoke("alice", {.hub = relay.address()});
  SpokeProcess bob = hub.spoke("bob", {.hub = relay.address()});
  log_in_through_loss(alice);
  log_in_through_loss(bob);
  alice.subscribe("bob");
  bob.subscribe("alice");
  constexpr int kPosts = 40;
  type_posts(alice, 0, kPosts);
  type_posts(bob, 0, kPosts);
  expect_posts(alice, "bob", 0, kPosts);
  expect_posts(bob, "alice", 0, kPosts);
  relay.set({});
  alice.expect_nothing();
  bob.expect_nothing();
  CHECK(relay.figures().damaged > kPosts);
  CHECK(hub.stat("drop_forged") > 0);
  CHECK(hub.stat("connections_violated") == 0);
}

TEST_CASE("a NAT rebinding in the middle: no new login, nothing lost or repeated") {
  const std::string new_ip = GENERATE("", "127.0.0.9");  // another port; another address, too
  CAPTURE(new_ip);
  TestHub hub({.flags = {"--posts-per-second", "1000"}});
  Relay relay(hub.address(), {.loss = 0.05, .duplicate = 0.05, .jitter = 10});
  SpokeProcess alice = hub.spoke("alice", {.hub = relay.address()});
  SpokeProcess bob = hub.online_spoke("bob");
  log_in_through_loss(alice);
  alice.subscribe("bob");
  bob.subscribe("alice");
  const std::string before = session_field(hub, "alice", "address");

  constexpr int kPosts = 30;
  for (int from = 0; from < 3 * kPosts; from += kPosts) {
    type_posts(alice, from, kPosts);
    type_posts(bob, from, kPosts);
    relay.rebind(new_ip);
    expect_posts(alice, "bob", from, kPosts);
    expect_posts(bob, "alice", from, kPosts);
  }
  alice.expect_nothing();
  bob.expect_nothing();
  const std::string after = session_field(hub, "alice", "address");
  CHECK(after != before);
  if (!new_ip.empty()) CHECK(after.find(new_ip + ":") != std::string::npos);
  check_logins(hub, 2);
}

TEST_CASE("a silent listener whose mapping changed gets what is posted meanwhile") {
  TestHub hub({.flags = {"--session-timeout", "6s"}});  // keep-alives every two seconds
  Relay relay(hub.address());
  SpokeProcess bob = hub.online_spoke("bob", {.hub = relay.address()});
  SpokeProcess alice = hub.online_spoke("alice");
  bob.subscribe("alice");
  relay.rebind();  // the hub's datagrams to the old port reach nobody now
  alice.post("one");
  alice.post("two");
  bob.expect("<alice>one");
  bob.expect("<alice>two");
  bob.expect_nothing();
  check_logins(hub, 2);
}

TEST_CASE("nothing that people typed can be read on the wire, in the sealed framing") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  TestHub hub({.users = {"zanzibar", "marmalade"}});
  const auto capture = hub.scratch() / "capture";
  Relay relay(hub.address(), {}, 1, capture);
  SpokeProcess author = hub.spoke("zanzibar", {.framing = framing, .hub = relay.address()});
  SpokeProcess reader = hub.spoke("marmalade", {.framing = framing, .hub = relay.address()});
  author.ask("login#zanzibar&not_the_passw0rd", "login_ack#failed");
  author.login("zanzibar_pw");
  reader.login("marmalade_pw");
  reader.subscribe("zanzibar");
  author.post("a quagga in the rhododendron");
  reader.expect("<zanzibar>a quagga in the rhododendron");
  reader.ask("retrieve#1", "<zanzibar>a quagga in the rhododendron");
  reader.ask("unsubscribe#zanzibar", "unsubscribe_ack#successful");
  author.ask("logout#", "logout_ack#successful");
  relay.set({});  // and the capture is flushed
  const std::string bytes = read_whole(capture);
  CHECK(bytes.size() > 300);
  for (const char* canary : {"zanzibar", "marmalade", "zanzibar_pw", "marmalade_pw",
                             "not_the_passw0rd", "quagga", "rhododendron"}) {
    CAPTURE(canary);
    // In the classic framing all of it is there: the search finds what is to be found.
    CHECK((bytes.find(canary) != std::string::npos) == (framing == Framing::kClassic));
  }
}

}  // namespace hub::test
