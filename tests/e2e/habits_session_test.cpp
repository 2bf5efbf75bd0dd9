// The habits of simple clients in their sessions, over real sockets: logins twice, forward acks,
// resets, tokens, order, unknown opcodes, reply loops.
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

std::set<int> opcodes_of(const std::vector<Received>& received) {
  std::set<int> out;
  for (const Received& each : received) out.insert(each.opcode);
  return out;
}

}  // namespace

TEST_CASE("a second login gets a fresh session; the old one ends") {
  const TestHub hub;
  RawClient author = hub.online("bob");
  RawClient old = hub.online("alice");
  old.subscribe("bob");
  RawClient fresh = hub.online("alice");
  CHECK(fresh.token() != old.token());
  author.post("to whom?");
  CHECK(fresh.expect(0xB1).payload == "<bob>to whom?");
  for (const int opcode : opcodes_of(old.round_trip())) CHECK(opcode == 0x00);
  old.ask(0x30, "am I?", 0xF0);
  fresh.post("it is me");
}

TEST_CASE("a second login from the same address, too") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  const std::uint32_t old = client.token();
  client.login("ALICE", "alice_pw");
  CHECK(client.token() != old);
  client.expect_nothing();
  client.ask(0x30, "with the old token", 0xF0, {.token = old});
  client.post("with the new one");
}

TEST_CASE("a password may hold an ampersand, and only the first ends the ID") {
  const TestHub hub;
  hub.admin_ok({"add-user", "dave"}, "p&q&r\n");
  RawClient client = hub.raw();
  client.ask(0x10, "dave&p", 0x81);
  client.ask(0x10, "dave", 0x81);
  client.ask(0x10, "&p&q&r", 0x81);
  client.login("dave", "p&q&r");
}

TEST_CASE("missing forward acks change nothing, and one with ID 0 acknowledges the oldest") {
  const TestHub hub;
  RawClient author = hub.online("alice");
  RawClient follower = hub.online("bob");
  follower.subscribe("alice");
  std::vector<std::uint32_t> ids;
  for (const char* text : {"one", "two", "three", "four"}) {
    author.post(text);
    ids.push_back(follower.expect(0xB1).msg_id);
  }
  CHECK(session_field(hub, "bob", "state") == "\"message_forward\"");
  CHECK(session_field(hub, "bob", "unacknowledged") == "4");
  // Everything is served meanwhile.
  follower.post("served");
  CHECK(follower.retrieve("1") == std::vector<std::string>{"<alice>four"});
  follower.ask(0x21, "alice", 0xA0);
  follower.subscribe("alice");

  follower.send(0x31, {}, {.msg_id = 0});  // the oldest: ids[0]
  follower.send(0x31, {}, {.msg_id = ids[0]});
  follower.send(0x31, {}, {.msg_id = 4'000'000'000u});
  follower.expect_nothing();
  CHECK(session_field(hub, "bob", "unacknowledged") == "3");
  CHECK(hub.stat("forward_ack_unknown") == 2);
  follower.send(0x31, "with a payload", {.msg_id = ids[3]});
  follower.send(0x31, {}, {.msg_id = ids[1]});
  follower.send(0x31, {}, {.msg_id = ids[2]});
  follower.expect_nothing();
  CHECK(session_field(hub, "bob", "unacknowledged") == "0");
  CHECK(session_field(hub, "bob", "state") == "\"online\"");
}

TEST_CASE("a reset with token 0 ends the session at that address, and is never answered") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  alice.send(0x00, {}, {.token = 0});
  alice.expect_nothing();
  alice.ask(0x30, "gone", 0xF0);
  bob.post("still here");

  bob.send(0x00);
  bob.expect_nothing();
  bob.ask(0x30, "gone", 0xF0);
  bob.send(0x00);  // and once more, from nobody's address
  bob.send(0x00, {}, {.token = 0});
  bob.expect_nothing();
  CHECK(hub.admin_ok({"list-sessions", "--json"}).empty());
}

TEST_CASE("a reset with somebody else's token from elsewhere does nothing") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient thief = hub.raw();
  thief.send(0x00, {}, {.token = alice.token()});
  thief.expect_nothing();
  alice.post("still here");
}

TEST_CASE("a zero or unknown token is told to log in first") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  for (const int opcode : {0x20, 0x21, 0x30, 0x31, 0x40, 0x1F}) {
    CAPTURE(opcode);
    alice.ask(opcode, "bob", 0xF0, {.token = 0});
    alice.ask(opcode, "bob", 0xF0, {.token = alice.token() + 1});
  }
  alice.post("the session is untouched");
}

TEST_CASE("a stolen token from another address is refused and the session untouched") {
  const TestHub hub;
  RawClient author = hub.online("bob");
  RawClient alice = hub.online("alice");
  alice.subscribe("bob");
  RawClient other_port = hub.raw();
  RawClient other_address = hub.raw({.source = "127.0.0.9"});
  for (RawClient* thief : {&other_port, &other_address}) {
    thief->set_token(alice.token());
    thief->ask(0x30, "as alice", 0xF0);
    thief->ask(0x20, "carol", 0xF0);
    thief->ask(0x1F, "", 0xF0);
    thief->ask(0x7F, "", 0xF0);
  }
  author.post("to alice alone");
  CHECK(alice.expect(0xB1).payload == "<bob>to alice alone");
  alice.expect_nothing();
  for (RawClient* thief : {&other_port, &other_address}) thief->expect_nothing();
  CHECK(hub.admin_ok({"list-posts", "--json"}).find("as alice") == std::string::npos);
}

