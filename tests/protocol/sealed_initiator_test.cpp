#include <algorithm>
#include <variant>

#include <catch2/catch.hpp>

#include "protocol/sealed/initiator.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/support/sealed_end.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace std::chrono_literals;
using hub::test::SeededRandom;

namespace {

using Buffer = std::vector<std::uint8_t>;

const TimePoint kStart{1h};

struct World {
  explicit World(unsigned seed = 1) : random(seed) {}

  SeededRandom random;
  TimePoint now = kStart;
  KeyPair server = generate_key_pair(random);
  Responder responder{{}, {server}, Key{}, 1, random};

  Initiator greeting() { return {server.public_key, random, now}; }
  // What it sends when it is due.
  Buffer sent(Initiator& initiator) {
    now = std::max(now, initiator.next_timeout());
    Buffer out;
    REQUIRE(initiator.poll_transmit(now, out));
    return out;
  }
  Buffer answer(Bytes datagram) {
    Buffer out;
    responder.on_stranger(hub::test::hub_path(1).remote, datagram, now, out);
    return out;
  }
};

template <class Event>
bool is(const std::optional<InitiatorEvent>& event) {
  return event && std::holds_alternative<Event>(*event);
}

Echo echo_of(const Buffer& hello) { return read_hello(hello)->echo; }

}  // namespace

TEST_CASE("a client greets and is welcomed, with the same keys on both sides") {
  World world;
  Initiator client = world.greeting();
  const Buffer hello = world.sent(client);
  CHECK(hello.size() == kHelloBytes);
  const auto event = client.on_datagram(world.answer(hello), world.now);
  REQUIRE(is<Established>(event));
  const auto& ours = std::get<Established>(*event);
  const HalfOpenConnection* half_open = world.responder.find(ours.theirs, world.now);
  REQUIRE(half_open != nullptr);
  const Established* theirs = &half_open->established;
  CHECK(theirs->ours == ours.theirs);
  CHECK(theirs->theirs == ours.ours);
  CHECK(theirs->keys.to_initiator == ours.keys.to_initiator);
  CHECK(theirs->keys.to_responder == ours.keys.to_responder);
  CHECK(theirs->keys.to_responder != theirs->keys.to_initiator);
  CHECK(theirs->keys.handshake_hash == ours.keys.handshake_hash);
  CHECK(ours.reset == reset_token(Key{}, ours.theirs));
}

TEST_CASE("an unanswered client sends the same again, with growing waits that chance lengthens") {
  const bool knows_key = GENERATE(true, false);
  CAPTURE(knows_key);
  World world;
  Initiator client = knows_key ? world.greeting() : Initiator({}, world.random, world.now);
  CHECK(client.next_timeout() == world.now);
  const Buffer first = world.sent(client);
  Buffer out;
  CHECK_FALSE(client.poll_transmit(world.now, out));  // a call too many
  CHECK(out.empty());
  Duration expected = 400ms;
  for (int i = 1; i < 12; ++i) {
    CAPTURE(i);
    CHECK(client.sends() == i);
    const Duration wait = client.next_timeout() - world.now;
    CHECK(wait >= expected);
    CHECK(wait < expected * 5 / 4);
    expected = std::min<Duration>(2 * expected, 3s);
    CHECK_FALSE(client.poll_transmit(client.next_timeout() - 1ns, out));
    CHECK(world.sent(client) == first);
  }
}

TEST_CASE("the waits of two clients are not in step") {
  std::vector<Duration> waits;
  for (unsigned seed = 0; seed < 20; ++seed) {
    World world(seed);
    Initiator client = world.greeting();
    world.sent(client);
    waits.push_back(client.next_timeout() - world.now);
  }
  std::sort(waits.begin(), waits.end());
  CHECK(std::unique(waits.begin(), waits.end()) == waits.end());
  CHECK(waits.back() - waits.front() > 50ms);
}

TEST_CASE("no two attempts share an ephemeral key, an ID or an echo") {
  World world;
  Initiator one = world.greeting();
  Initiator two = world.greeting();
  const Buffer first = world.sent(one);
  const Buffer second = world.sent(two);
  CHECK(echo_of(first) != echo_of(second));
  // The welcome of one is none for the other.
  const Buffer welcome = world.answer(first);
  CHECK_FALSE(two.on_datagram(welcome, world.now));
  CHECK(is<Established>(one.on_datagram(welcome, world.now)));
}

TEST_CASE("a client asked for a cookie sends it at once, in an otherwise equal hello") {
  World world;
  Initiator client = world.greeting();
  const Buffer hello = world.sent(client);
  Cookie cookie{};
  cookie.fill(7);
  Buffer asked;
  write_cookie({echo_of(hello), cookie}, asked);
  const TimePoint before = client.next_timeout();
  world.now += 10ms;
  CHECK_FALSE(client.on_datagram(asked, world.now));
  CHECK(client.next_timeout() == world.now);
  const Buffer again = world.sent(client);
  CHECK(world.now < before);
  CHECK(read_hello(again)->cookie == cookie);
  Buffer expected = hello;
  std::copy(cookie.begin(), cookie.end(), expected.begin() + 6);
  CHECK(again == expected);
  // The same cookie message again is a repeat.
  const TimePoint due = client.next_timeout();
  CHECK_FALSE(client.on_datagram(asked, world.now));
  CHECK(client.next_timeout() == due);
  // A cookie that goes unanswered three times may have expired: none, and so a fresh one.
  CHECK(world.sent(client) == expected);
  CHECK(world.sent(client) == expected);
  CHECK(world.sent(client) == hello);
}

