// spoke in a script: pipes for its input and output, records and nothing else, an exit code that
// tells.
#include <csignal>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

SpokeStart in(Framing framing) { return {.framing = framing}; }

}  // namespace

TEST_CASE("a script prints exactly the records of what it asked, and exits with 0") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  const Finished finished = hub.script(
      "login#alice&alice_pw\n"
      "post#hello\n"
      "subscribe#alice\n"
      "subscribe#bob\n"
      "retrieve#5\n"
      "unsubscribe#bob\n"
      "logout#\n",
      in(framing));
  CHECK(finished.output ==
        "login_ack#successful\n"
        "post_ack#successful\n"
        "subscribe_ack#successful\n"
        "subscribe_ack#successful\n"
        "<alice>hello\n"
        "unsubscribe_ack#successful\n"
        "logout_ack#successful\n");
  CHECK(finished.errors.empty());
  CHECK(finished.exit == 0);
}

TEST_CASE("what was asked is finished when the input ends, a last line without its end too") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  const Finished finished =
      hub.script("login#alice&alice_pw\r\npost#the last line\r\n\nretrieve#1", in(framing));
  CHECK(finished.output == "login_ack#successful\npost_ack#successful\n");
  CHECK(finished.exit == 0);
  wait_for_sessions(hub, {});  // and it logged out
}

TEST_CASE("a script in which something was refused exits with 1") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  const auto check = [&](const std::string& lines, const std::string& output) {
    CAPTURE(lines);
    const Finished finished = hub.script(lines, in(framing));
    CHECK(finished.output == output);
    CHECK(finished.exit == 1);
  };
  check("login#alice&wrong\n", "login_ack#failed\n");
  check("login#nobody&alice_pw\n", "login_ack#failed\n");
  check("post#too early\n", "error#must_login_first\n");
  check("login#alice&alice_pw\nsubscribe#nobody\n", "login_ack#successful\nsubscribe_ack#failed\n");
  check("login#alice&alice_pw\nunsubscribe#bob\n",
        "login_ack#successful\nunsubscribe_ack#failed\n");
  // The failure is not forgotten over what succeeds after it.
  check("login#alice&wrong\nlogin#alice&alice_pw\n", "login_ack#failed\nlogin_ack#successful\n");
}

TEST_CASE("a line that is none is an error record, and the next one is served") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  for (const std::string& line :
       {std::string("psot#hello"), std::string("subscribe#a b"), std::string("retrieve#many"),
        std::string("retrieve#0"), std::string("retrieve#-1"), std::string("post#"),
        std::string("post#") + std::string(10'000, 'x'), std::string("post#\xFF\xFE"),
        std::string("login#") + std::string(40, 'a') + "&pw", std::string("hello")}) {
    CAPTURE(line.substr(0, 40));
    const Finished finished = hub.script(line + "\nlogin#alice&alice_pw\n", in(framing));
    const std::vector<std::string> lines = lines_of(finished.output);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].starts_with("error#"));
    CHECK(lines[0].find(' ') == std::string::npos);
    CHECK(lines[1] == "login_ack#successful");
    CHECK(finished.exit == 1);
  }
}

TEST_CASE("quit# ends a script at once, with what was asked before it") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  const Finished finished =
      hub.script("login#alice&alice_pw\npost#before\nquit#\npost#behind\n", in(framing));
  CHECK(finished.output == "login_ack#successful\npost_ack#successful\n");
  CHECK(finished.exit == 0);
  CHECK(list_posts(hub).size() == 1);
}

TEST_CASE("a long script is asked line by line, in order, and none of it is lost") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  TestHub::Options options;  // sealed, a hub paces what comes too fast; classic, it drops it
  if (framing == Framing::kClassic) options.flags = {"--posts-per-second", "100000"};
  const TestHub hub(options);
  std::string lines = "login#alice&alice_pw\n";
  for (int i = 0; i < 1500; ++i) lines += "post#number " + std::to_string(i) + "\n";
  const Finished finished = hub.script(lines, in(framing));
  CHECK(finished.exit == 0);
  CHECK(lines_of(finished.output).size() == 1501);
  const std::vector<ListedPost> posts = list_posts(hub);
  REQUIRE(posts.size() == 1500);
  for (std::size_t i = 0; i < posts.size(); ++i) {
    REQUIRE(posts[i].text == "number " + std::to_string(i));
  }
}

TEST_CASE("a hub that does not answer is an error record and exit code 3") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub nobody({.start = false});
  RawClient silent({.hub = "127.0.0.1", .port = 9});  // its port is bound, and never answers
  const Finished finished =
      nobody.script("post#is anybody there?\n",
                    {.framing = framing, .hub = "127.0.0.1:" + std::to_string(silent.own_port())});
  CHECK(finished.output == "error#no_reply\n");
  CHECK(finished.exit == 3);
}

TEST_CASE("every character of a text arrives as it was typed") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  TestHub hub;
  SpokeProcess bob = hub.spoke("bob", in(framing));
  SpokeProcess alice = hub.spoke("alice", in(framing));
  alice.login("alice_pw");
  bob.login("bob_pw");
  bob.type("subscribe#alice");
  bob.expect("subscribe_ack#successful");
  for (const std::string text :
       {"a # and an & and <b> and a \\", "na\xC3\xAFve \xE2\x82\xAC \xF0\x9F\x90\x9D",
        " blanks  kept ", "#", "post#post#post"}) {
    alice.type("post#" + text);
    alice.expect("post_ack#successful");
    bob.expect("<alice>" + text);
  }
}

TEST_CASE("a forward comes while spoke waits for input that does not end") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  TestHub hub;
  SpokeProcess bob = hub.spoke("bob", in(framing));
  bob.login("bob_pw");
  bob.type("subscribe#alice");
  bob.expect("subscribe_ack#successful");
  RawClient alice = hub.online("alice");
  alice.post("one");
  bob.expect("<alice>one");
  alice.post("two");
  bob.expect("<alice>two");
  eventually("no forward is unacknowledged",
             [&] { return session_field(hub, "bob", "unacknowledged") == "0"; });
  CHECK(bob.finish() == 0);
}

TEST_CASE("SIGTERM ends spoke, and its session with it") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  TestHub hub;
  SpokeProcess alice = hub.spoke("alice", in(framing));
  alice.login("alice_pw");
  alice.process().send_signal(SIGTERM);
  alice.process().wait();
  wait_for_sessions(hub, {});
}

TEST_CASE("spoke leaves, and ends its session, when nobody reads its output any more") {
  const Framing framing = GENERATE(Framing::kSealed, Framing::kClassic);
  CAPTURE(to_string(framing));
  const TestHub hub;
  Command command = hub.spoke_command(in(framing));
  command.argv.insert(command.argv.begin(), {"sh", "-c", "\"$@\" | head -n 1", "sh"});
  Process pipeline(command);
  pipeline.write("login#alice&alice_pw\n");
  CHECK(pipeline.read_line() == "login_ack#successful");
  pipeline.wait();  // its input is still open
  wait_for_sessions(hub, {});
}

TEST_CASE("spoke says in one line what is wrong with its arguments") {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--classic", "--hub", "127.0.0.1:99999"},
        {"--classic", "--hub", std::string(64, 'x') + ".invalid"},  // no name server is asked
        {"--nonsense"}}) {
    std::vector<std::string> argv = {program("spoke")};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Finished finished = run({.argv = argv});
    CAPTURE(finished.errors);
    CHECK(finished.exit != 0);
    CHECK(finished.output.empty());
    CHECK(lines_of(finished.errors).size() == 1);
  }
}

}  // namespace hub::test