TEST_CASE("the post ack goes out before the forward to the same client") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  client.subscribe("alice");
  for (int i = 0; i < 20; ++i) client.send(0x30, "number " + std::to_string(i));
  int acks = 0;
  int forwards = 0;
  while (acks < 20 || forwards < 20) {
    const Received received = client.receive();
    if (received.opcode == 0xB0) ++acks;
    if (received.opcode == 0xB1) {
      CHECK(received.payload == "<alice>number " + std::to_string(forwards));
      ++forwards;
    }
    REQUIRE(forwards <= acks);
  }
  client.expect_nothing();
}

TEST_CASE("no forward comes inside a run of retrieve acks") {
  const TestHub hub;
  RawClient author = hub.online("alice");
  RawClient second = hub.online("carol");
  RawClient follower = hub.online("bob");
  for (int i = 0; i < 80; ++i) {
    author.post("history");
    second.post("history");
  }
  follower.subscribe("alice");
  follower.subscribe("carol");
  for (int round = 0; round < 5; ++round) {
    follower.send(0x40, "150");
    for (int i = 0; i < 3; ++i) author.send(0x30, "live");
    int forwards = 0;
    int ends = 0;
    bool inside = false;
    while (ends < 1 || forwards < 3) {
      const Received received = follower.receive();
      if (received.opcode == 0xC0) inside = true;
      if (received.opcode == 0xC1) {
        inside = false;
        ++ends;
      }
      if (received.opcode == 0xB1) {
        ++forwards;
        CHECK_FALSE(inside);
      }
    }
    for (int i = 0; i < 3; ++i) author.expect(0xB0);
    follower.expect_nothing();
  }
}

TEST_CASE("every request is answered exactly once") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  client.expect_nothing();
  client.post("once");
  client.expect_nothing();
  client.subscribe("bob");
  client.expect_nothing();
  client.ask(0x20, "BOB", 0x90);
  client.expect_nothing();
  client.ask(0x20, "no such user", 0x91);
  client.expect_nothing();
  client.ask(0x21, "bob", 0xA0);
  client.expect_nothing();
  client.ask(0x21, "bob", 0xA1);
  client.expect_nothing();
  CHECK(client.retrieve("7").empty());
  client.expect_nothing();
  client.ask(0x1F, "", 0x8F);
  client.expect_nothing();
}

TEST_CASE(
    "an unknown opcode, or a server's, from a live session resets it, with a line in the log") {
  TestHub hub;
  RawClient client = hub.raw();
  for (const int opcode :
       {0x01, 0x11, 0x2F, 0x50, 0x7E, 0x7F, 0x80, 0x90, 0xB1, 0xC1, 0xF0, 0xFF}) {
    CAPTURE(opcode);
    client.login("alice", "alice_pw");
    client.ask(opcode, "", 0x00);
    client.expect_nothing();
    client.ask(0x30, "gone", 0xF0);
  }
  CHECK(hub.stat("sessions_reset_spurious") == 12);
  hub.stop();  // the log is whole
  CHECK(hub.log().find("0x2F") != std::string::npos);
}

TEST_CASE("a request without its payload is dropped and counted") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  for (const int opcode : {0x10, 0x20, 0x21, 0x30}) {
    client.send(opcode, "");
    client.send(opcode, "", {.length = 50});
    client.send(opcode, std::string(1, '\0'));
  }
  client.expect_nothing();
  CHECK(hub.stat("drop_empty_payload") == 12);
}

TEST_CASE("what a server says is never answered, so that two broken peers do not talk for ever") {
  const TestHub hub;
  RawClient peer = hub.raw();
  for (int opcode = 0x80; opcode <= 0xFF; ++opcode) peer.send(opcode, "echo");
  peer.send(0x00);
  peer.expect_nothing();
  CHECK(hub.stat("drop_server_opcode") == 128);
}

TEST_CASE("forward acks count as activity") {
  const TestHub hub({.flags = {"--session-timeout", "4s"}});
  RawClient author = hub.online("alice");
  RawClient follower = hub.online("bob");
  RawClient silent = hub.online("carol");
  follower.subscribe("alice");
  const Deadline longer_than_the_timeout(std::chrono::milliseconds(6000));
  bool silent_was_reset = false;
  while (!longer_than_the_timeout.over()) {
    author.post("are you there?");
    follower.send(0x31, {}, {.msg_id = follower.expect(0xB1).msg_id});
    if (silent.readable(100)) silent_was_reset = silent.receive().opcode == 0x00;
  }
  CHECK(silent_was_reset);
  follower.post("I am");
  silent.ask(0x30, "I am not", 0xF0);
}

TEST_CASE("unacknowledged forwards are capped: the oldest is forgotten and counted") {
  const TestHub hub({.flags = {"--max-unacknowledged", "5"}});
  RawClient author = hub.online("alice");
  RawClient follower = hub.online("bob");
  follower.subscribe("alice");
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 8; ++i) {
    author.post("number " + std::to_string(i));
    ids.push_back(follower.expect(0xB1).msg_id);
  }
  CHECK(session_field(hub, "bob", "unacknowledged") == "5");
  CHECK(hub.stat("forward_forgotten") == 3);
  follower.send(0x31, {}, {.msg_id = ids[2]});  // it is forgotten: an ack for it is ignored
  follower.expect_nothing();
  CHECK(session_field(hub, "bob", "unacknowledged") == "5");
  follower.send(0x31, {}, {.msg_id = ids[3]});
  follower.expect_nothing();
  CHECK(session_field(hub, "bob", "unacknowledged") == "4");
  CHECK(follower.retrieve("1") == std::vector<std::string>{"<alice>number 7"});
}

}  // namespace hub::test
