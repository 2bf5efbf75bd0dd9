// Addresses: which are listened on, which are answered from, which are let in, and how many bytes
// an address that has proved nothing can make the hub send.
#include <catch2/catch.hpp>

#include "tests/e2e/listings.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

/// A hub that listens on `address`, with the standard accounts.
struct ListeningHub {
  explicit ListeningHub(const std::vector<std::string>& flags)
      : hub({.start = false}),
        hubd({.data = hub.data(), .log = hub.scratch() / "hubd.log", .flags = flags}) {}

  RawClient raw(const std::string& address, const std::string& source = {}) const {
    return RawClient({.hub = address, .port = hubd.port(), .source = source});
  }

  /// Of the second --listen, which is on 127.0.0.2: its line follows that of the first.
  std::uint16_t second_port() const {
    static const std::string line = "listening on 127.0.0.2:";
    for (const Deadline deadline; !deadline.over();) {
      const std::string log = read_whole(hub.scratch() / "hubd.log");
      const std::size_t at = log.find(line);
      if (at == std::string::npos || log.find('\n', at) == std::string::npos) continue;
      return static_cast<std::uint16_t>(std::stoul(log.substr(at + line.size())));
    }
    throw Unexpected("hubd does not listen on its second address");
  }

  TestHub hub;
  HubdProcess hubd;
};

