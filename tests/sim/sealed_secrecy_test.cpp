// What an eavesdropper and a guesser learn: nothing that can be read, no nonce twice, and no
// difference between an unknown ID, a wrong password and a disabled account.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include <catch2/catch.hpp>

#include "protocol/sealed/packet_keys.hpp"
#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

/// Every datagram of a world, either way, before the network has it.
struct Tap {
  enum class To { kHub, kClient };

  explicit Tap(SealedWorld& world) : w(world) {
    w.host.on_send = [this](const Path&, Bytes bytes) { hear(To::kClient, bytes); };
  }
  void listen(SealedClient& client) {
    client.on_send = [this](Bytes bytes) { hear(To::kHub, bytes); };
  }
  void hear(To to, Bytes bytes) {
    if (each) each(to, bytes);
  }

  SealedWorld& w;
  std::function<void(To, Bytes)> each;
};

bool contains(Bytes bytes, std::string_view what) {
  return std::search(bytes.begin(), bytes.end(), what.begin(), what.end()) != bytes.end();
}

/// One direction of one connection, as its headers show it.
struct Direction {
  std::uint64_t next = 0;
  bool phase = false;
  int rekeys = 0;
  std::uint64_t under_key = 0;  // datagrams
  TimePoint since{};            // when the present key was first used
};

}  // namespace

TEST_CASE("sealed: nothing of a session can be read on the wire", "[p15]") {
  const int seed = GENERATE(range(1, 6));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed), {});
  w.net.faults() = {.loss = 0.1, .duplicate = 0.05, .corrupt = 0.02, .delay = 5ms, .jitter = 5ms};
  Tap tap(w);
  const std::vector<std::string> canaries = {
      "canary_ann",  "canary_bob",     "CANARY_ANN",  "hunter2canary", "yellow bird",
      "tweet tweet", "canary_unknown", "wrongcanary", "login",         "canary"};
  std::size_t found = 0;
  std::size_t searched = 0;
  tap.each = [&](Tap::To, Bytes bytes) {
    ++searched;
    for (const std::string& canary : canaries) found += contains(bytes, canary) ? 1 : 0;
  };
  for (const char* name : {"canary_ann", "canary_bob"}) {
    w.host.add_user(name, "hunter2canary");
    tap.listen(w.add_client(name));
  }
  REQUIRE(w.type("canary_ann", "login#canary_ann&wrongcanary"));
  REQUIRE(w.type("canary_ann", "login#CANARY_ANN&hunter2canary"));
  REQUIRE(w.type("canary_bob", "login#canary_bob&hunter2canary"));
  REQUIRE(w.type("canary_bob", "subscribe#canary_ann"));
  REQUIRE(w.type("canary_bob", "subscribe#canary_unknown"));
  REQUIRE(w.post("canary_ann", "a yellow bird"));
  REQUIRE(w.post("canary_ann", "tweet tweet tweet tweet"));
  REQUIRE(w.sees("canary_bob", "<canary_ann>tweet tweet tweet tweet"));
  REQUIRE(w.type("canary_bob", "retrieve#5"));
  w["canary_bob"].rebind(w.new_address());
  w.host.restart();
  w.net.run_for(40s);
  REQUIRE(w.post("canary_ann", "the yellow bird is back"));
  REQUIRE(w.sees("canary_bob", "<canary_ann>the yellow bird is back"));
  REQUIRE(w.type("canary_bob", "logout#"));
  CHECK(searched > 60);
  CHECK(found == 0);
}

TEST_CASE("sealed: no nonce is used twice and no key past its hour, across rekeys and restarts",
          "[p15]") {
  SealedWorld w(6, {"ann", "bob"});
  w.net.faults() = {.loss = 0.1, .duplicate = 0.05, .corrupt = 0, .delay = 10ms, .jitter = 10ms};
  Tap tap(w);
  for (const char* name : {"ann", "bob"}) tap.listen(w[name]);
  // The counter is the nonce, and it runs on when the key changes: so a pair of key and nonce is
  // used twice only where a number is sent twice under one connection's ID.
  std::map<std::tuple<Tap::To, sealed::ConnectionId>, Direction> directions;
  std::size_t datagrams = 0;
  std::size_t repeated = 0;
  Duration oldest_key{0};
  tap.each = [&](Tap::To to, Bytes bytes) {
    const auto header = sealed::read_transport_header(bytes);
    if (!header) return;
    ++datagrams;
    Direction& direction = directions[{to, header->id}];
    if (header->number < direction.next) ++repeated;
    direction.next = header->number + 1;
    const TimePoint now = w.net.now().mono;
    if (direction.since == TimePoint{}) direction.since = now;
    if (header->phase != direction.phase) {
      direction.phase = header->phase;
      ++direction.rekeys;
      direction.since = now;
      direction.under_key = 0;
    }
    ++direction.under_key;
    oldest_key = std::max(oldest_key, now - direction.since);
  };
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  const int lives = 3;
  int posts = 0;
  for (int life = 0; life < lives; ++life) {
    for (int quarter = 0; quarter < 14; ++quarter) {  // three and a half hours
      for (int i = 0; i < 20; ++i) REQUIRE(w.post("ann", "post " + std::to_string(posts++)));
      w.net.run_for(15min);
      if (quarter == 6) w["bob"].rebind(w.new_address());
    }
    if (life + 1 < lives) {
      w.host.restart();
      w.net.run_for(60s);
    }
  }
  REQUIRE(w.sees("bob", "<ann>post " + std::to_string(posts - 1)));
  for (int i = 0; i < posts; ++i) CHECK(w["bob"].count("<ann>post " + std::to_string(i)) == 1);
  CHECK(datagrams > 1000);
  CHECK(repeated == 0);
  CHECK(oldest_key <= 1h + 1min);  // and as long as the peer's next ack takes
  int changes = 0;
  for (const auto& [key, direction] : directions) changes += direction.rekeys;
  CHECK(changes >= lives * 2 * 2 * 3);  // hours, directions, clients: each of them
  CHECK(w.openings() == 2 * lives);
}

