// Sessions over time: expiry, restarts, the administrator, and what strangers can do.
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/store_verbs.hpp"
#include "tests/support/world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using O = Opcode;
using Opcodes = std::vector<Opcode>;

TEST_CASE("a silent session times out: a reset arrives, then must-login-first") {
  auto config = World::lenient();
  config.session_timeout = 60s;
  World w(config);
  Peer& ann = w.online("ann");
  w.run_for(59s);
  CHECK(ann.take().empty());
  w.run_for(2s);
  const auto seen = ann.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].opcode == O::kSessionReset);
  CHECK(seen[0].token == ann.token);
  ann.send(O::kPost, "x");
  CHECK(ann.take_opcodes() == Opcodes{O::kMustLoginFirst});
  w.host.restart();
  CHECK(w.sessions().empty());
}

TEST_CASE("any message counts as activity, and only the silent expire") {
  auto config = World::lenient();
  config.session_timeout = 10s;
  World w(config);
  Peer& busy = w.online("busy");
  Peer& silent = w.online("silent");
  for (int i = 0; i < 4; ++i) {
    w.run_for(6s);
    busy.send(O::kRetrieve, "0");
  }
  CHECK(silent.take_opcodes() == Opcodes{O::kSessionReset});
  CHECK(busy.take_opcodes() == Opcodes(4, O::kRetrieveEnd));
}

TEST_CASE("no reset goes to an address where another live session sits") {
  auto config = World::lenient();
  config.session_timeout = 10s;
  World w(config);
  w.account("ann");
  w.account("bob");
  Peer& shared = w.peer();
  w.login(shared, "ann", "ann_pw");
  w.run_for(5s);
  w.login(shared, "bob", "bob_pw");
  CHECK(shared.take_opcodes() == Opcodes{O::kLoginOk, O::kLoginOk});
  w.run_for(6s);  // ann's time is up, bob's is not
  CHECK(shared.take().empty());
  CHECK(w.sessions().size() == 1);
  w.run_for(5s);
  CHECK(shared.take_opcodes() == Opcodes{O::kSessionReset});
}

TEST_CASE("a restart keeps sessions with their token, follows and posts, and IDs go on") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.post(alice, "before");
  carol.take();
  alice.take();
  w.host.restart();
  CHECK(alice.take().empty());  // nobody is told: there is nothing to tell
  alice.send(O::kPost, "after");
  CHECK(alice.take_opcodes() == Opcodes{O::kPostAck});
  const auto seen = carol.take();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].text == "<alice>after");
  CHECK(seen[0].id == 2);
  CHECK(seen[0].token == carol.token);
  CHECK(seen[0].magic == carol.magic);
  carol.send(O::kRetrieve, "5");
  CHECK(carol.take().size() == 3);
}

TEST_CASE("after a restart all sessions count as just active") {
  auto config = World::lenient();
  config.session_timeout = 10s;
  World w(config);
  Peer& ann = w.online("ann");
  w.run_for(9s);
  w.host.restart();
  w.run_for(9s);
  CHECK(ann.take().empty());
  w.run_for(2s);
  CHECK(ann.take_opcodes() == Opcodes{O::kSessionReset});
}

TEST_CASE("a login is acknowledged after its session is stored") {
  World w;
  w.account("ann");
  Peer& ann = w.peer();
  w.host.hold_commits(true);
  w.login(ann, "ann", "ann_pw");
  CHECK(ann.take().empty());
  w.host.hold_commits(false);
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
  w.host.restart();
  ann.send(O::kPost, "x");
  CHECK(ann.take_opcodes() == Opcodes{O::kPostAck});
}

TEST_CASE("a login repeated while the first is being checked is the same login") {
  World w;
  w.account("ann");
  Peer& ann = w.peer();
  w.host.delays().check = 100ms;
  for (int i = 0; i < 3; ++i) ann.send_as(0, O::kLogin, "ann&ann_pw");
  w.run_for(1s);
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
  CHECK(w.host.counters().drop_login_repeat == 2);
}

TEST_CASE("the stretching pool's inbox is bounded, and logins are limited by source") {
  auto config = World::lenient();
  config.max_pending_checks = 4;
  World w(config);
  w.account("ann");
  w.host.delays().check = 100ms;
  Peer& loud = w.peer();
  for (int i = 0; i < 10; ++i) loud.send_as(0, O::kLogin, "ann&guess" + std::to_string(i));
  w.run_for(1s);
  CHECK(loud.take().size() == 4);
  CHECK(w.host.counters().drop_busy_login == 6);

  config.max_pending_checks = 64;
  config.logins_per_second = 5;
  World limited(config);
  Peer& guesser = limited.peer();
  for (int i = 0; i < 100; ++i) guesser.send_as(0, O::kLogin, "ann&guess" + std::to_string(i));
  CHECK(guesser.take().size() == 10);
  CHECK(limited.host.counters().drop_login_rate == 90);
}