bool has_ipv6_loopback() {
  try {
    RawClient probe({.hub = "::1", .port = 9, .source = "::1"});
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

void check_served(RawClient client, const std::string& expected_source, std::uint16_t port) {
  const Received reply = client.ask(0x10, "alice&alice_pw", 0x80, {.token = 0});
  CHECK(reply.from == expected_source + ":" + std::to_string(port));
  client.set_token(reply.token);
  client.subscribe("alice");
  client.post("hello");
  CHECK(client.expect(0xB1).from == expected_source + ":" + std::to_string(port));
  client.ask(0x1F, "", 0x8F);
}

/// The address of the first interface that is not loopback; empty where there is none.
std::string outside_address() {
  const Finished finished = run({.argv = {"hostname", "-I"}});
  const std::string first = finished.output.substr(0, finished.output.find_first_of(" \n"));
  return first.find('.') == std::string::npos ? "" : first;
}

}  // namespace

TEST_CASE("a hub on the IPv6 loopback address") {
  if (!has_ipv6_loopback()) {
    WARN("no IPv6 here: not tested");
    return;
  }
  const ListeningHub listening({"--listen", "[::1]:0"});
  check_served(listening.raw("::1"), "[::1]", listening.hubd.port());
}

TEST_CASE("a wildcard socket answers from the address that was asked") {
  const std::string wildcard = GENERATE("0.0.0.0:0", "[::]:0");
  CAPTURE(wildcard);
  if (wildcard.front() == '[' && !has_ipv6_loopback()) return;
  const ListeningHub listening({"--listen", wildcard});
  const std::uint16_t port = listening.hubd.port();
  check_served(listening.raw("127.0.0.1"), "127.0.0.1", port);
  check_served(listening.raw("127.0.0.2"), "127.0.0.2", port);
  check_served(listening.raw("127.0.0.1", "127.0.0.3"), "127.0.0.1", port);
  if (wildcard.front() == '[') check_served(listening.raw("::1"), "[::1]", port);
}

TEST_CASE("after a restart a forward still leaves from the address that was asked") {
  TestHub hub({.start = false});
  HubdStart start{
      .data = hub.data(), .log = hub.scratch() / "hubd.log", .flags = {"--listen", "0.0.0.0:0"}};
  auto hubd = std::make_unique<HubdProcess>(start);
  const std::uint16_t port = hubd->port();
  RawClient bob({.hub = "127.0.0.2", .port = port});
  RawClient alice({.hub = "127.0.0.1", .port = port});
  bob.login("bob", "bob_pw");
  bob.subscribe("alice");
  alice.login("alice", "alice_pw");
  CHECK(hubd->stop() == 0);
  start.flags = {"--listen", "0.0.0.0:" + std::to_string(port)};
  hubd = std::make_unique<HubdProcess>(start);
  alice.post("hello");
  CHECK(bob.expect(0xB1).from == "127.0.0.2:" + std::to_string(port));
}

TEST_CASE("a sealed spoke is served, and told of a restart, from the address that it asked") {
  const std::string asked = GENERATE("127.0.0.2", "[::1]");
  CAPTURE(asked);
  if (asked.front() == '[' && !has_ipv6_loopback()) return;
  const std::string wildcard = has_ipv6_loopback() ? "[::]:" : "0.0.0.0:";
  TestHub hub({.start = false});
  HubdStart start{
      .data = hub.data(), .log = hub.scratch() / "hubd.log", .flags = {"--listen", wildcard + "0"}};
  auto hubd = std::make_unique<HubdProcess>(start);
  const std::string port = std::to_string(hubd->port());
  SpokeProcess bob = hub.online_spoke("bob", {.hub = asked + ":" + port});
  SpokeProcess alice = hub.online_spoke("alice", {.hub = "127.0.0.1:" + port});
  bob.subscribe("alice");
  bob.post("heard");
  CHECK(hubd->stop() == 0);
  start.flags = {"--listen", wildcard + port};
  hubd = std::make_unique<HubdProcess>(start);
  const Deadline soon(std::chrono::seconds(12));  // a keep-alive would come after 18
  wait_for_sessions(hub, {"alice", "bob"});
  CHECK_FALSE(soon.over());
  alice.post("hello");
  bob.expect("<alice>hello");
}

TEST_CASE("several --listen are one hub") {
  const ListeningHub listening({"--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"});
  const std::uint16_t port = listening.second_port();
  RawClient alice = listening.raw("127.0.0.1");
  RawClient bob({.hub = "127.0.0.2", .port = port});
  alice.login("alice", "alice_pw");
  bob.login("bob", "bob_pw");
  bob.subscribe("alice");
  alice.post("across");
  CHECK(bob.expect(0xB1).payload == "<alice>across");
  CHECK(bob.round_trip().empty());
}

TEST_CASE("the classic framing is for loopback unless the hub is told otherwise") {
  const std::string outside = outside_address();
  if (outside.empty()) {
    WARN("no address but loopback here: not tested");
    return;
  }
  const std::string access = GENERATE("loopback", "any", "off", "");
  CAPTURE(access);
  std::vector<std::string> flags = {"--listen", "0.0.0.0:0"};
  if (!access.empty()) flags.insert(flags.end(), {"--classic", access});
  const ListeningHub listening(flags);
  RawClient inside = listening.raw("127.0.0.1");
  RawClient remote = listening.raw(outside, outside);
  if (access == "any") {
    check_served(listening.raw(outside, outside), outside, listening.hubd.port());
  } else {
    remote.send(0x30, "let me in");
    remote.send(0x10, "alice&alice_pw");
  }
  if (access == "off") {
    inside.send(0x30, "me too");
    // Nothing answers, so what shows that it has been read is the counter, asked for until it is.
    const Deadline deadline;
    while (listening.hub.stat("drop_classic_refused") < 3 && !deadline.over()) {
    }
    CHECK_FALSE(inside.receive_now());
  } else {
    inside.ask(0x30, "too early", 0xF0);
  }
  CHECK_FALSE(remote.receive_now());
}

TEST_CASE("an address that has proved nothing gets no more bytes than it sent, opcode by opcode") {
  const TestHub hub;
  RawClient witness = hub.online("carol");
  const RawClient victim = hub.online("alice");
  const std::vector<std::string> payloads = {"",      "x",           "20",
                                             "alice", "alice&wrong", std::string(400, 'y')};
  std::size_t answers = 0;
  for (int opcode = 0; opcode <= 0xFF; ++opcode) {
    for (const std::uint32_t token : {0u, victim.token(), 0xFFFFFFFFu}) {
      CAPTURE(opcode, token);
      // An address of its own for each, so that no limit on answers hides one.
      RawClient stranger = hub.raw({.source = "127.0.1." + std::to_string(opcode)});
      for (const std::string& payload : payloads) stranger.send(opcode, payload, {.token = token});
      witness.expect_nothing();  // all of it has been looked at
      for (int i = 0; opcode == 0x10 && i < 5; ++i) stranger.expect(0x81);  // a thread stretches
      while (stranger.receive_now()) ++answers;
      CHECK(stranger.bytes_received() <= stranger.bytes_sent());
    }
  }
  CHECK(answers > 128);  // it is not silence that was measured
}

TEST_CASE("answers to strangers are limited, and those who are logged in do not notice") {
  const TestHub hub;
  RawClient member = hub.online("alice");
  RawClient stranger = hub.raw();
  int answers = 0;
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 100; ++j) stranger.send(0x30, "who am I?");
    member.expect_nothing();
    while (stranger.receive_now()) ++answers;
  }
  CHECK(answers > 0);
  CHECK(answers < 2000);
  CHECK(hub.stat("drop_unauthenticated_rate") > 0);
  member.post("all is well");
}

}  // namespace hub::test