TEST_CASE("one cookie message makes a client send one hello, whatever it says") {
  // Whoever sees a hello can answer it with ever other cookies, of 33 bytes; each must not cost a
  // hub 203.
  World world;
  Initiator client = world.greeting();
  const Buffer hello = world.sent(client);
  int sent = 0;
  for (int i = 1; i <= 100; ++i) {
    Cookie cookie{};
    cookie.fill(static_cast<std::uint8_t>(i));
    Buffer asked;
    write_cookie({echo_of(hello), cookie}, asked);
    client.on_datagram(asked, world.now);
    Buffer out;
    while (client.poll_transmit(world.now, out)) ++sent;
    world.now += 1ms;
  }
  CHECK(sent <= 2);
}

TEST_CASE("an answer with another's echo is passed over") {
  World world;
  Initiator client = world.greeting();
  const Buffer hello = world.sent(client);
  const TimePoint due = client.next_timeout();
  const Echo right = echo_of(hello);
  const Key other_key = generate_key_pair(world.random).public_key;
  for (std::size_t at = 0; at <= right.size(); ++at) {
    CAPTURE(at);
    const bool is_right = at == right.size();
    Echo echo = right;
    if (!is_right) echo[at] ^= 1;
    Buffer versions;
    write_versions({echo, {9}}, versions);
    CHECK(is<VersionRefused>(client.on_datagram(versions, world.now)) == is_right);
    Buffer keys;
    write_key_answer({echo, {other_key}}, keys);
    CHECK(is<KeysOffered>(client.on_datagram(keys, world.now)) == is_right);
    Cookie cookie{};
    cookie.fill(3);
    Buffer asked;
    write_cookie({echo, cookie}, asked);
    CHECK_FALSE(client.on_datagram(asked, world.now));
    CHECK((client.next_timeout() < due) == is_right);
  }
}

TEST_CASE("an answer that says we are right is no answer") {
  World world;
  Initiator client = world.greeting();
  const Echo echo = echo_of(world.sent(client));
  const Key other = generate_key_pair(world.random).public_key;
  Buffer keys;
  write_key_answer({echo, {other, world.server.public_key}}, keys);  // a rotation
  CHECK_FALSE(client.on_datagram(keys, world.now));
  Buffer versions;
  write_versions({echo, {2, kSealedVersion}}, versions);
  CHECK_FALSE(client.on_datagram(versions, world.now));
}

TEST_CASE("a client without a key asks for it and believes nothing else") {
  World world;
  Initiator client({}, world.random, world.now);
  const Buffer request = world.sent(client);
  CHECK(request.size() == kHelloBytes);
  const auto nonce = read_key_request(request);
  REQUIRE(nonce);
  Buffer versions;
  write_versions({*nonce, {9}}, versions);
  CHECK_FALSE(client.on_datagram(versions, world.now));
  Buffer cookie;
  write_cookie({*nonce, Cookie{1}}, cookie);
  CHECK_FALSE(client.on_datagram(cookie, world.now));
  Buffer welcome;
  write_welcome(0, Buffer(73), welcome);
  CHECK_FALSE(client.on_datagram(welcome, world.now));
  const auto event = client.on_datagram(world.answer(request), world.now);
  REQUIRE(is<KeysOffered>(event));
  CHECK(std::get<KeysOffered>(*event).keys == std::vector<Key>{world.server.public_key});
}

TEST_CASE("a client with another key, or another version, is told so by the hub") {
  World world;
  Initiator client(generate_key_pair(world.random).public_key, world.random, world.now);
  Buffer hello = world.sent(client);
  const auto keys = client.on_datagram(world.answer(hello), world.now);
  REQUIRE(is<KeysOffered>(keys));
  CHECK(std::get<KeysOffered>(*keys).keys == std::vector<Key>{world.server.public_key});

  hello[1] = 9;
  const auto versions = read_versions(world.answer(hello));
  REQUIRE(versions);
  CHECK(versions->echo == echo_of(hello));
  CHECK(versions->versions == Buffer{kSealedVersion});
}

TEST_CASE("a server key of low order is greeted by nobody") {
  World world;
  Initiator client(Key{}, world.random, world.now);
  Buffer out;
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(client.poll_transmit(client.next_timeout(), out));
  }
  CHECK(out.empty());
  CHECK(client.next_timeout() > world.now);  // and no busy loop
}

TEST_CASE("a welcome with any bit flipped is passed over, and the true one still counts") {
  World world;
  Initiator client = world.greeting();
  const Buffer welcome = world.answer(world.sent(client));
  const TimePoint due = client.next_timeout();
  for (std::size_t bit = 0; bit < 8 * welcome.size(); ++bit) {
    Buffer flipped = welcome;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    if (client.on_datagram(flipped, world.now)) FAIL("bit " << bit);
  }
  CHECK(client.next_timeout() == due);
  CHECK(is<Established>(client.on_datagram(welcome, world.now)));
}

TEST_CASE("a welcome sealed by somebody with another static key is passed over") {
  World world;
  Initiator client = world.greeting();
  const Buffer hello = world.sent(client);
  // It says to be the same key, and cannot open the hello; so it makes up a welcome.
  const KeyPair false_static = generate_key_pair(world.random);
  Initiator victim(false_static.public_key, world.random, world.now);
  Responder liar({}, {false_static}, Key{}, 1, world.random);
  Buffer answer;
  Buffer other_hello;
  victim.poll_transmit(world.now, other_hello);
  liar.on_stranger({}, other_hello, world.now, answer);
  const auto id = client.on_datagram(world.answer(hello), world.now);
  REQUIRE(is<Established>(id));
  Buffer renamed;
  write_welcome(std::get<Established>(*id).ours, read_welcome(answer)->noise, renamed);
  CHECK_FALSE(client.on_datagram(renamed, world.now));
}
