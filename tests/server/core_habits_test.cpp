// The habits of simple clients, each of which must work (docs/CLASSIC.md, "Simple clients").
#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using O = Opcode;
using Opcodes = std::vector<Opcode>;

TEST_CASE("habit 1: any printable magic is answered with the sender's own") {
  World w;
  w.account("ann");
  Peer& ann = w.peer();
  ann.magic = {'~', ' '};
  ann.send(O::kPost, "x");
  CHECK(ann.take().at(0).magic == ann.magic);
  w.login(ann, "ann", "ann_pw");
  CHECK(ann.take().at(0).magic == ann.magic);
  w.follow(ann, "ann");
  ann.send(O::kPost, "x");
  for (const Seen& each : ann.take()) CHECK(each.magic == ann.magic);
}

TEST_CASE("habit 2: a post with a wrong length arrives as it was meant") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  const auto posted = [&](std::uint8_t length, std::string_view body) {
    std::vector<std::uint8_t> bytes = {'S', 'D', 0x30, length};
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(ann.token >> shift));
    }
    bytes.insert(bytes.end(), 4, 0);
    bytes.insert(bytes.end(), body.begin(), body.end());
    ann.send_raw(bytes);
    const auto seen = ann.take();
    return seen.size() == 2 ? seen[1].text : std::string("no forward");
  };
  CHECK(posted(10, "hello") == "<ann>hello");   // counts "post#"
  CHECK(posted(6, "hello\n") == "<ann>hello");  // counts the newline
  CHECK(posted(5, "hellostale bytes") == "<ann>hello");
  CHECK(posted(12, std::string_view("hello\0garbage", 13)) == "<ann>hello");
  // 300 bytes, the length wrapped to 44; a classic reader gets at most 255 of the payload.
  CHECK(posted(44, std::string(300, 'x')).substr(0, 10) == "<ann>xxxxx");
}

TEST_CASE("habit 3: retrieve's n in digits, in the length byte, or nonsense") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  for (int i = 0; i < 3; ++i) w.post(ann, "x");
  ann.take();
  std::vector<std::uint8_t> bytes = {'S', 'D', 0x40, 2};
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(ann.token >> shift));
  }
  bytes.insert(bytes.end(), 4, 0);
  ann.send_raw(bytes);  // no body at all: n is the length byte
  CHECK(ann.take_opcodes() == Opcodes{O::kRetrieveAck, O::kRetrieveAck, O::kRetrieveEnd});
  ann.send(O::kRetrieve, "2 please");
  CHECK(ann.take_opcodes() == Opcodes{O::kRetrieveAck, O::kRetrieveAck, O::kRetrieveEnd});
  ann.send(O::kRetrieve, "-1");
  CHECK(ann.take_opcodes() == Opcodes{O::kRetrieveEnd});
}

TEST_CASE("habit 3: more than 200 is served as 200, in bursts that a socket buffer holds") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  for (int i = 0; i < 250; ++i) w.post(ann, "x");
  ann.take();
  ann.send(O::kRetrieve, "99999999999");
  w.run_for(1s);
  const auto seen = ann.take();
  REQUIRE(seen.size() == 201);
  CHECK(seen.back().opcode == O::kRetrieveEnd);
  std::map<TimePoint, std::size_t> at_once;
  for (std::size_t i = 0; i < 200; ++i) {
    CHECK(seen[i].opcode == O::kRetrieveAck);
    CHECK(seen[i].id == 250 - i);
    ++at_once[seen[i].at];
  }
  for (const auto& burst : at_once) CHECK(burst.second <= kRetrieveBurst);
}

TEST_CASE("habit 4: logout may carry a payload, and ports below 1024 are ports") {
  World w;
  w.account("ann");
  Peer& ann = w.peer_at({IpAddress::v4(127, 0, 0, 1), 123, 0});
  w.login(ann, "ann", "ann_pw");
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
  ann.send(O::kLogout, "logout#");
  CHECK(ann.take_opcodes() == Opcodes{O::kLogoutAck});
}

TEST_CASE("habit 4: a fixed port that is used again is a new session") {
  World w;
  Peer& ann = w.online("ann");
  const Token first = ann.token;
  w.login(ann, "ann", "ann_pw");  // the program was started again on the same port
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
  CHECK(ann.token != first);
  ann.send_as(first, O::kPost, "with the old token");
  CHECK(ann.take_opcodes() == Opcodes{O::kMustLoginFirst});
  ann.send(O::kPost, "with the new one");
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck});
}

