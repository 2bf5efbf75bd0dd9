// First contact: whose key is believed, who is asked, and what is refused before anything of the
// password has been sent.
#include <filesystem>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"
#include "tests/e2e/terminal.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

constexpr ExitCode kNotTrusted = 4;
constexpr const char* kLogin = "login#alice&alice_pw\n";
constexpr const char* kLoggedIn = "login_ack#successful\n";

std::string fingerprint(const TestHub& hub) {
  return json_field(hub.admin_ok({"show-key", "--json"}), "fingerprint");
}

/// The link that invites alice; with another port where one is given.
std::string invite(const TestHub& hub, std::uint16_t port = 0) {
  const std::string host = "127.0.0.1:" + std::to_string(port != 0 ? port : hub.port());
  return lines_of(hub.admin_ok({"invite", "alice", "--host", host})).at(0);
}

std::string known_hubs(const fs::path& state) { return read_whole(state / "spoke" / "known_hubs"); }

bool knows(const fs::path& state, const TestHub& hub) {
  return known_hubs(state).find(hub.address()) != std::string::npos;
}

/// Nobody has tried a login, nor made a connection on which one could be tried.
void check_nothing_was_sent(const TestHub& hub) {
  CHECK(hub.stat("connections_opened") == 0);
  CHECK(hub.stat("logins_ok") == 0);
  CHECK(hub.stat("logins_failed") == 0);
}

/// The hub is set up anew: another key under the same address.
void change_key(TestHub& hub) {
  hub.stop();
  fs::remove(hub.data() / "hub.key");
  hub.start();
}

void check_refused(const Finished& finished, const std::string& word) {
  CAPTURE(finished.output, finished.errors);
  CHECK(finished.exit == kNotTrusted);
  CHECK(finished.output == "error#" + word + "\n");
}

}  // namespace

TEST_CASE("on a terminal one is asked about a new hub's key, and yes pins it") {
  const TestHub hub;
  const std::string answer = GENERATE("yes", "(the fingerprint)");
  CAPTURE(answer);
  const fs::path state = hub.scratch() / "new";
  const SpokeStart start{.state = state, .accept_new = false};
  {
    Terminal alice(hub, start);
    alice.type("login#alice&alice_pw");
    alice.wait_for_line("  " + fingerprint(hub));
    alice.wait_for("Type yes, no or the fingerprint");
    CHECK(hub.stat("connections_opened") == 0);
    CHECK_FALSE(knows(state, hub));
    alice.type("what?");
    alice.wait_for("Type yes, no or the fingerprint");
    alice.type(answer == "yes" ? answer : fingerprint(hub));
    alice.wait_for("login_ack#successful");
  }
  CHECK(knows(state, hub));
  Terminal again(hub, start);
  again.login("alice");
  CHECK(again.bytes().find("fingerprint") == std::string::npos);
}

TEST_CASE("no to a new hub's key leaves with exit code 4, and nothing is sent or pinned") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  Terminal alice(hub, {.state = state, .accept_new = false});
  alice.type("login#alice&alice_pw");
  alice.wait_for("Type yes, no or the fingerprint");
  alice.type("no");
  CHECK(alice.wait() == kNotTrusted);
  CHECK(alice.bytes().find("error#untrusted_key") != std::string::npos);
  CHECK_FALSE(knows(state, hub));
  check_nothing_was_sent(hub);
}

TEST_CASE("a wrong fingerprint is not taken for yes") {
  const TestHub hub;
  Terminal alice(hub, {.state = hub.scratch() / "new", .accept_new = false});
  alice.type("login#alice&alice_pw");
  alice.wait_for("Type yes, no or the fingerprint");
  alice.type("aaaa-bbbb-cccc-dddd-eeee-ffff");
  alice.wait_for("not its fingerprint");
  check_nothing_was_sent(hub);
  alice.press("\x04");
  CHECK(alice.wait() == kNotTrusted);
  check_nothing_was_sent(hub);
}

TEST_CASE("a script believes a new hub only with --accept-new") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  const Finished refused = hub.script(kLogin, {.state = state, .accept_new = false});
  check_refused(refused, "unknown_key");
  CHECK(refused.errors.find(fingerprint(hub)) != std::string::npos);
  CHECK_FALSE(knows(state, hub));
  check_nothing_was_sent(hub);

  CHECK(hub.script(kLogin, {.state = state}).output == kLoggedIn);
  CHECK(knows(state, hub));
  CHECK(static_cast<int>(fs::status(state / "spoke" / "known_hubs").permissions()) == 0600);
  const Finished known = hub.script(kLogin, {.state = state, .accept_new = false});
  CHECK(known.output == kLoggedIn);
  CHECK(known.errors.empty());
  CHECK(known.exit == 0);
}

TEST_CASE("a key is pinned only once the hub has proved that it knows the account") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  CHECK(hub.script("login#alice&wrong\n", {.state = state}).output == "login_ack#failed\n");
  CHECK_FALSE(knows(state, hub));
}