TEST_CASE("a full store inbox drops requests and says so in a counter") {
  auto config = World::lenient();
  config.max_pending_writes = 3;
  World w(config);
  Peer& ann = w.online("ann");
  w.host.hold_commits(true);
  for (int i = 0; i < 10; ++i) ann.send(O::kPost, "x");
  w.settle();
  CHECK(w.host.counters().drop_busy_store == 7);
  w.host.hold_commits(false);
  CHECK(ann.take().size() == 3);
}

TEST_CASE("no more sessions than the hub allows; a replacing login is not one more") {
  auto config = World::lenient();
  config.max_sessions = 2;
  World w(config);
  w.online("ann");
  Peer& bob = w.online("bob");
  w.account("carol");
  Peer& carol = w.peer();
  w.login(carol, "carol", "carol_pw");
  CHECK(carol.take().empty());
  CHECK(w.host.counters().drop_sessions_full == 1);
  w.login(bob, "bob", "bob_pw");
  CHECK(bob.take_opcodes() == Opcodes{O::kLoginOk});
}

TEST_CASE("disable-user ends the session at once and keeps the account out") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  w.host.ask(control::DisableUser{"carol"});
  CHECK(carol.take_opcodes() == Opcodes{O::kSessionReset});
  w.post(alice, "unseen");
  CHECK(carol.take().empty());
  w.login(carol, "carol", "carol_pw");
  CHECK(carol.take_opcodes() == Opcodes{O::kLoginFailed});
  w.host.ask(control::EnableUser{"carol"});
  w.login(carol, "carol", "carol_pw");
  CHECK(carol.take_opcodes() == Opcodes{O::kLoginOk});
}

TEST_CASE("an account disabled between password and session does not get in") {
  World w;
  w.account("ann");
  Peer& ann = w.peer();
  w.host.delays().check = 100ms;
  ann.send_as(0, O::kLogin, "ann&ann_pw");
  w.run_for(100ms);  // the password was right; the session is on its way to the store
  ann.take();
  w.host.hold_commits(true);
  Peer& late = w.peer();
  late.send_as(0, O::kLogin, "ann&ann_pw");
  w.run_for(50ms);
  test::apply(w.store, {{1, control::DisableUser{"ann"}}}, w.net.now().wall);
  w.run_for(100ms);
  w.host.hold_commits(false);
  CHECK(late.take_opcodes() == Opcodes{O::kLoginFailed});
}

TEST_CASE("a login that is under way when its account's sessions are ended comes to nothing") {
  World w;
  Peer& ann = w.online("ann");
  Peer& bob = w.online("bob");
  Peer& late = w.peer();
  Peer& other = w.peer();
  w.host.delays() = {50ms, 100ms, 0ms};
  const int when = GENERATE(60, 120);  // while the password is checked; while it is recorded
  CAPTURE(when);
  late.send_as(0, O::kLogin, "ann&ann_pw");
  other.send_as(0, O::kLogin, "bob&bob_pw");
  w.run_for(std::chrono::milliseconds(when));
  const store::Request end{0, control::EndSession{"ann"}};
  w.host.write_beside({&end, 1});
  w.run_for(1s);
  CHECK(ann.take_opcodes() == Opcodes{O::kSessionReset});
  CHECK(late.take_opcodes() == Opcodes{O::kLoginFailed});
  CHECK(other.take_opcodes() == Opcodes{O::kLoginOk});
  CHECK(bob.take_opcodes() == Opcodes{O::kSessionReset});  // replaced
  CHECK(w.sessions().size() == 1);
  CHECK(w.store.open_reader()->counts()->sessions == 1);
}

TEST_CASE("end-session and a new password end what is live") {
  World w;
  Peer& ann = w.online("ann");
  w.host.ask(control::EndSession{"ann"});
  CHECK(ann.take_opcodes() == Opcodes{O::kSessionReset});
  const auto again = w.host.ask(control::EndSession{"ann"});
  CHECK(std::get<control::Refused>(again).why == control::Refusal::kNotFound);
  w.login(ann, "ann", "ann_pw");
  ann.take();
  SeededRandom random(3);
  w.host.ask(control::SetPassword{"ann", *make_verifier("new", {8192, 1}, random)});
  CHECK(ann.take_opcodes() == Opcodes{O::kSessionReset});
  w.login(ann, "ann", "new");
  CHECK(ann.take_opcodes() == Opcodes{O::kLoginOk});
}

