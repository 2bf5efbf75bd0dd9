#include <algorithm>
#include <set>
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

Endpoint at(std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port = 40'000) {
  return {IpAddress::v4(10, b, c, d), port, 0};
}
const Endpoint kHere = at(0, 0, 1);

ResponderConfig generous() {
  ResponderConfig config;
  config.hellos_per_second = config.answers_per_second = 1'000'000;
  config.calm_hellos_per_second = config.proven_hellos_per_second = 1'000'000;
  return config;
}

struct World {
  explicit World(const ResponderConfig& config = {}) : config_(config) {}

  ResponderConfig config_;
  SeededRandom random{1};
  TimePoint now{1h};
  KeyPair server = generate_key_pair(random);
  Key reset_key = generate_key_pair(random).secret;
  Responder hub{config_, {server}, reset_key, 1, random};
  Buffer answer;  // the last

  Buffer hello() {
    Initiator client(server.public_key, random, now);
    Buffer out;
    REQUIRE(client.poll_transmit(now, out));
    return out;
  }
  Answer ask(const Endpoint& from, Bytes datagram) {
    answer.clear();
    return hub.on_stranger(from, datagram, now, answer);
  }
  static Buffer with_cookie(Buffer hello, const Cookie& cookie) {
    std::copy(cookie.begin(), cookie.end(), hello.begin() + 6);
    return hello;
  }
  // A cookie for this address, as a hello that comes too fast is given one.
  Cookie cookie_for(const Endpoint& from) {
    for (int i = 0; i < 10'000; ++i) {
      if (ask(from, hello()) == Answer::kCookie) return read_cookie(answer)->cookie;
    }
    FAIL("no cookie asked for");
    return {};
  }
};

ResponderConfig always_cookie() {
  ResponderConfig config = generous();
  config.half_open_calm = 0;
  return config;
}

}  // namespace

TEST_CASE("the same hello again gets the same welcome, byte for byte, and is one connection") {
  World world;
  const Buffer hello = world.hello();
  REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
  const Buffer welcome = world.answer;
  world.now += 4s;
  CHECK(world.ask(kHere, hello) == Answer::kWelcome);
  CHECK(world.answer == welcome);
  CHECK(world.ask(at(9, 9, 9), hello) == Answer::kWelcome);  // its client may have moved
  CHECK(world.answer == welcome);
  CHECK(world.hub.half_open() == 1);
  REQUIRE(world.ask(kHere, world.hello()) == Answer::kWelcome);
  CHECK(world.hub.half_open() == 2);
}

TEST_CASE("a half-open connection lives for five seconds") {
  World world;
  CHECK_FALSE(world.hub.next_timeout());
  REQUIRE(world.ask(kHere, world.hello()) == Answer::kWelcome);
  const TimePoint end = world.now + 5s;
  CHECK(world.hub.next_timeout() == end);
  world.hub.on_timeout(end - 1ns);
  CHECK(world.hub.half_open() == 1);
  world.hub.on_timeout(end);
  CHECK(world.hub.half_open() == 0);
  CHECK_FALSE(world.hub.next_timeout());
}

TEST_CASE("a half-open connection that has expired is not found, whether swept or not") {
  World world;
  const Buffer hello = world.hello();
  Initiator client(world.server.public_key, world.random, world.now);
  Buffer out;
  client.poll_transmit(world.now, out);
  REQUIRE(world.ask(kHere, out) == Answer::kWelcome);
  const Buffer welcome = world.answer;
  const auto event = client.on_datagram(welcome, world.now);
  const ConnectionId id = std::get<Established>(*event).theirs;
  CHECK(world.hub.find(id, world.now + 5s - 1ns) != nullptr);
  CHECK(world.hub.find(id, world.now + 5s) == nullptr);
  CHECK(world.hub.find(id ^ 1, world.now) == nullptr);
  // And a hello that comes again then begins anew: the old welcome would lead nowhere.
  world.now += 5s;
  CHECK(world.ask(kHere, out) == Answer::kWelcome);
  CHECK(world.answer != welcome);
  CHECK(world.hub.half_open() == 1);
}

