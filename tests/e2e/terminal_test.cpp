// spoke in a terminal, looked at on its screen: the password that is not shown, the line that is
// not torn, and how it is left.
#include "tests/e2e/terminal.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
TEST_CASE("login#id asks for the password and does not show it") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal alice(hub, {.framing = framing});
  alice.press("login#alice\r");
  alice.wait_for("assword");
  alice.press("alice_pw\r");
  alice.wait_for("login_ack#successful");
  CHECK(alice.bytes().find("alice_pw") == std::string::npos);
  alice.press("post#visible again\r");  // and the echo is back
  alice.wait_for("post#visible again");
  alice.wait_for("post_ack#successful");
  CHECK(list_posts(hub).back().text == "visible again");
}

TEST_CASE("a forward that arrives while a line is being typed does not tear it") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const std::string type = GENERATE("xterm", "vt100");
  CAPTURE(type);
  const TestHub hub;
  Terminal bob(hub, {.framing = framing}, type);
  bob.login("bob");
  bob.press("subscribe#alice\r");
  bob.wait_for("subscribe_ack#successful");
  RawClient alice = hub.online("alice");

  bob.press("post#half of a li");
  bob.wait_typed("post#half of a li");
  for (const char* text : {"one", "two", "three"}) alice.post(text);
  for (const char* line : {"<alice>one", "<alice>two", "<alice>three"}) bob.wait_for_line(line);
  bob.wait_typed("post#half of a li");  // whole, below them
  bob.press("ne\r");
  bob.wait_for("post_ack#successful");
  CHECK(list_posts(hub).back().text == "half of a line");
  const std::vector<std::string> lines = bob.screen().lines();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
          return line.find("half of a li") != std::string::npos;
        }) == 1);
}

TEST_CASE("a typed line of UTF-8 is edited by characters") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal alice(hub, {.framing = framing});
  alice.login("alice");
  alice.press("post#caf\xC3\xA9\xE2\x82\xAC");
  alice.wait_typed("caf\xC3\xA9\xE2\x82\xAC");
  alice.press("\x7f");
  alice.wait_typed("caf\xC3\xA9");
  alice.press("\x7f\xC3\xA8!\r");
  alice.wait_for("post_ack#successful");
  CHECK(list_posts(hub).back().text == "caf\xC3\xA8!");
}

TEST_CASE("Ctrl-D on an empty line leaves, and ends the session") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal alice(hub, {.framing = framing});
  alice.login("alice");
  alice.press("\x04");
  CHECK(alice.wait() == 0);
  wait_for_sessions(hub, {});
}

TEST_CASE("Ctrl-C leaves in the middle of a line, and the line is not sent") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal alice(hub, {.framing = framing});
  alice.login("alice");
  alice.press("post#never se");
  alice.wait_typed("post#never se");
  alice.press("\x03");  // gives up the line
  alice.wait_for("Ctrl-C again");
  alice.press("\x03");
  alice.wait();
  CHECK(list_posts(hub).empty());
  wait_for_sessions(hub, {});
}

TEST_CASE("Ctrl-C at the password gives the login up, and the echo comes back") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal bob(hub, {.framing = framing});
  bob.press("login#bob\r");
  bob.wait_for("assword");
  bob.press("bob_\x03");
  bob.wait_for("error#no_password");
  bob.press("state#\r");
  bob.wait_for("state#OFFLINE");
  bob.press("\x04");
  bob.wait();
  CHECK(bob.bytes().find("bob_") == std::string::npos);
}

TEST_CASE("the terminal is left as it was found") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  const std::string spoke = to_string(hub.spoke_command({.framing = framing}));
  PtyProcess shell(
      {.argv = {"sh", "-c",
                "trap : INT; cd \"$0\"; stty -a >before; " + spoke +
                    "; stty -a >after; "
                    "cmp before after && echo the same",
                hub.scratch().path().string()},
       .environment = {{"TERM", "xterm"}, {"XDG_STATE_HOME", hub.scratch().path().string()}}});
  shell.press("login#alice\r");
  shell.wait_for("assword");
  shell.press("\x03");
  shell.wait_for("error#no_password");
  shell.press("\x04");
  shell.wait_for_line("the same");
  shell.wait();
}

TEST_CASE("the password is not in the history that the arrow keys recall") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Terminal alice(hub, {.framing = framing});
  alice.press("login#alice&alice_pw\r");
  alice.wait_for("login_ack#successful");
  alice.press("post#something\r");
  alice.wait_for("post_ack#successful");
  const std::size_t before = alice.bytes().size();
  alice.press("\x1b[A\x1b[A\x1b[A");
  alice.press("\x15post#else\r");
  alice.wait_until("two acks", [](const Screen& screen) {
    const std::vector<std::string> lines = screen.lines();
    return std::count_if(lines.begin(), lines.end(), [](const std::string& line) {
             return line.find("post_ack#successful") != std::string::npos;
           }) == 2;
  });
  CHECK(alice.bytes().find("alice_pw", before) == std::string::npos);
}

}  // namespace hub::test