TEST_CASE("a changed key is refused loudly, whatever the options, and nothing is sent") {
  TestHub hub;
  const fs::path state = hub.scratch() / "known";
  CHECK(hub.script(kLogin, {.state = state}).exit == 0);
  const std::string before = fingerprint(hub);
  const std::string pinned = known_hubs(state);
  change_key(hub);
  const std::string after = fingerprint(hub);
  REQUIRE(before != after);

  for (const bool accept_new : {false, true}) {
    const Finished refused = hub.script(kLogin, {.state = state, .accept_new = accept_new});
    check_refused(refused, "changed_key");
    for (const std::string& said : {std::string("HAS CHANGED"), before, after}) {
      CHECK(refused.errors.find(said) != std::string::npos);
    }
  }
  // Not even the link that has the new key overrules what is known.
  check_refused(hub.script(kLogin, {.hub = invite(hub), .state = state}), "changed_key");
  Terminal alice(hub, {.state = state, .accept_new = false});
  alice.type("login#alice&alice_pw");
  CHECK(alice.wait() == kNotTrusted);
  alice.wait_for("HAS CHANGED");
  CHECK(known_hubs(state) == pinned);
  check_nothing_was_sent(hub);
}

TEST_CASE("an invite brings the key, and the name to log in with") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  const fs::path password = write_whole(hub.scratch() / "password", "alice_pw\n");
  const SpokeStart start{.hub = invite(hub),
                         .state = state,
                         .accept_new = false,
                         .flags = {"--password-file", password.string()}};
  const Finished finished = hub.script("post#invited\n", start);
  CAPTURE(finished.errors);
  CHECK(finished.output == "login_ack#successful\npost_ack#successful\n");
  CHECK(finished.exit == 0);
  CHECK(knows(state, hub));
  CHECK(hub.script(kLogin, {.state = state, .accept_new = false}).output == kLoggedIn);
}

TEST_CASE("an invite on a terminal asks for the password and for nothing else") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  Terminal alice(hub, {.hub = invite(hub), .state = state, .accept_new = false});
  alice.wait_for("assword");
  alice.type("alice_pw");
  alice.wait_for("login_ack#successful");
  CHECK(alice.bytes().find("fingerprint") == std::string::npos);
  CHECK(alice.bytes().find("alice_pw") == std::string::npos);
  CHECK(knows(state, hub));
}

TEST_CASE("the question about the key comes after the one for the password, and shows neither") {
  const TestHub hub;
  Terminal alice(hub, {.state = hub.scratch() / "new", .accept_new = false});
  alice.type("login#alice");
  alice.wait_for("assword");
  alice.type("alice_pw");
  alice.wait_for("Type yes, no or the fingerprint");
  alice.type("yes");
  alice.wait_for("login_ack#successful");
  CHECK(alice.bytes().find("alice_pw") == std::string::npos);
}

TEST_CASE("Ctrl-C at the question about the key leaves, and nothing is sent or pinned") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "new";
  Terminal alice(hub, {.state = state, .accept_new = false});
  alice.type("login#alice&alice_pw");
  alice.wait_for("Type yes, no or the fingerprint");
  alice.press("\x03");
  alice.wait_for("Ctrl-C again");
  alice.press("\x03");
  alice.wait();
  CHECK_FALSE(knows(state, hub));
  check_nothing_was_sent(hub);
}

TEST_CASE("a hub that has another key than the invite says is refused") {
  const TestHub hub;
  const TestHub other({.start = false});
  const fs::path state = hub.scratch() / "new";
  const Finished refused = hub.script(kLogin, {.hub = invite(other, hub.port()), .state = state});
  check_refused(refused, "changed_key");
  CHECK_FALSE(knows(state, hub));
  check_nothing_was_sent(hub);
}

TEST_CASE("the key is rotated under running clients") {
  TestHub hub;
  const fs::path state = hub.scratch() / "known";
  const fs::path left_behind = hub.scratch() / "left behind";
  const SpokeStart start{.state = state, .accept_new = false};
  CHECK(hub.script(kLogin, {.state = state}).exit == 0);
  CHECK(hub.script(kLogin, {.state = left_behind}).exit == 0);
  SpokeProcess bob = hub.online_spoke("bob", {.state = left_behind});
  bob.subscribe("alice");
  const std::string before = fingerprint(hub);

  hub.admin_ok({"rotate-key"});
  bob.post("during the rotation");
  CHECK(hub.script(kLogin, start).output == kLoggedIn);  // and it learns the next key
  hub.admin_ok({"rotate-key", "--finish", "--yes"});
  CHECK(fingerprint(hub) != before);
  const Finished alice = hub.script("login#alice&alice_pw\npost#to bob\n", start);
  CHECK(alice.output == "login_ack#successful\npost_ack#successful\n");
  CHECK(alice.errors.empty());
  bob.expect("<alice>to bob");  // his connection lives on
  // Who was not there to learn it is warned.
  check_refused(hub.script(kLogin, {.state = left_behind}), "changed_key");

  // To whom the key was announced, the hub is the same one: a device needs no password, before the
  // old key is forgotten and after.
  hub.restart();
  for (int i = 0; i < 2; ++i) {
    CHECK(hub.script("login#alice\n", start).output == kLoggedIn);
  }
  // Bob's client comes back after the restart, and does not believe the new key either.
  bob.expect("error#changed_key");
  CHECK(bob.process().wait() == kNotTrusted);
}

TEST_CASE("known_hubs that others may write to is refused") {
  const TestHub hub;
  const fs::path state = hub.scratch() / "known";
  CHECK(hub.script(kLogin, {.state = state}).exit == 0);
  fs::permissions(state / "spoke" / "known_hubs", fs::perms(0666));
  const Finished refused = hub.script(kLogin, {.state = state});
  CHECK(refused.exit != 0);
  CHECK(refused.output.empty());
  CHECK(refused.errors.find("known_hubs") != std::string::npos);
}

}  // namespace hub::test