TEST_CASE("list-sessions comes in pages that hold everybody once") {
  World w;
  for (int i = 0; i < 1203; ++i) w.online("user" + std::to_string(i));
  std::map<std::string, int> seen;
  std::uint64_t after = 0;
  for (;;) {
    const auto page = std::get<control::SessionPage>(w.host.ask(control::ListSessions{after}));
    for (const auto& row : page.rows) ++seen[row.account];
    if (!page.next) break;
    after = *page.next;
  }
  CHECK(seen.size() == 1203);
  for (const auto& each : seen) CHECK(each.second == 1);
}

TEST_CASE("gauges return to zero once everything asked has been answered") {
  World w;
  Peer& alice = w.online("alice");
  Peer& carol = w.online("carol");
  w.follow(carol, "alice");
  for (int i = 0; i < 120; ++i) w.post(alice, "x");
  carol.send(O::kRetrieve, "120");
  carol.send(O::kSubscribe, "nobody");
  carol.send(O::kLogout);
  alice.send(O::kSpuriousClient);
  w.run_for(1s);
  CHECK(w.host.hub().pending() == 0);
  const auto figures = std::get<control::Figures>(w.host.ask(control::Stats{}));
  for (const auto& [name, value] : figures.numbers) {
    if (name == "sessions" || name == "follows_of_online_accounts" ||
        name.rfind("pending", 0) == 0) {
      CAPTURE(name);
      CHECK(value == 0);
    }
  }
}

TEST_CASE("only sources that --classic admits are heard") {
  const auto from = [](server::ClassicAccess access, const char* ip) {
    auto config = World::lenient();
    config.classic = access;
    World w(config);
    Peer& peer = w.peer_at({*IpAddress::parse(ip), 4000, 0});
    peer.send_as(7, O::kPost, "x");
    return !peer.take().empty();
  };
  using server::ClassicAccess;
  CHECK(from(ClassicAccess::kLoopback, "127.0.0.1"));
  CHECK(from(ClassicAccess::kLoopback, "127.1.2.3"));
  CHECK(from(ClassicAccess::kLoopback, "::1"));
  CHECK_FALSE(from(ClassicAccess::kLoopback, "192.0.2.1"));
  CHECK(from(ClassicAccess::kAny, "192.0.2.1"));
  CHECK_FALSE(from(ClassicAccess::kOff, "127.0.0.1"));
}

TEST_CASE("a stranger never gets more bytes than it sent, whatever it sends") {
  World w;
  w.account("ann");
  std::map<Endpoint, std::int64_t> balance;  // bytes heard from minus bytes sent to
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    balance[path.remote] -= static_cast<std::int64_t>(bytes.size());
    REQUIRE(balance[path.remote] >= 0);
  };
  Peer& stranger = w.peer();
  const auto send = [&](const std::vector<std::uint8_t>& bytes) {
    balance[stranger.endpoint()] += static_cast<std::int64_t>(bytes.size());
    stranger.send_raw(bytes);
    w.settle();
  };
  for (int opcode = 0; opcode < 256; ++opcode) {
    send({'H', 'B', static_cast<std::uint8_t>(opcode), 0, 0, 0, 0, 0, 0, 0, 0, 0});
    send({'H', 'B', static_cast<std::uint8_t>(opcode), 1, 1, 2, 3, 4, 0, 0, 0, 0, 'x'});
    stranger.take();
  }
  std::mt19937 dice(11);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::uint8_t> bytes(dice() % 64);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(dice());
    if (dice() % 4 != 0 && bytes.size() >= 3) {
      bytes[0] = bytes[1] = 'x';
      if (dice() % 2 == 0) bytes[2] = 0x10;
    }
    send(bytes);
  }
  stranger.take();
  CHECK(w.sessions().empty());
}

TEST_CASE("flipping any bit of a conversation never crashes the hub or forges a session") {
  World w;
  Peer& ann = w.online("ann");
  w.follow(ann, "ann");
  std::vector<std::uint8_t> post;
  classic::Header header;
  header.opcode = O::kPost;
  header.token = ann.token;
  classic::encode(header, "hello", post);
  Peer& other = w.peer();
  for (std::size_t bit = 0; bit < post.size() * 8; ++bit) {
    auto flipped = post;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    other.send_raw(flipped);
    w.settle();
  }
  CHECK(w.host.counters().posts_committed == 0);
  ann.take();
  ann.send(O::kPost, "still here");
  CHECK(ann.take().size() == 2);
}
