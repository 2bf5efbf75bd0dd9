// Sealed sessions, with the real programs: logins, devices, long texts, liveness, the
// administrator.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"
#include "tests/e2e/relay.hpp"

namespace hub::test {

TEST_CASE("wrong password, unknown and disabled user look alike") {
  const TestHub hub;
  hub.admin_ok({"disable-user", "carol"});
  for (const char* line : {"login#alice&wrong\n", "login#nobody&alice_pw\n", "login#carol&wrong\n",
                           "login#carol&carol_pw\n"}) {
    CAPTURE(line);
    const Finished finished = hub.script(line);
    CHECK(finished.output == "login_ack#failed\n");
    CHECK(finished.errors.empty());
    CHECK(finished.exit == 1);
  }
  CHECK(hub.stat("logins_failed") == 4);
  CHECK(hub.script("login#alice&alice_pw\n").exit == 0);
}

TEST_CASE("passwords are raw bytes, and IDs have no case") {
  const TestHub hub;
  const std::string odd = "& # \xFF\x01 \\ \xE2\x82\xAC";
  hub.admin_ok({"add-user", "Dave"}, odd + "\n");
  CHECK(hub.script("login#dAVE&" + odd + "\n").output == "login_ack#successful\n");
  CHECK(hub.script("login#Dave&" + odd + " \n").output == "login_ack#failed\n");
}

TEST_CASE("the default parameters need no flag, weaker ones do") {
  const SpokeStart strict{.accept_weak_kdf = false};
  const TestHub strong({.users = {"alice"}, .kdf = {}});
  CHECK(strong.script("login#alice&alice_pw\n", strict).output == "login_ack#successful\n");
  CHECK(strong.script("login#alice&wrong\n", strict).output == "login_ack#failed\n");
  CHECK(strong.script("login#nobody&wrong\n", strict).output == "login_ack#failed\n");
  const TestHub weak;
  const Finished refused = weak.script("login#alice&alice_pw\n", strict);
  CHECK(refused.output == "error#weak_password_protection\n");
  CHECK(refused.exit == 4);
  CHECK(weak.stat("logins_failed") == 0);
}

TEST_CASE("a second login of the same account stands beside the first") {
  TestHub hub;
  SpokeProcess desk = hub.online_spoke("bob");
  SpokeProcess phone = hub.online_spoke("bob");
  RawClient classic = hub.online("bob");
  wait_for_sessions(hub, {"bob", "bob", "bob"});
  phone.subscribe("alice");
  SpokeProcess alice = hub.online_spoke("alice");
  alice.post("to both");
  desk.expect("<alice>to both");
  phone.expect("<alice>to both");
  CHECK(classic.expect(0xB1).payload == "<alice>to both");
  phone.ask("logout#", "logout_ack#successful");
  alice.post("to the desk");
  desk.expect("<alice>to the desk");
  CHECK(classic.expect(0xB1).payload == "<alice>to the desk");
  phone.expect_nothing();
  wait_for_sessions(hub, {"alice", "bob", "bob"});
}

TEST_CASE("logout ends the session for good, and another may follow on the same connection") {
  TestHub hub;
  SpokeProcess bob = hub.online_spoke("bob");
  bob.ask("logout#", "logout_ack#successful");
  wait_for_sessions(hub, {});
  bob.ask("post#anybody?", "error#must_login_first");
  bob.ask("logout#", "error#must_login_first");
  hub.restart();
  bob.ask("login#carol&carol_pw", "login_ack#successful");
  wait_for_sessions(hub, {"carol"});
  bob.ask("logout#", "logout_ack#successful");
  bob.ask("login#alice&alice_pw", "login_ack#successful");
  bob.post("I am alice now");
  CHECK(list_posts(hub).at(0).author == "alice");
}

TEST_CASE("a post of 1000 bytes arrives whole, one of 1001 is refused") {
  TestHub hub;
  SpokeProcess bob = hub.online_spoke("bob");
  SpokeProcess alice = hub.online_spoke("alice");
  bob.subscribe("alice");
  std::string text = "\xE2\x82\xAC";
  while (text.size() < 1000) text += static_cast<char>('a' + text.size() % 26);
  alice.post(text);
  bob.expect("<alice>" + text);
  bob.ask("retrieve#1", "<alice>" + text);
  alice.type("post#" + text + "x");
  CHECK(alice.expect_any().starts_with("error#"));
  alice.post("x");
  bob.expect("<alice>x");
}

TEST_CASE("retrieve#200 of long posts comes whole and in order, while forwards come") {
  TestHub hub({.flags = {"--posts-per-second", "100000"}});
  SpokeProcess alice = hub.online_spoke("alice");
  const auto text = [](int i) { return std::to_string(i) + std::string(900, 'x'); };
  for (int i = 0; i < 210; ++i) alice.type("post#" + text(i));
  for (int i = 0; i < 210; ++i) alice.expect("post_ack#successful");
  SpokeProcess bob = hub.online_spoke("bob");
  bob.subscribe("alice");
  bob.type("retrieve#200");
  // Once the first reply is there it is settled which 200 they are.
  bob.expect("<alice>" + text(209));
  for (int i = 0; i < 5; ++i) alice.type("post#live " + std::to_string(i));
  int next = 208;
  int live = 0;
  while (next >= 10 || live < 5) {
    const std::string line = bob.expect_any();
    if (line == "<alice>live " + std::to_string(live)) {
      ++live;
    } else {
      REQUIRE(line == "<alice>" + text(next));
      --next;
    }
  }
  bob.expect_nothing();
}

TEST_CASE("keep-alives keep a silent client online") {
  TestHub hub({.flags = {"--session-timeout", "2s"}});
  SpokeProcess bob = hub.online_spoke("bob");
  SpokeProcess alice = hub.online_spoke("alice");
  bob.subscribe("alice");
  // A classic client has no keep-alive: it is reset after two seconds, five times in a row.
  for (int i = 0; i < 5; ++i) hub.online("carol").expect(0x00);
  CHECK(sessions_of(hub) == std::vector<std::string>{"alice", "bob"});
  CHECK(hub.stat("logins_ok") == 7);
  CHECK(hub.stat("sessions_timed_out") == 5);
  alice.post("still there?");
  bob.expect("<alice>still there?");
}

TEST_CASE("what the administrator does ends sealed sessions at once") {
  const std::vector<std::string> command =
      GENERATE(std::vector<std::string>{"disable-user", "bob"},
               std::vector<std::string>{"set-password", "bob"},
               std::vector<std::string>{"end-session", "bob"},
               std::vector<std::string>{"delete-user", "--yes", "bob"});
  CAPTURE(command.front());
  TestHub hub;
  SpokeProcess alice = hub.online_spoke("alice");
  SpokeProcess bob = hub.online_spoke("bob");
  SpokeProcess second = hub.online_spoke("bob");
  bob.subscribe("alice");
  hub.admin_ok(command, "another\n");
  CHECK(sessions_of(hub) == std::vector<std::string>{"alice"});
  alice.post("bob is gone");
  for (SpokeProcess* each : {&bob, &second}) {
    each->expect("error#session_reset");
    each->expect_nothing();  // it stays away until somebody logs in
    each->ask("post#am I?", "error#must_login_first");
  }
  CHECK(sessions_of(hub) == std::vector<std::string>{"alice"});
  const bool may = command.front() == "end-session";
  bob.ask("login#bob&bob_pw", may ? "login_ack#successful" : "login_ack#failed");
}

TEST_CASE("list-sessions says which sessions are sealed") {
  TestHub hub;
  SpokeProcess bob = hub.online_spoke("bob");
  const RawClient alice = hub.online("alice");
  CHECK(session_field(hub, "bob", "framing") == "\"sealed\"");
  CHECK(session_field(hub, "alice", "framing") == "\"classic\"");
}

TEST_CASE("both framings see each other's posts") {
  TestHub hub;
  SpokeProcess sealed = hub.online_spoke("alice");
  SpokeProcess classic = hub.online_spoke("bob", {.framing = Framing::kClassic});
  sealed.subscribe("bob");
  classic.subscribe("alice");
  sealed.post("from inside");
  classic.expect("<alice>from inside");
  classic.post("from outside");
  sealed.expect("<bob>from outside");
}

}  // namespace hub::test