TEST_CASE("habit 5: a second login from elsewhere ends the first session") {
  World w;
  Peer& alice = w.online("alice");
  Peer& here = w.online("carol");
  w.follow(here, "alice");
  Peer& there = w.peer();
  w.login(there, "carol", "carol_pw");
  CHECK(there.take_opcodes() == Opcodes{O::kLoginOk});
  CHECK(there.token != here.token);
  const auto seen = here.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].opcode == O::kSessionReset);
  CHECK(seen[0].token == here.token);
  w.post(alice, "hello");
  CHECK(there.take_opcodes() == Opcodes{O::kForward});
  CHECK(here.take().empty());
  here.send(O::kPost, "me?");
  CHECK(here.take_opcodes() == Opcodes{O::kMustLoginFirst});
  CHECK(w.sessions().size() == 2);
}

TEST_CASE("habit 6: forward acks may be missing or say 0, and everything is served meanwhile") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  const auto carol_row = [&] {
    for (const auto& row : w.sessions()) {
      if (row.account == "carol") return row;
    }
    return control::SessionRow{};
  };
  CHECK(carol_row().state == "online");
  for (int i = 0; i < 3; ++i) w.post(alice, "x");
  const auto forwards = carol.take();
  REQUIRE(forwards.size() == 3);
  CHECK(carol_row().state == "message_forward");
  CHECK(carol_row().unacknowledged == 3);
  carol.send(O::kPost, "served");
  carol.send(O::kRetrieve, "1");
  CHECK(carol.take_opcodes() == Opcodes{O::kPostAck, O::kRetrieveAck, O::kRetrieveEnd});
  carol.send(O::kForwardAck, "", forwards[1].id);
  CHECK(carol.take().empty());
  CHECK(carol_row().unacknowledged == 2);
  carol.send(O::kForwardAck, "", 0);  // the oldest
  carol.take();
  CHECK(carol_row().unacknowledged == 1);
  carol.send(O::kForwardAck, "", forwards[0].id);  // that was the oldest: no longer outstanding
  carol.take();
  CHECK(w.host.counters().forward_ack_unknown == 1);
  CHECK(carol_row().unacknowledged == 1);
  carol.send(O::kForwardAck, "", forwards[2].id);
  carol.take();
  CHECK(carol_row().state == "online");
}

TEST_CASE("habit 7: a session reset with token 0 ends what sits at its address, unanswered") {
  World w;
  Peer& ann = w.online("ann");
  Peer& bob = w.online("bob");
  ann.send_as(0, O::kSessionReset);
  CHECK(ann.take().empty());
  CHECK(w.sessions().size() == 1);
  bob.send(O::kSessionReset);
  CHECK(bob.take().empty());
  CHECK(w.sessions().empty());
  bob.send_as(0, O::kSessionReset);  // there is nobody any more
  CHECK(bob.take().empty());
  CHECK(w.host.counters().drop_unknown_reset == 1);
}

TEST_CASE("habit 8: a known token from another address is refused and the session untouched") {
  World w;
  Peer& ann = w.online("ann");
  Peer& thief = w.peer();
  for (const O opcode : {O::kPost, O::kLogout, O::kSubscribe, O::kForwardAck}) {
    thief.send_as(ann.token, opcode, "ann");
    CHECK(thief.take_opcodes() == Opcodes{O::kMustLoginFirst});
  }
  thief.send_as(ann.token, O::kSessionReset);
  CHECK(thief.take().empty());
  thief.send_as(ann.token, O::kSpuriousClient);
  thief.take();
  CHECK(ann.take().empty());
  ann.send(O::kPost, "still here");
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck});
}

TEST_CASE("habit 9: no forward before a post ack that its reader is waiting for") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.host.hold_commits(true);
  alice.send(O::kPost, "first");
  w.settle();
  carol.send(O::kPost, "second");
  w.settle();
  w.host.hold_commits(false);
  CHECK(carol.take_opcodes() == Opcodes{O::kPostAck, O::kForward});
}

TEST_CASE("habit 9: no forward inside a run of retrieve acks, and all of them after it") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  for (int i = 0; i < 120; ++i) w.post(alice, "old");
  carol.take();
  carol.send(O::kRetrieve, "120");
  w.settle();  // the first burst is out, the run goes on
  w.post(alice, "new one");
  w.post(alice, "new two");
  w.run_for(1s);
  const auto seen = carol.take();
  REQUIRE(seen.size() == 123);
  for (std::size_t i = 0; i < 120; ++i) CHECK(seen[i].opcode == O::kRetrieveAck);
  CHECK(seen[120].opcode == O::kRetrieveEnd);
  CHECK(seen[121].text == "<alice>new one");
  CHECK(seen[122].text == "<alice>new two");
}

TEST_CASE("habit 9: a forward is held while a retrieve is being read") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.post(alice, "old");
  carol.take();
  w.host.hold_reads(true);
  carol.send(O::kRetrieve, "1");
  w.settle();
  w.post(alice, "new");
  CHECK(carol.take().empty());
  w.host.hold_reads(false);
  CHECK(carol.take_opcodes().front() == O::kRetrieveAck);
}