TEST_CASE("a hello that comes again once its connection exists is another handshake") {
  World world;
  Initiator client(world.server.public_key, world.random, world.now);
  Buffer hello;
  client.poll_transmit(world.now, hello);
  REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
  const Buffer welcome = world.answer;
  const auto event = client.on_datagram(welcome, world.now);
  const auto& made = std::get<Established>(*event);
  const Established taken = world.hub.take(made.theirs).established;
  CHECK(world.hub.half_open() == 0);
  CHECK_FALSE(world.hub.next_timeout());
  CHECK(world.hub.find(made.theirs, world.now) == nullptr);
  REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
  CHECK(world.answer != welcome);
  // Other keys and another ID: nothing sent under the first can be meant by it.
  const auto again = client.on_datagram(world.answer, world.now);
  REQUIRE(again);
  const auto& second = std::get<Established>(*again);
  CHECK(second.theirs != made.theirs);
  CHECK(second.keys.to_responder != taken.keys.to_responder);
  CHECK(second.keys.to_initiator != taken.keys.to_initiator);
}

TEST_CASE("the table of half-open connections is bounded, and empties by itself") {
  ResponderConfig config = generous();
  config.half_open = 50;
  config.half_open_calm = 100;
  World world(config);
  Buffer first;
  for (int i = 0; i < 50; ++i) {
    const Buffer hello = world.hello();
    if (i == 0) first = hello;
    REQUIRE(world.ask(at(0, 0, 1), hello) == Answer::kWelcome);
    world.now += 10ms;
  }
  CHECK(world.ask(kHere, world.hello()) == Answer::kNothingFull);
  CHECK(world.answer.empty());
  CHECK(world.hub.half_open() == 50);
  CHECK(world.ask(kHere, first) == Answer::kWelcome);  // a repeat needs no room
  world.now += 5s - 500ms;                             // the first one's time is over
  CHECK(world.ask(kHere, world.hello()) == Answer::kWelcome);
  CHECK(world.hub.half_open() == 50);
}

TEST_CASE("connections are taken in any order, and timers follow") {
  World world(generous());
  std::vector<ConnectionId> ids;
  for (int i = 0; i < 6; ++i) {
    Initiator client(world.server.public_key, world.random, world.now);
    Buffer hello;
    client.poll_transmit(world.now, hello);
    REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
    const auto event = client.on_datagram(world.answer, world.now);
    ids.push_back(std::get<Established>(*event).theirs);
    world.now += 100ms;
  }
  const TimePoint first = world.now - 600ms + 5s;
  CHECK(world.hub.next_timeout() == first);
  world.hub.take(ids[1]);
  CHECK(world.hub.next_timeout() == first);
  world.hub.take(ids[0]);
  CHECK(world.hub.next_timeout() == first + 200ms);
  world.hub.take(ids[5]);
  world.hub.on_timeout(first + 300ms);
  CHECK(world.hub.half_open() == 1);
  CHECK(world.hub.next_timeout() == first + 400ms);
  world.hub.on_timeout(first + 10s);
  CHECK(world.hub.half_open() == 0);
}

TEST_CASE("a cookie is asked for under load, and with it a client gets in") {
  ResponderConfig config = generous();
  config.half_open_calm = 3;
  World world(config);
  for (int i = 0; i < 3; ++i) REQUIRE(world.ask(kHere, world.hello()) == Answer::kWelcome);
  const Buffer hello = world.hello();
  REQUIRE(world.ask(kHere, hello) == Answer::kCookie);
  CHECK(world.hub.half_open() == 3);  // nothing kept
  const auto asked = read_cookie(world.answer);
  REQUIRE(asked);
  CHECK(asked->echo == read_hello(hello)->echo);
  const Buffer proven = World::with_cookie(hello, asked->cookie);
  CHECK(world.ask(kHere, proven) == Answer::kWelcome);
  CHECK(world.hub.half_open() == 4);
  const Buffer welcome = world.answer;
  CHECK(world.ask(kHere, proven) == Answer::kWelcome);
  CHECK(world.answer == welcome);
}

