#include "client/core/printer.hpp"

#include <catch2/catch.hpp>

#include "protocol/text.hpp"

namespace hub::client {

namespace {

const Style kPipe{};
const Style kTerminal{true, false};
const Style kColour{true, true};

}  // namespace

TEST_CASE("away from a terminal a record is its line and nothing else") {
  CHECK(render(ack("login_ack", true), kPipe) == "login_ack#successful\n");
  CHECK(render(ack("subscribe_ack", false), kPipe) == "subscribe_ack#failed\n");
  CHECK(render(error("must_login_first", "log in"), kPipe) == "error#must_login_first\n");
  CHECK(render(forward("<bob>hi there"), kPipe) == "<bob>hi there\n");
  CHECK(render(retrieved("<bob>hi there"), kPipe) == "<bob>hi there\n");
  CHECK(render(state_record("ONLINE", "ann"), kPipe) == "state#ONLINE\n");
  CHECK(render(end_of_retrieve(3), kPipe).empty());
  CHECK(render(note("nobody listens"), kPipe).empty());
  CHECK(prompt("ONLINE", "ann", kPipe).empty());
}

TEST_CASE("a terminal shows a sentence behind an error and a mark at the end of a retrieve") {
  CHECK(render(error("no_reply", "the hub did not answer"), kTerminal) ==
        "error#no_reply  the hub did not answer\n");
  CHECK(render(end_of_retrieve(0), kTerminal) == "no posts\n");
  CHECK(render(end_of_retrieve(1), kTerminal) == "1 post\n");
  CHECK(render(end_of_retrieve(2), kTerminal) == "2 posts\n");
  CHECK(render(forward("<bob>hi"), kTerminal) == "<bob>hi\n");
}

TEST_CASE("colour is given back at the end of what it paints, and only where it is wanted") {
  CHECK(render(ack("login_ack", true), kColour) == "\x1b[32mlogin_ack#successful\x1b[0m\n");
  CHECK(render(forward("<bob>hi <x>"), kColour) == "\x1b[1m\x1b[36m<bob>\x1b[0mhi <x>\n");
  CHECK(render(error("no_reply", "try again"), kTerminal).find('\x1b') == std::string::npos);
}

TEST_CASE("nothing in a record reaches the terminal as a control character") {
  const std::string evil = "a\x1b]0;t\x07\r\n\xE2\x80\xAE\xC2\x9B b\xFF";
  for (const Style& style : {kPipe, kTerminal}) {
    for (const Record& record :
         {forward("<bob>" + evil), retrieved(evil), error("word", evil), note(evil)}) {
      std::string text = render(record, style);
      if (text.empty()) continue;
      CHECK(text.back() == '\n');
      text.pop_back();
      CHECK(printable(text) == text);
    }
  }
}

TEST_CASE("no post can pass for another record") {
  CHECK(render(forward("login_ack#successful"), kPipe) == "<?>login_ack#successful\n");
  CHECK(render(retrieved(""), kPipe) == "<?>\n");
}

TEST_CASE("the prompt says who and, while something is awaited, in what state") {
  CHECK(prompt("OFFLINE", "", kTerminal) == "offline> ");
  CHECK(prompt("ONLINE", "ann", kTerminal) == "ann> ");
  CHECK(prompt("POST_SENT", "ann", kTerminal) == "ann POST_SENT> ");
  CHECK(prompt("ONLINE", "ann", kColour) == "\1\x1b[2m\1ann>\1\x1b[0m\1 ");
}

TEST_CASE("refusals and errors count as failures, nothing else does") {
  CHECK(is_failure(ack("login_ack", false)));
  CHECK(is_failure(error("no_reply", "")));
  CHECK_FALSE(is_failure(ack("login_ack", true)));
  CHECK_FALSE(is_failure(forward("<bob>error#x")));
  CHECK_FALSE(is_failure(note("x")));
}

}  // namespace hub::client
