// Garbage, at the door and from inside: random, bit-flipped, truncated and oversized datagrams.
#include <random>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

constexpr int kBurst = 100;  // so many fit the hub's receive buffer, whatever their sizes here

std::string header(int opcode, std::uint32_t token, std::size_t length) {
  std::string out = "aZ";
  out += static_cast<char>(opcode);
  out += static_cast<char>(length);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(token >> shift);
  return out + std::string(4, '\0');
}

class Garbage {
 public:
  Garbage(unsigned seed, std::uint32_t token) : random_(seed) {
    for (const int opcode : {0x10, 0x20, 0x21, 0x30, 0x31, 0x40, 0x1F, 0x00}) {
      for (const std::string payload : {"", "alice&wrong", "bob", "20", "some text"}) {
        valid_.push_back(header(opcode, token, payload.size()) + payload);
      }
    }
  }

  std::string next() {
    switch (pick(4)) {
      case 0:
        return noise(pick(64));
      case 1:
        return "aZ" + noise(pick(300));
      case 2: {
        std::string flipped = any();
        for (std::size_t i = pick(4) + 1; i > 0; --i) {
          flipped[pick(flipped.size())] ^= static_cast<char>(1 << pick(8));
        }
        return flipped;
      }
      default: {
        const std::string whole = any();
        return whole.substr(0, pick(whole.size()));
      }
    }
  }

 private:
  std::size_t pick(std::size_t below) { return random_() % below; }
  const std::string& any() { return valid_[pick(valid_.size())]; }
  std::string noise(std::size_t size) {
    std::string out(size, '\0');
    for (char& byte : out) byte = static_cast<char>(random_());
    return out;
  }

  std::mt19937 random_;
  std::vector<std::string> valid_;
};

}  // namespace

TEST_CASE("a flood of garbage from outside leaves the hub serving") {
  const unsigned seed = 20240301;
  const TestHub hub;
  RawClient member = hub.online("alice");
  RawClient follower = hub.online("bob");
  follower.subscribe("alice");
  RawClient stranger = hub.raw();
  Garbage garbage(seed, member.token());  // the right token, from the wrong address
  for (int sent = 0; sent < 20'000; sent += kBurst) {
    CAPTURE(seed, sent);
    for (int i = 0; i < kBurst; ++i) stranger.send_bytes(garbage.next());
    REQUIRE_NOTHROW(member.expect_nothing());
    try {
      while (stranger.receive_now()) {
      }
    } catch (const Unexpected&) {  // answers with the garbage's own magic
    }
  }
  member.post("still here");
  CHECK(follower.expect(0xB1).payload == "<alice>still here");
  CHECK(hub.stat("datagrams_received") > 20'000);
  CHECK(hub.stat("drop_short") > 0);
  CHECK(hub.stat("drop_bad_magic") > 0);
  CHECK(hub.admin_ok({"list-sessions"}).find("carol") == std::string::npos);
}

TEST_CASE("a flood of garbage from inside a session leaves the others served") {
  const unsigned seed = 20240302;
  const TestHub hub;
  RawClient member = hub.online("alice");
  RawClient vandal = hub.online("bob");
  Garbage garbage(seed, vandal.token());
  for (int sent = 0; sent < 5'000; sent += kBurst) {
    CAPTURE(seed, sent);
    for (int i = 0; i < kBurst; ++i) vandal.send_bytes(garbage.next());
    REQUIRE_NOTHROW(member.expect_nothing());
    try {
      while (vandal.receive_now()) {
      }
    } catch (const Unexpected&) {
    }
  }
  member.post("still here");
  CHECK_NOTHROW(hub.admin_ok({"check"}));
}

TEST_CASE("datagrams as long as UDP allows are dropped and counted") {
  const TestHub hub;
  RawClient member = hub.online("alice");
  for (const std::size_t size : {kMaxReceiveBytes + 1, std::size_t{20'000}, std::size_t{65'507}}) {
    member.send_bytes(header(0x30, member.token(), 4) + std::string(size - 12, 'x'));
    member.expect_nothing();
  }
  member.send_bytes("");
  member.send_bytes("a");
  member.send_bytes(header(0x30, member.token(), 4).substr(0, 11));
  member.expect_nothing();
  CHECK(hub.stat("drop_oversized") == 3);
  CHECK(hub.stat("drop_short") == 3);
  member.post("and now one that is right");
}

TEST_CASE("client IDs that are none are refused and harm nobody") {
  const TestHub hub;
  RawClient client = hub.online("alice");
  for (const std::string& id : {std::string("a&b"), std::string("a#b"), std::string("\x1b[2J"),
                                std::string("a b"), std::string("\xC3\xA9"), std::string(32, 'a'),
                                std::string(255, 'a'), std::string(7'000, 'a')}) {
    CAPTURE(id.size());
    client.ask(0x20, id, 0x91);
    client.ask(0x21, id, 0xA1);
    client.ask(0x10, id + "&password", 0x81, {.token = 0});
  }
  client.ask(0x10, "alice&" + std::string(129, 'p'), 0x81, {.token = 0});
  client.post("still online");
}

}  // namespace hub::test
