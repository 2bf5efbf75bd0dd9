#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "protocol/crypto/noise.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/packet_keys.hpp"
#include "tests/support/golden.hpp"
#include "tests/support/grave.hpp"
#include "tests/support/sealed_end.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace std::chrono_literals;
using hub::test::seal_by_hand;
using hub::test::to_hex;

namespace {

using Buffer = std::vector<std::uint8_t>;

const TimePoint kStart{1h};
constexpr ConnectionId kTo = 0x0102030405060708;
const Duration kKeep = 300ms;

Key filled(std::uint8_t value) {
  Key out{};
  out.fill(value);
  return out;
}
const Key kFirst = filled(0x42);

struct Sender {
  explicit Sender(const KeyLimits& limits = {}) : key(kFirst, kStart, limits) {}

  SendKey key;
  TimePoint now = kStart;

  Buffer next(std::optional<std::uint64_t> acked, Buffer frames = {1}) {
    Buffer out = {0xAA, 0xBB};  // what was in the buffer before
    key.start(kTo, acked, now, out);
    out.insert(out.end(), frames.begin(), frames.end());
    key.finish(out, 2);
    REQUIRE(out[0] == 0xAA);
    out.erase(out.begin(), out.begin() + 2);
    return out;
  }
};

struct Receiver {
  ReceiveKey key{kFirst};
  TimePoint now = kStart;

  std::optional<Buffer> open(const Buffer& datagram) {
    const auto header = read_transport_header(datagram);
    REQUIRE(header);
    std::array<std::uint8_t, kMaxDatagramBytes> plain{};
    const auto frames = key.open(*header, datagram, kKeep, now, plain);
    if (!frames) return std::nullopt;
    return Buffer(frames->begin(), frames->end());
  }
};

bool phase_of(const Buffer& datagram) { return datagram[0] == 0x09; }
std::uint64_t number_of(const Buffer& datagram) { return read_transport_header(datagram)->number; }

constexpr KeyLimits small() {
  KeyLimits limits;
  limits.datagrams = 100;
  return limits;
}

}  // namespace

TEST_CASE("a transport header is type, phase, ID and number") {
  Buffer datagram = hub::test::from_hex("09 0102030405060708 00000000deadbeef");
  datagram.resize(kTransportOverhead + 1);
  const auto header = read_transport_header(datagram);
  REQUIRE(header);
  CHECK(header->phase);
  CHECK(header->id == kTo);
  CHECK(header->number == 0xdeadbeef);
  datagram[0] = 0x08;
  CHECK_FALSE(read_transport_header(datagram)->phase);
  for (int type = 0; type < 256; ++type) {
    datagram[0] = static_cast<std::uint8_t>(type);
    CHECK(read_transport_header(datagram).has_value() == (type == 0x08 || type == 0x09));
  }
  datagram[0] = 0x08;
  for (std::size_t size = 0; size < datagram.size(); ++size) {
    CHECK_FALSE(read_transport_header(Bytes(datagram).first(size)));
  }
  datagram.resize(kMaxDatagramBytes);
  CHECK(read_transport_header(datagram));
  datagram.resize(kMaxDatagramBytes + 1);
  CHECK_FALSE(read_transport_header(datagram));
}

TEST_CASE("a number that a varint cannot say is no datagram's") {
  Buffer datagram = hub::test::from_hex("08 0102030405060708 3fffffffffffffff");
  datagram.resize(kTransportOverhead + 1);
  CHECK(read_transport_header(datagram));
  datagram[9] = 0x40;
  std::fill_n(datagram.begin() + 10, 7, 0);
  CHECK_FALSE(read_transport_header(datagram));
}

TEST_CASE("a datagram is sealed under its number, its header authenticated") {
  Sender sender;
  for (std::uint64_t number = 0; number < 3; ++number) {
    CHECK(sender.key.next_number() == number);
    const Buffer frames(number + 1, static_cast<std::uint8_t>(number));
    const Buffer datagram = sender.next({}, frames);
    CHECK(datagram == seal_by_hand(kFirst, false, kTo, number, frames));
    CHECK(datagram.size() == frames.size() + kTransportOverhead);
    Receiver receiver;
    CHECK(receiver.open(datagram) == frames);
  }
}

