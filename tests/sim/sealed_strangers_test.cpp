// What strangers can get out of a hub, or of a client: never more bytes than they put in, no
// memory, and no attention that people miss.
#include <functional>
#include <unordered_map>

#include <catch2/catch.hpp>

#include "tests/support/heap.hpp"
#include "tests/support/hostile.hpp"
#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

using Datagram = Hostile::Datagram;

server::HubConfig open_config() {
  auto config = SealedWorld::lenient();
  config.classic = server::ClassicAccess::kAny;
  config.logins_per_second = 100'000;
  return config;
}

/// A conversation of two, and what was overheard of it, either way.
std::vector<Datagram> overhear(SealedWorld& w) {
  std::vector<Datagram> heard;
  const auto keep = [&](Bytes bytes) { heard.emplace_back(bytes.begin(), bytes.end()); };
  for (const char* name : {"ann", "bob"}) w[name].on_send = keep;
  w.host.on_send = [&](const Path&, Bytes bytes) { keep(bytes); };
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  REQUIRE(w.follow("ann", "bob"));
  for (const char* name : {"ann", "bob"}) {
    for (int i = 0; i < 5; ++i) REQUIRE(w.post(name, "post " + std::to_string(i)));
    REQUIRE(w.type(name, "retrieve#3"));
  }
  w.net.run_for(2s);
  for (const char* name : {"ann", "bob"}) w[name].on_send = nullptr;
  w.host.on_send = nullptr;
  return heard;
}

struct Account {
  std::uint64_t in = 0;
  std::uint64_t out = 0;
};

}  // namespace

TEST_CASE("sealed: an unproven address gets no more bytes than it sent, whatever it sends",
          "[p9]") {
  SealedWorld w(1, {"ann", "bob"}, open_config());
  Hostile hostile(1, w.host.public_key(), overhear(w));
  std::unordered_map<Endpoint, Account, EndpointHash> ledger;
  std::uint64_t answered = 0;
  std::uint64_t violations = 0;
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    if (path.remote == w["ann"].endpoint() || path.remote == w["bob"].endpoint()) return;
    Account& account = ledger[path.remote];
    account.out += bytes.size();
    ++answered;
    if (account.out > account.in) ++violations;
  };
  const int count = trials(1'000'000, 20'000);
  std::vector<Endpoint> sources;
  for (int i = 0; i < 4000; ++i) sources.push_back(hostile.address());
  for (int i = 0; i < count; ++i) {
    const Endpoint from = sources[w.net.dice()() % sources.size()];
    const Datagram datagram = hostile.next();
    ledger[from].in += datagram.size();
    w.net.send(from, w.host.endpoint(), datagram);
    w.net.run_for(20us);
    if (i % 20'000 == 0) {
      const std::string text = "among strangers " + std::to_string(i);
      REQUIRE(w.post("ann", text));
      REQUIRE(w.sees("bob", "<ann>" + text, 1, 10s));
    }
  }
  CHECK(violations == 0);
  CHECK(answered > static_cast<std::uint64_t>(count) / 50);  // there was something to count
  const auto& counters = w.host.counters();
  CHECK(counters.key_answers_sent > 0);
  CHECK(counters.versions_refused > 0);
  CHECK(counters.hellos_welcomed > 0);
  CHECK(counters.stateless_resets_sent > 0);
  CHECK(counters.must_login_first_sent > 0);
  CHECK(counters.logins_failed > 0);
  CHECK(counters.drop_forged > 0);
  CHECK(counters.drop_replayed > 0);
  CHECK(w.openings() == 2);
  CHECK(w.sessions().size() == 2);
}

TEST_CASE("sealed: cookies too are no longer than what asked for them", "[p9][p11]") {
  auto config = open_config();
  config.hellos_per_second = 1;
  SealedWorld w(2, {"ann"}, config);
  Hostile hostile(2, w.host.public_key(), {});
  std::unordered_map<Endpoint, Account, EndpointHash> ledger;
  std::uint64_t violations = 0;
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    Account& account = ledger[path.remote];
    account.out += bytes.size();
    if (account.out > account.in) ++violations;
  };
  for (int i = 0; i < 2000; ++i) {
    const Endpoint from = hostile.address();
    const Datagram datagram = hostile.hello();
    ledger[from].in += datagram.size();
    w.net.send(from, w.host.endpoint(), datagram);
    w.net.settle();
  }
  CHECK(violations == 0);
  CHECK(w.host.counters().cookies_asked > 500);
}