TEST_CASE("a cookie is asked of a prefix that greets too fast, and of that one alone") {
  World world;
  int welcomes = 0;
  while (world.ask(at(0, 0, 1), world.hello()) == Answer::kWelcome) ++welcomes;
  CHECK(welcomes == 100);  // fifty a second, and as many again at once
  CHECK(read_cookie(world.answer));
  CHECK(world.ask(at(0, 0, 2), world.hello()) == Answer::kWelcome);
  world.now += 1s;
  for (int i = 0; i < 50; ++i) CHECK(world.ask(at(0, 0, 1), world.hello()) == Answer::kWelcome);
  CHECK(world.ask(at(0, 0, 1), world.hello()) == Answer::kCookie);
}

TEST_CASE("what is answered to a prefix without a connection is limited") {
  ResponderConfig config = always_cookie();
  config.answers_per_second = 10;
  config.cookies_per_second = 4;
  World world(config);
  Buffer other_version = world.hello();
  other_version[1] = 9;
  Buffer request;
  write_key_request({}, request);
  Buffer other_key = world.hello();
  other_key[2] ^= 1;
  int answers = 0;
  int nothing = 0;
  for (int i = 0; i < 10; ++i) {
    for (const Buffer& one : {world.hello(), other_version, request, other_key}) {
      if (world.ask(kHere, one) == Answer::kNothingRate) {
        ++nothing;
        CHECK(world.answer.empty());
      } else {
        ++answers;
        CHECK(world.answer.size() <= one.size());
      }
    }
  }
  CHECK(answers == 20 + 8);
  CHECK(nothing == 10 + 2);
}

TEST_CASE("hellos from everywhere are asked for cookies long before they keep a hub busy") {
  // Forged ones too: finding that out costs as much as a handshake.
  const bool forged = GENERATE(false, true);
  CAPTURE(forged);
  ResponderConfig config;
  config.calm_hellos_per_second = 200;
  World world(config);
  int worked = 0;
  for (int i = 0; i < 2'000; ++i) {
    Buffer hello = world.hello();
    if (forged) hello.back() ^= 1;
    const Answer answer =
        world.ask(at(static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1), hello);
    worked += answer == Answer::kWelcome || answer == Answer::kNothingForged ? 1 : 0;
    world.now += 100us;
  }
  CHECK(worked >= 400);
  CHECK(worked <= 400 + 41);  // twice the rate at once, and 200 ms of it
  // Who answers the cookie gets in.
  const Endpoint honest = at(200, 0, 1);
  world.ask(at(201, 0, 1), world.hello());  // what has become free meanwhile
  const Buffer hello = world.hello();
  REQUIRE(world.ask(honest, hello) == Answer::kCookie);
  CHECK(world.ask(honest, World::with_cookie(hello, read_cookie(world.answer)->cookie)) ==
        Answer::kWelcome);
}

TEST_CASE("one address with a cookie cannot take all the room there is") {
  ResponderConfig config;
  // In the five seconds of a half-open connection, from nothing.
  CHECK(7 * config.proven_hellos_per_second < config.half_open);
  config.half_open = 600;
  config.half_open_calm = 100;
  config.proven_hellos_per_second = 50;
  World world(config);
  const Cookie cookie = world.cookie_for(kHere);
  int welcomes = 0;
  int refused = 0;
  for (int i = 0; i < 2'000 && world.hub.half_open() < config.half_open; ++i) {
    const Answer answer = world.ask(kHere, World::with_cookie(world.hello(), cookie));
    welcomes += answer == Answer::kWelcome ? 1 : 0;
    refused += answer == Answer::kNothingRate ? 1 : 0;
    world.now += 2'500us;
  }
  CHECK(world.hub.half_open() < config.half_open);
  CHECK(refused > welcomes);
  const Endpoint honest = at(200, 0, 1);
  const Buffer hello = world.hello();
  REQUIRE(world.ask(honest, hello) == Answer::kCookie);
  CHECK(world.ask(honest, World::with_cookie(hello, read_cookie(world.answer)->cookie)) ==
        Answer::kWelcome);
}

