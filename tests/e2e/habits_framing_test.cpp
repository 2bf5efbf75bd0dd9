// The habits of simple clients on the wire, over real sockets: magic, lengths, retrieve's n,
// logout.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

/// An author and a follower of his who says what came of each post.
struct Pair {
  explicit Pair(const TestHub& hub) : author(hub.online("alice")), follower(hub.online("bob")) {
    follower.subscribe("alice");
  }

  std::string forwarded(std::string_view payload, const Wrong& wrong) {
    author.ask(0x30, payload, 0xB0, wrong);
    const Received forward = follower.expect(0xB1);
    follower.send(0x31, {}, {.msg_id = forward.msg_id});
    return forward.payload;
  }

  RawClient author;
  RawClient follower;
};

std::string chars(std::size_t n, char c = 'x') { return std::string(n, c); }

}  // namespace

TEST_CASE("any two printable characters are a magic, and come back in every answer") {
  const TestHub hub;
  for (const auto magic : {std::array{' ', ' '}, {'~', '~'}, {'0', '9'}, {'#', '&'}}) {
    RawClient client = hub.raw({.magic = magic});
    client.ask(0x30, "too early", 0xF0);
    client.ask(0x10, "alice&wrong", 0x81);
    client.login("alice", "alice_pw");
    client.subscribe("alice");
    client.post("to myself");
    CHECK(client.expect(0xB1).payload == "<alice>to myself");
    CHECK(client.retrieve("1") == std::vector<std::string>{"<alice>to myself"});
    client.ask(0x1F, "", 0x8F);
  }
}

TEST_CASE("two clients with different magics each see their own") {
  const TestHub hub;
  RawClient alice = hub.online("alice", {.magic = {'A', 'A'}});
  RawClient bob = hub.online("bob", {.magic = {'B', 'B'}});
  bob.subscribe("alice");
  alice.post("hello");
  CHECK(bob.expect(0xB1).payload == "<alice>hello");  // receive() holds it to B B
  bob.set_magic({'b', 'b'});                          // and a client may change its mind
  bob.expect_nothing();
}

TEST_CASE("a magic that is not printable is dropped and counted") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  client.set_magic({'\x7f', 'a'});
  client.send(0x30, "dropped");
  client.set_magic({'\x1f', 'a'});  // the other framing, and no datagram of it
  client.send(0x30, "dropped");
  client.set_magic({'a', '\x7f'});
  client.send(0x30, "dropped");
  client.set_magic({'\x80', 'a'});
  client.send(0x30, "dropped");
  client.set_magic({'a', 'Z'});
  client.expect_nothing();
  CHECK(hub.stat("drop_bad_magic") == 3);
  CHECK(hub.stat("drop_sealed_malformed") == 1);
}

TEST_CASE("a length that counts too much or too little still gives the text") {
  const TestHub hub;
  Pair pair(hub);
  CHECK(pair.forwarded("exact", {}) == "<alice>exact");
  CHECK(pair.forwarded("a typed prefix", {.length = 14 + 5}) == "<alice>a typed prefix");
  CHECK(pair.forwarded("a newline not sent", {.length = 19}) == "<alice>a newline not sent");
  CHECK(pair.forwarded("a newline\n", {}) == "<alice>a newline");
  CHECK(pair.forwarded("both\r\n", {}) == "<alice>both");
  CHECK(pair.forwarded("a NUL counted", {.length = 14, .behind = std::string(1, '\0')}) ==
        "<alice>a NUL counted");
  CHECK(pair.forwarded("only this and not that", {.length = 9}) == "<alice>only this");
  CHECK(pair.forwarded("everything", {.length = 255}) == "<alice>everything");
}

TEST_CASE("stale bytes behind the text are not part of it") {
  const TestHub hub;
  Pair pair(hub);
  const std::string nul(1, '\0');
  CHECK(pair.forwarded("hello", {.behind = nul + "stale from the line before"}) == "<alice>hello");
  CHECK(pair.forwarded("no NUL", {.behind = "stale"}) == "<alice>no NUL");
  CHECK(pair.forwarded("whole buffer", {.behind = nul + chars(1024 - 13, '?')}) ==
        "<alice>whole buffer");
  CHECK(pair.forwarded("whole buffer, length 0",
                       {.length = 0, .behind = nul + chars(1024 - 23, '?')}) ==
        "<alice>whole buffer, length 0");
  CHECK(pair.forwarded("4 KiB of it", {.behind = nul + chars(4096 - 12, '?')}) ==
        "<alice>4 KiB of it");
}

TEST_CASE("a length that wrapped at 256 gives the whole text") {
  const TestHub hub;
  Pair pair(hub);
  const std::string exact = chars(248);  // "<alice>" and this are 255 bytes
  CHECK(pair.forwarded(exact, {}) == "<alice>" + exact);
  for (const std::size_t size : {249u, 256u, 300u, 512u, 1000u}) {
    CAPTURE(size);
    const std::string text = chars(size);
    CHECK(pair.forwarded(text, {}) == "<alice>" + chars(245) + "\xE2\x80\xA6");
    CHECK(hub.admin_ok({"list-posts", "--json"}).find('"' + text + '"') != std::string::npos);
  }
}