TEST_CASE("sealed: a client answers nothing that its hub's address sends but its hub", "[p9]") {
  SealedWorld w(3, {"ann", "bob"}, open_config());
  Hostile hostile(3, w.host.public_key(), overhear(w));
  w.net.run_for(3s);
  int sent = 0;
  w["ann"].on_send = [&](Bytes) { ++sent; };
  const auto before = w["ann"].lines();
  const int count = trials(300'000, 10'000);
  for (int i = 0; i < count; ++i) {
    w.net.send(w.host.endpoint(), w["ann"].endpoint(), hostile.next());
    w.net.settle();
  }
  CHECK(sent == 0);
  CHECK(w["ann"].lines() == before);
  CHECK(w["ann"].link().is_online());
  REQUIRE(w.post("ann", "still here"));
  CHECK(w.openings() == 2);
}

TEST_CASE("sealed: a client that asks for a connection heeds nobody but its hub", "[p9]") {
  SealedWorld w(4, {"ann", "bob"}, open_config());
  Hostile hostile(4, w.host.public_key(), overhear(w));
  SealedClientOptions options;
  options.hub_key = w.host.public_key();
  SealedClient& late = w.add_client("late", options);
  w.net.cut(late.endpoint(), true);  // to the hub it does not get; the hub's address gets to it
  int sent = 0;
  late.on_send = [&](Bytes) { ++sent; };
  late.type("login#ann&ann_pw");
  w.net.settle();
  REQUIRE(sent == 1);
  w.net.cut(late.endpoint(), false);
  const int count = trials(100'000, 5'000);
  for (int i = 0; i < count; ++i) {
    w.net.send(w.host.endpoint(), late.endpoint(), hostile.next());
    w.net.settle();
  }
  CHECK(sent == 1);
  CHECK(late.lines().empty());
  REQUIRE(w.net.run_until([&] { return late.link().is_online(); }, 10s));
}

TEST_CASE("sealed: garbage leaves no memory behind, and no gauge above its bound", "[p10]") {
  SealedWorld w(5, {"ann", "bob"}, open_config());
  Hostile hostile(5, w.host.public_key(), overhear(w));
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Endpoint from = hostile.address();
      from.ip.bytes[15] = static_cast<std::uint8_t>(i);  // hardly any comes twice
      w.net.send(from, w.host.endpoint(), hostile.next());
      w.net.run_for(20us);
      if (i % 5000 == 0) {
        CHECK(w.figure("half_open_handshakes") <= 4096);
        CHECK(w.figure("connections") == 2);
      }
    }
    w.net.run_for(6s);  // half-open handshakes are forgotten
    CHECK(w.figure("half_open_handshakes") == 0);
  };
  flood(trials(50'000, 5'000));  // what is kept for good is there by then: fixed tables, capacity
  const std::size_t before = heap_in_use();
  flood(trials(200'000, 5'000));
  const std::size_t after = heap_in_use();
  CHECK(after <= before + 64 * 1024);
  CHECK(w.figure("sessions") == 2);
  CHECK(w.figure("pending_logins") == 0);
  CHECK(w.figure("pending_reads") == 0);
  CHECK(w.figure("pending_writes") == 0);
  CHECK(w.host.hub().pending() == 0);
}

TEST_CASE("sealed: during a flood of garbage people log in and talk", "[p10]") {
  SealedWorld w(6, {"ann", "bob", "cid"}, open_config());
  w.net.faults().delay = 5ms;
  Hostile hostile(6, w.host.public_key(), overhear(w));
  bool flooding = true;
  std::function<void()> burst = [&] {
    for (int i = 0; i < 50; ++i) w.net.send(hostile.address(), w.host.endpoint(), hostile.next());
    if (flooding) w.net.after(5ms, burst);  // 10,000 a second
  };
  burst();
  w.net.run_for(2s);
  REQUIRE(w.type("cid", "login#cid&cid_pw", 10s));
  CHECK(w["cid"].lines().back() == "login_ack#successful");
  REQUIRE(w.type("cid", "subscribe#ann", 5s));
  REQUIRE(w.type("ann", "post#hello cid", 5s));
  REQUIRE(w.sees("cid", "<ann>hello cid", 1, 5s));
  flooding = false;
  w.net.run_for(10s);
  CHECK(w.openings() == 3);
}