TEST_CASE("sealed: connection IDs never come again, not after a restart either", "[p15]") {
  SealedWorld w(7, {"ann"});
  std::map<Tap::To, std::set<sealed::ConnectionId>> seen;
  std::map<Tap::To, std::size_t> connections;
  std::set<std::uint64_t> generations;
  for (int life = 0; life < 4; ++life) {
    std::set<std::uint64_t> of_this_life;
    for (std::uint16_t i = 0; i < 60; ++i) {
      SealedPeer peer(w.net, w.new_address(), w.host.endpoint(), w.host.public_key(),
                      static_cast<std::uint64_t>(life) * 100 + i);
      REQUIRE(peer.connect());
      const auto hubs = peer.connection().peer_id();
      seen[Tap::To::kHub].insert(hubs);
      seen[Tap::To::kClient].insert(peer.connection().id());
      ++connections[Tap::To::kHub];
      of_this_life.insert(hubs >> 40);
      peer.connection().close(sealed::CloseReason::kGoodbye);
      peer.send(Opcode::kLogout);
      w.net.run_for(50ms);
    }
    CHECK(of_this_life.size() == 1);  // the generation
    generations.insert(of_this_life.begin(), of_this_life.end());
    w.host.restart();
  }
  CHECK(generations.size() == 4);
  CHECK(seen[Tap::To::kHub].size() == connections[Tap::To::kHub]);
  CHECK(seen[Tap::To::kClient].size() == connections[Tap::To::kHub]);
}

namespace {

/// What a login looks like from outside, and what it makes the hub do.
struct Attempt {
  std::vector<std::pair<Tap::To, std::size_t>> sizes;
  std::vector<std::pair<std::string, std::size_t>> jobs;
  std::vector<std::tuple<Opcode, std::size_t, std::string>> messages;  // the last: what is public
  Duration took{0};

  bool operator==(const Attempt&) const = default;
};

Attempt attempt(SealedWorld& w, const std::string& name, const std::string& password) {
  Attempt out;
  SealedPeer peer(w.net, w.new_address(), w.host.endpoint(), w.host.public_key(), 5);
  REQUIRE(peer.connect());
  w.net.run_for(1s);
  const TimePoint begin = w.net.now().mono;
  peer.on_send = [&](Bytes bytes) {
    out.sizes.emplace_back(Tap::To::kHub, bytes.size());
    return true;
  };
  w.host.on_send = [&](const Path&, Bytes bytes) {
    out.sizes.emplace_back(Tap::To::kClient, bytes.size());
  };
  w.host.on_job = [&](std::string_view what, std::size_t kind) {
    out.jobs.emplace_back(what, kind);
  };
  CHECK_FALSE(peer.log_in(name, password));
  out.took = w.net.now().mono - begin;
  w.net.run_for(1s);
  w.host.on_send = nullptr;
  w.host.on_job = nullptr;
  for (const auto& message : peer.received()) {
    std::string visible = message.payload;
    if (message.opcode == Opcode::kLoginChallenge) visible = visible.substr(48);  // the parameters
    out.messages.emplace_back(message.opcode, message.payload.size(), visible);
  }
  return out;
}

std::string salt_of(SealedWorld& w, const std::string& name) {
  SealedPeer peer(w.net, w.new_address(), w.host.endpoint(), w.host.public_key(), 6);
  REQUIRE_FALSE(peer.log_in(name, "guess"));
  for (const auto& message : peer.received()) {
    if (message.opcode == Opcode::kLoginChallenge) return message.payload.substr(32, 16);
  }
  return {};
}

}  // namespace

TEST_CASE("sealed: unknown, wrong and disabled are one: bytes, work and time", "[p14]") {
  SealedWorld w(8, {"ann", "cid"});
  w.net.faults().delay = 5ms;
  w.host.ask(control::DisableUser{"cid"});
  const Attempt wrong = attempt(w, "ann", "guess");
  const Attempt unknown = attempt(w, "nob", "guess");
  const Attempt disabled = attempt(w, "cid", "guess");
  const Attempt disabled_right = attempt(w, "cid", "cid_pw");
  REQUIRE(wrong.sizes.size() >= 4);
  REQUIRE(wrong.jobs.size() == 1);  // the account is looked up, and that is all
  CHECK(unknown == wrong);
  CHECK(disabled == wrong);
  CHECK(disabled_right == wrong);
  CHECK(w.host.counters().logins_failed == 4);
}

TEST_CASE("sealed: who does not exist has a salt of his own, the same each time", "[p14]") {
  SealedWorld w(9, {"ann"});
  const std::string salt = salt_of(w, "nob");
  CHECK(salt.size() == 16);
  CHECK(salt_of(w, "nob") == salt);
  CHECK(salt_of(w, "NOB") == salt);
  CHECK(salt_of(w, "nab") != salt);
  CHECK(salt_of(w, "ann") == salt_of(w, "Ann"));
  const std::string before = salt_of(w, "nob");
  w.host.restart();
  CHECK(salt_of(w, "nob") == before);
}