TEST_CASE("who is expected back may exceed the rate of its prefix, and not fill the table") {
  ResponderConfig config;
  config.half_open = 600;
  config.half_open_calm = 0;
  config.proven_hellos_per_second = 10;
  World world(config);
  const Cookie cookie = world.cookie_for(kHere);
  const auto welcomes = [&](int hellos) {
    int count = 0;
    for (int i = 0; i < hellos; ++i) {
      const Buffer proven = World::with_cookie(world.hello(), cookie);
      count += world.ask(kHere, proven) == Answer::kWelcome ? 1 : 0;
    }
    return count;
  };
  CHECK(welcomes(50) == 20);
  SECTION("so many times") {
    world.hub.expect(kHere.ip.prefix(), 30);
    world.hub.expect(kHere.ip.prefix(), 10);
    CHECK(welcomes(100) == 40);
    CHECK(welcomes(10) == 0);
  }
  SECTION("up to three quarters of the table") {
    world.hub.expect(kHere.ip.prefix(), 10'000);
    CHECK(welcomes(700) == 450 - 20);
    const Endpoint honest = at(200, 0, 1);
    const Buffer hello = world.hello();
    REQUIRE(world.ask(honest, hello) == Answer::kCookie);
    CHECK(world.ask(honest, World::with_cookie(hello, read_cookie(world.answer)->cookie)) ==
          Answer::kWelcome);
  }
  SECTION("nobody else, and nobody any more") {
    world.hub.expect(at(7, 7, 7).ip.prefix(), 100);
    CHECK(welcomes(10) == 0);
    world.hub.expect(kHere.ip.prefix(), 100);
    world.hub.expect_nobody();
    CHECK(welcomes(10) == 0);
  }
}

TEST_CASE("a cookie holds for the address and port it was given to, and every bit of it counts") {
  World world(always_cookie());
  const Cookie cookie = world.cookie_for(kHere);
  const auto judged = [&](const Endpoint& from, const Cookie& shown) {
    return world.ask(from, World::with_cookie(world.hello(), shown));
  };
  CHECK(judged(kHere, cookie) == Answer::kWelcome);
  CHECK(judged(at(0, 0, 2), cookie) == Answer::kNothingCookie);
  CHECK(judged(at(0, 0, 1, 40'001), cookie) == Answer::kNothingCookie);
  CHECK(judged(at(0, 0, 1, 40'000 ^ 0x100), cookie) == Answer::kNothingCookie);
  for (std::size_t bit = 0; bit < 128; ++bit) {
    Cookie other = cookie;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    if (judged(kHere, other) != Answer::kNothingCookie) FAIL("bit " << bit);
    CHECK(world.answer.empty());
  }
  SeededRandom other_random(2);
  Responder other_hub(always_cookie(), {world.server}, Key{}, 1, other_random);
  Buffer out;
  CHECK(other_hub.on_stranger(kHere, World::with_cookie(world.hello(), cookie), world.now, out) ==
        Answer::kNothingCookie);
}

TEST_CASE("a cookie holds for one to two minutes") {
  const auto age = GENERATE(as<Duration>(), 0s, 30s, 59s, 60s, 119s, 120s, 150s, 24h);
  const auto offset = GENERATE(as<Duration>(), 0s, 1s, 59s);
  World world(always_cookie());
  REQUIRE(world.ask(kHere, world.hello()) == Answer::kCookie);  // the secret is made now
  world.now += offset;
  const Cookie cookie = world.cookie_for(kHere);
  const Duration until = 120s - offset;
  // Somebody else comes now and then; or nobody does.
  const bool busy = GENERATE(true, false);
  const Buffer other = world.hello();
  for (TimePoint end = world.now + age; world.now < end;) {
    world.now = std::min<TimePoint>(end, busy ? world.now + 7s : end);
    if (busy) world.ask(at(1, 1, 1), other);
  }
  CAPTURE(age.count(), offset.count(), busy);
  const Answer answer = world.ask(kHere, World::with_cookie(world.hello(), cookie));
  if (age < 60s) CHECK(answer == Answer::kWelcome);
  if (age >= 127s) CHECK(answer == Answer::kNothingCookie);
  if (!busy) CHECK((answer == Answer::kWelcome) == (age < until));
}

TEST_CASE("a hello with any bit flipped opens nothing, and the true one still does") {
  World world(generous());
  World twin(generous());
  const Buffer hello = world.hello();
  REQUIRE(twin.hello() == hello);
  for (std::size_t bit = 0; bit < 8 * hello.size(); ++bit) {
    Buffer flipped = hello;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const Answer answer = world.ask(kHere, flipped);
    CAPTURE(bit);
    const std::size_t byte = bit / 8;
    const Answer expected = flipped[0] == 5 ? Answer::kKeys  // as a key request it is one
                            : byte == 0     ? Answer::kNothingMalformed
                            : byte == 1     ? Answer::kVersions
                            : byte < 6      ? Answer::kKeys
                            : byte < 22     ? Answer::kNothingCookie
                                            : Answer::kNothingForged;
    if (answer != expected || world.hub.half_open() != 0) FAIL("bit " << bit);
  }
  REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
  REQUIRE(twin.ask(kHere, hello) == Answer::kWelcome);
  CHECK(world.answer == twin.answer);  // not even randomness was used up
}

TEST_CASE("the hub answers a key request with all its keys and the nonce") {
  World world;
  const KeyPair next = generate_key_pair(world.random);
  world.hub.set_keys({world.server, next});
  Echo nonce{};
  nonce.fill(9);
  Buffer request;
  write_key_request(nonce, request);
  REQUIRE(world.ask(kHere, request) == Answer::kKeys);
  const auto answer = read_key_answer(world.answer);
  REQUIRE(answer);
  CHECK(answer->echo == nonce);
  CHECK(answer->keys == std::vector<Key>{world.server.public_key, next.public_key});
}

TEST_CASE("during a rotation both keys are welcomed, afterwards the new one alone") {
  World world;
  const KeyPair next = generate_key_pair(world.random);
  const auto greets = [&](const KeyPair& key) {
    Initiator client(key.public_key, world.random, world.now);
    Buffer hello;
    client.poll_transmit(world.now, hello);
    const Answer answer = world.ask(kHere, hello);
    const auto event = client.on_datagram(world.answer, world.now);
    return answer == Answer::kWelcome && event && std::holds_alternative<Established>(*event);
  };
  CHECK(greets(world.server));
  CHECK_FALSE(greets(next));
  world.hub.set_keys({world.server, next});
  CHECK(greets(world.server));
  CHECK(greets(next));
  world.hub.set_keys({next});
  CHECK_FALSE(greets(world.server));
  CHECK(greets(next));
}

TEST_CASE("a hello from a client that speaks no version of ours inside was changed on its way") {
  World world;
  const auto answered = [&](const Buffer& versions) {
    const KeyPair ephemeral = generate_key_pair(world.random);
    const KeyId id = key_id_of(world.server.public_key);
    NoiseInitiator noise(prologue(kSealedVersion, id), world.server.public_key, ephemeral);
    Buffer message;
    REQUIRE(noise.write_message1(hello_payload(5, versions), message));
    Buffer hello;
    write_hello(id, {}, message, hello);
    return world.ask(kHere, hello);
  };
  CHECK(answered({1}) == Answer::kWelcome);
  CHECK(answered({0}) == Answer::kNothingForged);
  CHECK(answered({}) == Answer::kNothingForged);
}

TEST_CASE("what is no hello and no key request is not answered") {
  World world;
  for (const Buffer& one : {Buffer{}, Buffer{1}, Buffer(203, 0), Buffer(1'200, 1), Buffer(25, 7)}) {
    CHECK(world.ask(kHere, one) == Answer::kNothingMalformed);
    CHECK(world.answer.empty());
  }
}

TEST_CASE("no hello is answered with more bytes than it has, and no connection ID comes twice") {
  World world(generous());
  std::set<ConnectionId> ids;
  for (int i = 0; i < 500; ++i) {
    Initiator client(world.server.public_key, world.random, world.now);
    Buffer hello;
    client.poll_transmit(world.now, hello);
    REQUIRE(world.ask(kHere, hello) == Answer::kWelcome);
    CHECK(world.answer.size() <= hello.size());
    const auto event = client.on_datagram(world.answer, world.now);
    REQUIRE(ids.insert(std::get<Established>(*event).theirs).second);
  }
}