TEST_CASE("a datagram begun and not finished uses up no number") {
  Sender sender;
  Buffer out;
  sender.key.start(kTo, {}, kStart, out);
  CHECK(sender.key.next_number() == 0);
  CHECK(number_of(sender.next({})) == 0);
}

TEST_CASE("a datagram with any bit flipped does not open and changes nothing") {
  Sender sender(small());
  Receiver receiver;
  Buffer last;
  for (int i = 0; i < 102; ++i) {  // the last two are under the next key
    last = sender.next(0, {1, 2, 3});
    if (i == 50) CHECK(receiver.open(last));
  }
  REQUIRE(phase_of(last));
  for (std::size_t bit = 0; bit < 8 * last.size(); ++bit) {
    Buffer flipped = last;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    if (read_transport_header(flipped) && receiver.open(flipped)) FAIL("bit " << bit);
  }
  CHECK_FALSE(receiver.key.next_timeout());  // no key was changed
  CHECK(receiver.open(last));
  CHECK(receiver.key.next_timeout() == kStart + kKeep);
}

TEST_CASE("the limits of a key are those written down") {
  CHECK(KeyLimits{}.datagrams == 4'194'304);
  CHECK(KeyLimits{}.interval == 1h);
}

TEST_CASE("a key is replaced after so many datagrams, and numbers run on") {
  Sender sender(small());
  Key key = kFirst;
  for (std::uint64_t number = 0; number < 350; ++number) {
    if (number > 0 && number % 100 == 0) key = rekey(key);
    const bool phase = number / 100 % 2 == 1;
    const Buffer expected = seal_by_hand(key, phase, kTo, number, Buffer{1});
    if (sender.next(number == 0 ? std::nullopt : std::optional(number - 1)) != expected) {
      FAIL("number " << number);
    }
  }
}

TEST_CASE("a key is replaced after an hour, though few datagrams went") {
  Sender sender;
  CHECK_FALSE(phase_of(sender.next({})));
  sender.now += 1h - 1ns;
  CHECK_FALSE(phase_of(sender.next(0)));
  sender.now += 1ns;
  CHECK(phase_of(sender.next(0)));  // number 2
  sender.now += 1h;
  CHECK(phase_of(sender.next(1)));  // nothing acknowledged under it yet
  CHECK_FALSE(phase_of(sender.next(2)));
  sender.now += 1h - 1ns;
  CHECK_FALSE(phase_of(sender.next(4)));
}

TEST_CASE("a key is replaced only once the peer has acknowledged something under it") {
  Sender sender(small());
  for (int i = 0; i < 150; ++i) REQUIRE_FALSE(phase_of(sender.next({})));
  CHECK(phase_of(sender.next(0)));  // number 150
  for (int i = 0; i < 130; ++i) REQUIRE(phase_of(sender.next(149)));
  CHECK_FALSE(phase_of(sender.next(150)));
}

TEST_CASE("a key is spent after twice its datagrams, whatever was not acknowledged") {
  Sender sender(small());
  for (int i = 0; i < 200; ++i) {
    REQUIRE_FALSE(sender.key.is_spent());
    sender.next({});
  }
  CHECK(sender.key.is_spent());
  Sender followed(small());
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    followed.next(i == 0 ? 0 : i - 1);
    REQUIRE_FALSE(followed.key.is_spent());
  }
}