TEST_CASE("a long text is cut between characters, never inside one") {
  const TestHub hub;
  Pair pair(hub);
  std::string text;
  for (int i = 0; i < 120; ++i) text += "\xC3\xA9\xE2\x82\xAC";  // é€: 5 bytes, 600 in all
  const std::string seen = pair.forwarded(text, {});
  CHECK(seen.size() <= 255);
  CHECK(seen.size() > 250);
  const std::string cut = seen.substr(7, seen.size() - 7 - 3);
  CHECK(seen == "<alice>" + text.substr(0, cut.size()) + "\xE2\x80\xA6");
  CHECK((cut.size() % 5 == 0 || cut.size() % 5 == 2));
}

TEST_CASE("a text that is refused is dropped, counted and never acknowledged") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  client.send(0x30, "a bell \x07");
  client.send(0x30, "an escape \x1b[2J");
  client.send(0x30, "not UTF-8 \xFF");
  client.send(0x30, "a C1 control \xC2\x9B");
  client.send(0x30, "reordered \xE2\x80\xAE");
  client.send(0x30, chars(1001));
  client.expect_nothing();
  CHECK(hub.stat("drop_bad_text") == 6);
  CHECK(hub.admin_ok({"list-posts", "--json"}).empty());
  client.post(chars(1000));
}

TEST_CASE("retrieve's n in all its forms, each ended exactly once") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  for (const char* text : {"1", "2", "3", "4", "5", "6"}) alice.post(text);
  bob.subscribe("alice");
  const auto texts = [](int n) {
    std::vector<std::string> out;
    for (int i = 6; i > 6 - n; --i) out.push_back("<alice>" + std::to_string(i));
    return out;
  };
  CHECK(bob.retrieve("3") == texts(3));
  CHECK(bob.retrieve("3\n") == texts(3));
  CHECK(bob.retrieve("2 please") == texts(2));
  CHECK(bob.retrieve("0004") == texts(4));
  CHECK(bob.retrieve("100") == texts(6));
  CHECK(bob.retrieve("99999999999") == texts(6));
  CHECK(bob.retrieve("0").empty());
  CHECK(bob.retrieve("-1").empty());
  CHECK(bob.retrieve("all").empty());
  CHECK(bob.retrieve("").empty());
  const auto with_length = [&](int length, const std::string& behind) {
    bob.send(0x40, "", {.length = length, .behind = behind});
    std::vector<std::string> out;
    Received received = bob.receive();
    for (; received.opcode == 0xC0; received = bob.receive()) out.push_back(received.payload);
    CHECK(received.opcode == 0xC1);
    return out;
  };
  CHECK(with_length(5, "") == texts(5));  // n in the length byte, no body
  CHECK(with_length(255, "") == texts(6));
  CHECK(with_length(1, std::string("2\0stale", 7)) == texts(2));
  bob.expect_nothing();
}

TEST_CASE("more than 200 asked for is served as 200, newest first, into a default buffer") {
  const TestHub hub;
  RawClient alice = hub.online("alice");
  RawClient bob = hub.online("bob");
  RawClient carol = hub.online("carol");
  const std::string filler = chars(200);
  for (int i = 0; i < 70; ++i) {
    for (RawClient* author : {&alice, &bob, &carol}) author->post(std::to_string(i) + filler);
  }
  for (const char* id : {"alice", "bob", "carol"}) carol.subscribe(id);
  carol.send(0x40, "255");
  alice.round_trip();  // the hub has begun; nothing is read from carol's socket meanwhile
  std::vector<std::uint32_t> ids;
  for (Received received = carol.receive(); received.opcode == 0xC0; received = carol.receive()) {
    ids.push_back(received.msg_id);
  }
  CHECK(ids.size() == 200);
  CHECK(std::is_sorted(ids.rbegin(), ids.rend()));
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  carol.expect_nothing();
}

TEST_CASE("a logout may carry a payload") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  client.ask(0x1F, "alice", 0x8F);
  client.ask(0x30, "gone", 0xF0);
  client.login("alice", "alice_pw");
  client.ask(0x1F, "", 0x8F, {.length = 200, .behind = chars(1024)});
  client.ask(0x30, "gone", 0xF0);
}

TEST_CASE("ports below 1024, and fixed ports used again by somebody else") {
  const TestHub hub;
  std::uint16_t port = 0;
  {
    RawClient alice = hub.online("alice");
    port = alice.own_port();
    alice.ask(0x1F, "", 0x8F);
  }
  {
    RawClient bob = hub.online("bob", {.source_port = port});  // and ends without a logout
    bob.post("from a port that was alice's");
  }
  RawClient carol = hub.online("carol", {.source_port = port});
  carol.post("from a port that was bob's");
  carol.expect_nothing();
  for (std::uint16_t low = 1023; low > 900; --low) {
    try {
      RawClient client = hub.raw({.source = "127.0.0.1", .source_port = low});
      client.login("alice", "alice_pw");
      client.post("from port " + std::to_string(low));
      return;
    } catch (const std::system_error& error) {
      if (error.code() == std::errc::permission_denied) {
        WARN("not allowed to bind a port below 1024: not tested");
        return;
      }
    }
  }
  FAIL("no port below 1024 is free");
}

}  // namespace hub::test
