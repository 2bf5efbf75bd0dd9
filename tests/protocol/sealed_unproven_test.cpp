// What an address that has proved nothing may be sent.
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "tests/support/roaming_hub.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace hub::test::roaming;
using namespace std::chrono_literals;
using hub::test::fewer_if_slow;
using hub::test::hub_path;
using hub::test::numbered;

TEST_CASE("an unproven address gets at most three times its bytes, and as many as that") {
  Hub hub;
  hub.connection.widen();
  hub.poll();
  hub.come(kOld, {0x06, 0, 0x80, 0x01, 0x00, 0x00});  // 64 KiB of talk are allowed
  hub.poll();
  hub.acknowledge(kOld);
  hub.poll();
  const auto bytes = GENERATE(34u, 35u, 40u, 41u, 42u, 50u, 100u, 399u, 400u, 401u, 1'200u);
  CAPTURE(bytes);
  for (std::uint32_t i = 0; i < 40; ++i) hub.connection.channel().send_talk(numbered(i, 200));
  hub.come_with(kNew, bytes);
  auto went = hub.poll();
  CHECK(went[kNew.remote] <= 3 * bytes);
  // What is left is less than one message of ours.
  CHECK(went[kNew.remote] + 200 + 10 + kTransportOverhead > 3 * bytes);
  // Nothing changes by itself...
  for (int i = 0; i < 200; ++i) {
    const auto next = hub.connection.next_timeout();
    REQUIRE(next);
    if (hub.connection.is_path_proven()) break;
    REQUIRE(*next > hub.now);  // no busy loop while nothing may be sent
    hub.now = *next;
    hub.connection.on_timeout(hub.now);
    if (hub.connection.is_path_proven()) break;
    hub.poll();
    REQUIRE(hub.sent[kNew.remote] <= 3 * bytes);
  }
  CHECK(hub.connection.path() == kOld);
}

TEST_CASE("each byte more from an unproven address allows three more, until the proof") {
  Hub hub;
  hub.connection.widen();
  hub.poll();
  hub.come(kOld, {0x06, 0, 0x80, 0x01, 0x00, 0x00});
  for (std::uint32_t i = 0; i < 60; ++i) hub.connection.channel().send_talk(numbered(i, 500));
  hub.come_with(kNew, 100);
  hub.poll();
  const Buffer older = hub.sealed({1});
  hub.come_with(kNew, 400);
  hub.poll();
  CHECK(hub.sent[kNew.remote] <= 1'500);
  CHECK(hub.sent[kNew.remote] > 1'000);
  REQUIRE(hub.give(older, kNew) == Taken::kFresh);   // older ones count too
  CHECK(hub.give(older, kNew) == Taken::kReplayed);  // repeats do not
  hub.poll();
  CHECK(hub.sent[kNew.remote] <= 1'500 + 3 * older.size());
  const auto before = hub.sent[kNew.remote];
  hub.answer(kNew);
  hub.poll();
  CHECK(hub.sent[kNew.remote] > before + 2'000);
}

TEST_CASE("no schedule makes an unproven address get more than three times its bytes") {
  const auto seed = GENERATE_COPY(range(1u, 1u + static_cast<unsigned>(fewer_if_slow(150))));
  CAPTURE(seed);
  std::mt19937 dice(seed);
  Hub hub;
  hub.connection.widen();
  hub.poll();
  hub.come(kOld, {0x06, 0, 0x80, 0x0f, 0x00, 0x00});
  hub.poll();
  std::map<Endpoint, std::uint64_t> received;
  std::set<Endpoint> proven = {kOld.remote};
  std::vector<Buffer> late;  // not delivered yet
  const auto path_of = [](std::uint64_t draw) {
    // Two ports of one address among them.
    return hub_path(static_cast<std::uint8_t>(1 + draw % 6), draw % 12 < 6 ? 40'000 : 40'001);
  };
  std::uint64_t to_unproven = 0;
  const auto check = [&] {
    for (const auto& [to, bytes] : hub.sent) {
      if (proven.count(to) > 0) continue;
      if (bytes > 3 * received[to]) FAIL(bytes << " bytes sent, " << received[to] << " received");
    }
  };
  for (int step = 0; step < 300; ++step) {
    Path path = dice() % 3 != 0 ? hub.connection.path() : path_of(dice());
    Buffer datagram;
    switch (dice() % 8) {
      case 0: {
        Buffer frames(1 + dice() % (dice() % 4 == 0 ? 1'160 : 40), 0);
        frames.front() = 1;
        datagram = hub.sealed(frames);
        break;
      }
      case 1:
        late.push_back(hub.sealed({1}));
        break;
      case 2:
        if (!late.empty()) datagram = late[dice() % late.size()];
        break;
      case 3:
        for (int i = 0; i < 5; ++i) {
          hub.connection.channel().send_talk(numbered(7, 4 + dice() % 1'000));
        }
        break;
      case 4:
        if (dice() % 4 == 0 && hub.asked.count(path.remote) > 0) {
          datagram = hub.sealed(Hub::answer_frames(hub.asked.at(path.remote)));
        }
        break;
      case 5:
        if (const auto next = hub.connection.next_timeout(); next && *next > hub.now) {
          hub.now = *next;
        } else {
          hub.now += std::chrono::milliseconds(dice() % 100);
        }
        hub.connection.on_timeout(hub.now);
        break;
      default:
        break;
    }
    if (!datagram.empty() && hub.give(datagram, path) == Taken::kFresh) {
      received[path.remote] += datagram.size();
    }
    if (hub.connection.is_path_proven()) proven.insert(hub.connection.path().remote);
    if (dice() % 2 == 0) {
      for (const auto& [to, bytes] : hub.poll()) to_unproven += proven.count(to) == 0 ? bytes : 0;
      check();
    }
  }
  hub.poll();
  check();
  CHECK(to_unproven > 0);
  CHECK_FALSE(hub.connection.is_closed());
}