TEST_CASE("no key and number come together twice") {
  std::mt19937 dice(1);
  Sender sender(small());
  std::set<std::pair<Key, std::uint64_t>> used;
  std::map<bool, Key> keys = {{false, kFirst}, {true, rekey(kFirst)}};
  bool phase = false;
  std::optional<std::uint64_t> acked;
  for (int i = 0; i < 2'000; ++i) {
    const Buffer datagram = sender.next(acked);
    if (phase_of(datagram) != phase) {
      phase = !phase;
      keys[!phase] = rekey(keys[phase]);
    }
    const std::uint64_t number = number_of(datagram);
    // It is really this key.
    REQUIRE(datagram == seal_by_hand(keys[phase], phase, kTo, number, Buffer{1}));
    REQUIRE(used.emplace(keys[phase], number).second);
    if (dice() % 30 == 0) acked = number;
  }
  CHECK(sender.key.next_number() == 2'000);
}

TEST_CASE("datagrams out of order around a change of keys all open") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  std::mt19937 dice(seed);
  Sender sender(small());
  Receiver receiver;
  std::vector<Buffer> sent;
  for (std::uint64_t i = 0; i < 500; ++i) {
    sent.push_back(sender.next(i == 0 ? 0 : i - 1, {1, static_cast<std::uint8_t>(i)}));
  }
  // Each up to 40 places late.
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < sent.size(); ++i) order.emplace_back(i + dice() % 40, i);
  std::sort(order.begin(), order.end());
  for (const auto& [when, i] : order) {
    CAPTURE(i);
    REQUIRE(receiver.open(sent[i]) == Buffer{1, static_cast<std::uint8_t>(i)});
    REQUIRE(receiver.open(sent[i]));  // judging repeats is the replay window's
    receiver.now += 1ms;
    receiver.key.on_timeout(receiver.now);
  }
}

TEST_CASE("the previous key is kept for a while and no longer") {
  Sender sender(small());
  Receiver receiver;
  std::vector<Buffer> sent;
  for (std::uint64_t i = 0; i < 110; ++i) sent.push_back(sender.next(0));
  REQUIRE(receiver.open(sent[10]));
  CHECK_FALSE(receiver.key.next_timeout());
  REQUIRE(receiver.open(sent[105]));
  CHECK(receiver.key.next_timeout() == kStart + kKeep);
  receiver.now += 10ms;
  CHECK(receiver.open(sent[100]));  // the first under the new key, late
  CHECK(receiver.open(sent[99]));   // the last under the previous one
  CHECK(receiver.key.next_timeout() == kStart + kKeep);
  receiver.key.on_timeout(kStart + kKeep - 1ns);
  CHECK(receiver.open(sent[98]));
  receiver.key.on_timeout(kStart + kKeep);
  CHECK_FALSE(receiver.key.next_timeout());
  receiver.now = kStart + kKeep;
  CHECK_FALSE(receiver.open(sent[97]));
  CHECK(receiver.open(sent[101]));
  CHECK(receiver.open(sent[109]));
}

TEST_CASE("a second change of keys while the previous key is kept") {
  Sender sender(small());
  Receiver receiver;
  std::vector<Buffer> sent;
  for (std::uint64_t i = 0; i < 310; ++i) sent.push_back(sender.next(i == 0 ? 0 : i - 1));
  REQUIRE(receiver.open(sent[50]));
  REQUIRE(receiver.open(sent[150]));
  receiver.now += 5ms;
  REQUIRE(receiver.open(sent[250]));
  CHECK(receiver.key.next_timeout() == kStart + 5ms + kKeep);
  CHECK(receiver.open(sent[151]));
  CHECK(receiver.open(sent[200]));
  CHECK_FALSE(receiver.open(sent[51]));  // two keys ago
  CHECK(receiver.open(sent[305]));
  CHECK(receiver.open(sent[251]));
}

TEST_CASE("a datagram two keys ahead does not open") {
  Receiver receiver;
  const Key next = rekey(kFirst);
  CHECK_FALSE(receiver.open(seal_by_hand(rekey(next), false, kTo, 9, Buffer{1})));
  CHECK_FALSE(receiver.open(seal_by_hand(rekey(next), true, kTo, 9, Buffer{1})));
  CHECK_FALSE(receiver.open(seal_by_hand(kFirst, true, kTo, 9, Buffer{1})));
  CHECK_FALSE(receiver.open(seal_by_hand(next, false, kTo, 9, Buffer{1})));
  CHECK(receiver.open(seal_by_hand(next, true, kTo, 9, Buffer{1})));
}

TEST_CASE("the keys of a connection leave nothing behind") {
  using hub::test::check_wiped;
  check_wiped(SendKey(kFirst, kStart), kFirst);
  Receiver receiver;
  const Key next = rekey(kFirst);
  REQUIRE(receiver.open(seal_by_hand(next, true, kTo, 0, Buffer{1})));
  check_wiped(std::move(receiver.key), next);
  check_wiped(PreviousKey(kFirst, kStart), kFirst);
}