TEST_CASE("habit 9: what is deleted while it is held does not go out") {
  World w;
  Peer& alice = w.online("alice");
  Peer& bob = w.online("bob");
  Peer& carol = w.online("carol");
  for (const char* name : {"alice", "bob"}) w.follow(carol, name);
  w.post(alice, "old");
  carol.take();
  w.host.hold_reads(true);
  carol.send(O::kRetrieve, "1");
  w.settle();
  w.post(alice, "new");
  w.post(alice, "newer");
  w.post(bob, "hidden");
  w.host.ask(control::DeletePost{2});
  w.host.ask(control::DisableUser{"bob"});
  w.host.hold_reads(false);
  w.run_for(1s);
  std::vector<std::string> forwarded;
  for (const Seen& seen : carol.take()) {
    if (seen.opcode == O::kForward) forwarded.push_back(seen.text);
  }
  CHECK(forwarded == std::vector<std::string>{"<alice>newer"});
}

TEST_CASE("habit 9: several retrieves at once are served one after the other, each with its end") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  for (int i = 0; i < 60; ++i) w.post(ann, "x");
  ann.take();
  for (int i = 0; i < 4; ++i) ann.send(O::kRetrieve, "60");
  ann.send(O::kRetrieve, "60");  // one too many
  w.run_for(1s);
  std::size_t run = 0;
  int ends = 0;
  for (const O opcode : ann.take_opcodes()) {
    if (opcode == O::kRetrieveEnd) {
      CHECK(run == 60);
      run = 0;
      ++ends;
    } else {
      ++run;
    }
  }
  CHECK(ends == 4);
  CHECK(w.host.counters().drop_retrieve_queue == 1);
}

TEST_CASE("habit 10: an unknown opcode, or a server's, resets a live session with a log line") {
  for (const O opcode : {O::kSpuriousClient, O::kSpuriousServer, O::kPostAck, O::kMustLoginFirst,
                         static_cast<O>(0x55), static_cast<O>(0xEE)}) {
    World w;
    Peer& ann = w.online("ann");
    ann.send(opcode);
    const auto seen = ann.take();
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].opcode == O::kSessionReset);
    CHECK(w.sessions().empty());
    CHECK(w.host.log().back().find("ann") != std::string::npos);
    ann.send(O::kPost, "x");
    CHECK(ann.take_opcodes() == Opcodes{O::kMustLoginFirst});
  }
}

TEST_CASE("with --debug-messages 0x7E brings an unasked-for subscribe ok") {
  auto config = World::lenient();
  config.debug_messages = true;
  World w(config);
  Peer& ann = w.online("ann");
  ann.send(O::kSpuriousServer);
  CHECK(ann.take_opcodes() == Opcodes{O::kSubscribeOk});
}

TEST_CASE("habit 11: what only a server sends is never answered to a stranger") {
  World w;
  Peer& broken = w.peer();
  for (int opcode = 0x80; opcode < 0x100; ++opcode) {
    broken.send_as(7, static_cast<O>(opcode), "x");
  }
  broken.send_as(7, O::kSessionReset);
  CHECK(broken.take().empty());
  CHECK(w.host.counters().drop_server_opcode == 128);
}

TEST_CASE("habit 11: answers to strangers are limited by source, and come back") {
  auto config = World::lenient();
  config.answers_per_second = 10;
  World w(config);
  Peer& loud = w.peer();
  for (int i = 0; i < 1000; ++i) loud.send_as(7, O::kPost, "x");
  CHECK(loud.take().size() == 20);
  CHECK(w.host.counters().drop_unauthenticated_rate == 980);
  w.run_for(1s);
  loud.send_as(7, O::kPost, "x");
  CHECK(loud.take().size() == 1);
}

TEST_CASE("habit 12: forward acks keep a session alive") {
  auto config = World::lenient();
  config.session_timeout = 10s;
  World w(config);
  Peer& quiet = w.online("quiet");
  Peer& acking = w.online("acking");
  for (int i = 0; i < 5; ++i) {
    w.run_for(4s);
    acking.send(O::kForwardAck, "", 99);
  }
  CHECK(acking.take().empty());
  CHECK(quiet.take_opcodes() == Opcodes{O::kSessionReset});
}

TEST_CASE("habit 12: beyond the cap the oldest unacknowledged forward is forgotten and counted") {
  auto config = World::lenient();
  config.max_unacknowledged = 5;
  World w(config);
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  for (int i = 0; i < 8; ++i) w.post(alice, "x");
  CHECK(carol.take().size() == 8);
  CHECK(w.host.counters().forward_forgotten == 3);
  for (const auto& row : w.sessions()) {
    if (row.account == "carol") CHECK(row.unacknowledged == 5);
  }
}
