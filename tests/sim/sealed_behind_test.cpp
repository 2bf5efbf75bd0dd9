// Slow followers: behind, they are queued for no more and read what they missed from the store;
// live again without a gap or a repeat, whatever they follow or stop following meanwhile.
#include <algorithm>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_peer.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

/// Texts long enough that few of them fill what is queued for a live follower.
std::string text_of(int i) { return std::to_string(i) + " " + std::string(600, 'x'); }

void post(SealedWorld& w, const std::string& name, int from, int to) {
  for (int i = from; i < to; ++i) REQUIRE(w.post(name, text_of(i)));
}

/// What bob's screen shows of this author, in order.
std::vector<int> shown(SealedWorld& w, const std::string& author, const std::string& on = "bob") {
  std::vector<int> out;
  const std::string prefix = "<" + author + ">";
  for (const std::string& line : w[on].lines()) {
    if (line.rfind(prefix, 0) == 0) out.push_back(std::stoi(line.substr(prefix.size())));
  }
  return out;
}

std::vector<int> numbers(int from, int to) {
  std::vector<int> out;
  for (int i = from; i < to; ++i) out.push_back(i);
  return out;
}

}  // namespace

TEST_CASE("sealed: a follower in the dark becomes behind, and the hub keeps little for it") {
  const int seed = GENERATE(range(1, 9));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann", "bob", "cid"});
  w.net.faults() = {.loss = 0.02, .duplicate = 0.02, .corrupt = 0, .delay = 8ms, .jitter = 4ms};
  for (const char* name : {"ann", "bob", "cid"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  REQUIRE(w.follow("cid", "ann"));
  post(w, "ann", 0, 10);
  REQUIRE(w.sees("bob", "<ann>" + text_of(9)));
  w.net.cut(w["bob"].endpoint(), true);
  post(w, "ann", 10, 300);
  CHECK(w.host.counters().sessions_fell_behind == 1);
  const auto sent_while_dark = w.host.counters().forwards_sent;
  CHECK(sent_while_dark < 10 + 300 + 90);  // cid's, and what bob's connection still took: 48 KiB
  w.net.cut(w["bob"].endpoint(), false);
  post(w, "ann", 300, 320);
  REQUIRE(w.sees("bob", "<ann>" + text_of(319)));
  w.net.run_for(5s);
  CHECK(shown(w, "ann") == numbers(0, 320));
  CHECK(shown(w, "ann", "cid") == numbers(0, 320));
  CHECK(w.openings() == 3);
  // Live again: what comes now comes at once.
  REQUIRE(w.post("ann", "now"));
  REQUIRE(w.sees("bob", "<ann>now", 1, 2s));
}

TEST_CASE("sealed: beyond the recent posts in memory a follower reads pages, exactly") {
  const int seed = GENERATE(range(1, 4));
  CAPTURE(seed);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann", "bob", "cid"});
  for (const char* name : {"ann", "bob", "cid"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  // Long in posts, short in time: bob keeps his connection, so nothing is cut.
  w.host.delays() = {};
  w.net.cut(w["bob"].endpoint(), true);
  const int count = 4500;
  for (int i = 0; i < count; ++i) {
    REQUIRE(w.post("ann", std::to_string(i) + " short"));
    if (i % 3 == 0) REQUIRE(w.post("cid", "not for bob"));
  }
  CHECK(w.host.counters().sessions_fell_behind == 1);
  w.net.faults().delay = 2ms;
  w.net.cut(w["bob"].endpoint(), false);
  REQUIRE(w.sees("bob", "<ann>" + std::to_string(count - 1) + " short"));
  CHECK(shown(w, "ann") == numbers(0, count));
  CHECK(shown(w, "cid").empty());
  CHECK(w.host.counters().catch_up_pages > 10);
}

TEST_CASE("sealed: whoever is unfollowed while the follower is behind is not shown after the ack") {
  const int seed = GENERATE(range(1, 9));
  const bool pages = GENERATE(false, true);
  CAPTURE(seed, pages);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann", "bob", "cid"});
  for (const char* name : {"ann", "bob", "cid"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  REQUIRE(w.follow("bob", "cid"));
  w.host.delays() = {};  // long in posts, short in time: bob keeps his connection
  w.net.cut(w["bob"].endpoint(), true);
  const int count = pages ? 2300 : 200;
  for (int i = 0; i < count; ++i) {
    REQUIRE(w.post("ann", text_of(i)));
    REQUIRE(w.post("cid", text_of(i)));
  }
  REQUIRE(w.host.counters().sessions_fell_behind == 1);
  // A page is read before the unfollow is committed, and there after it.
  w.host.delays() = {2ms, 5ms, 40ms, true};
  w.net.faults() = {.loss = 0.05, .duplicate = 0, .corrupt = 0, .delay = 10ms, .jitter = 5ms};
  w.net.cut(w["bob"].endpoint(), false);
  w["bob"].type("unsubscribe#ann");  // among the first things to get through
  REQUIRE(w.sees("bob", "<cid>" + text_of(count - 1)));
  w.net.run_for(10s);
  const Lines& lines = w["bob"].lines();
  const auto ack = std::find(lines.begin(), lines.end(), "unsubscribe_ack#successful");
  REQUIRE(ack != lines.end());
  CHECK(std::none_of(ack, lines.end(),
                     [](const std::string& line) { return line.rfind("<ann>", 0) == 0; }));
  CHECK(shown(w, "cid") == numbers(0, count));
  const auto of_ann = shown(w, "ann");
  CHECK(of_ann == numbers(0, static_cast<int>(of_ann.size())));  // up to somewhere, without a gap
  CHECK(of_ann.size() < static_cast<std::size_t>(count));
}

TEST_CASE("sealed: whoever is followed while the follower is behind is shown from then on") {
  const int seed = GENERATE(range(1, 9));
  const bool again = GENERATE(false, true);
  CAPTURE(seed, again);
  SealedWorld w(static_cast<std::uint64_t>(seed), {"ann", "bob", "cid"});
  for (const char* name : {"ann", "bob", "cid"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  if (again) REQUIRE(w.follow("bob", "cid"));
  w.add_client("bob2");
  REQUIRE(w.type("bob2", "login#bob&bob_pw"));
  w.net.faults() = {.loss = 0.05, .duplicate = 0, .corrupt = 0, .delay = 10ms, .jitter = 5ms};
  w.net.cut(w["bob"].endpoint(), true);
  const auto both = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      REQUIRE(w.post("ann", text_of(i)));
      REQUIRE(w.post("cid", text_of(i)));
    }
  };
  both(0, 150);
  REQUIRE(w.host.counters().sessions_fell_behind >= 1);
  // By the account's other client, so that the one in the dark is behind all the time.
  if (again) REQUIRE(w.type("bob2", "unsubscribe#cid"));
  both(150, 160);
  REQUIRE(w.type("bob2", "subscribe#cid"));
  both(160, 300);
  w.net.cut(w["bob"].endpoint(), false);
  REQUIRE(w.sees("bob", "<cid>" + text_of(299)));
  REQUIRE(w.sees("bob", "<ann>" + text_of(299)));
  w.net.run_for(5s);
  CHECK(shown(w, "ann") == numbers(0, 300));
  auto of_cid = shown(w, "cid");
  const auto last = static_cast<std::ptrdiff_t>(std::min<std::size_t>(of_cid.size(), 140));
  CHECK(std::vector<int>(of_cid.end() - last, of_cid.end()) == numbers(160, 300));
  of_cid.resize(of_cid.size() - static_cast<std::size_t>(last));
  if (again) {  // what was queued before he fell behind
    CHECK(of_cid == numbers(0, static_cast<int>(of_cid.size())));
    CHECK(of_cid.size() < 150);
  } else {
    CHECK(of_cid.empty());
  }
}

TEST_CASE("sealed: who missed posts that are gone by now comes back, and the hub is at rest") {
  SealedWorld w(4, {"ann", "bob", "spam"}, SealedWorld::keeping(0));
  for (const char* name : {"ann", "bob", "spam"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  REQUIRE(w.type("bob", "logout#"));
  REQUIRE(w.post("ann", "before"));
  for (int i = 0; i < 3; ++i) REQUIRE(w.post("spam", "one of many"));
  REQUIRE(std::holds_alternative<control::Done>(w.host.ask(control::DeleteUser{"spam"})));
  w.host.restart();  // no post has the newest ID
  const auto pages = w.host.counters().catch_up_pages;
  REQUIRE(w.login("bob"));
  REQUIRE(w.sees("bob", "<ann>before"));
  w.net.run_for(10s);
  CHECK(w.host.counters().catch_up_pages < pages + 5);
  REQUIRE(w.post("ann", "after"));
  REQUIRE(w.sees("bob", "<ann>after", 1, 2s));
}

TEST_CASE("sealed: a page that cannot be read is read again") {
  SealedWorld w(5);
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  w.net.cut(w["bob"].endpoint(), true);
  for (int i = 0; i < 6000; ++i) REQUIRE(w.post("ann", std::to_string(i) + " short"));
  w.store.fail_reads(true);
  w.net.cut(w["bob"].endpoint(), false);
  w.net.run_for(20s);
  CHECK(w.host.counters().drop_store_failed > 0);
  CHECK(w.host.counters().drop_store_failed < 40);  // once a second
  w.store.fail_reads(false);
  REQUIRE(w.sees("bob", "<ann>5999 short", 1, 30s));
  CHECK(shown(w, "ann") == numbers(0, 6000));
}

TEST_CASE("sealed: a reader that is too busy for a page is asked again") {
  auto config = SealedWorld::lenient();
  config.max_pending_reads = 2;
  SealedWorld w(6, {"ann", "bob"}, config);
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  w.net.cut(w["bob"].endpoint(), true);
  for (int i = 0; i < 6000; ++i) REQUIRE(w.post("ann", std::to_string(i) + " short"));
  std::vector<std::unique_ptr<SealedPeer>> others;
  for (int i = 0; i < 2; ++i) {
    others.push_back(std::make_unique<SealedPeer>(w.net, w.new_address(), w.host.endpoint(),
                                                  w.host.public_key()));
    REQUIRE(others.back()->connect());
  }
  w.host.hold_reads(true);
  for (auto& other : others) {
    other->send(Opcode::kLoginStart, sealed::write_login_start({{}, "ann"}));
  }
  w.net.run_for(100ms);
  REQUIRE(w.figure("pending_reads") == 2);
  w.net.cut(w["bob"].endpoint(), false);
  w.net.run_for(60s);  // long enough that bob's client pings only now and then
  w.host.hold_reads(false);
  REQUIRE(w.sees("bob", "<ann>5999 short", 1, 5s));
  CHECK(shown(w, "ann") == numbers(0, 6000));
}

TEST_CASE("sealed: a retrieve does not delay talk") {
  SealedWorld w(7, {"ann", "bob", "cid"});
  for (const char* name : {"ann", "bob", "cid"}) REQUIRE(w.login(name));
  REQUIRE(w.follow("bob", "ann"));
  REQUIRE(w.follow("bob", "cid"));
  for (int i = 0; i < 200; ++i) REQUIRE(w.post("ann", text_of(i) + text_of(i).substr(0, 380)));
  REQUIRE(w.net.run_until([&] { return shown(w, "ann").size() == 200; }, 30s));
  w.net.faults().delay = 50ms;  // 200 KB do not fit into a few round trips
  w["bob"].type("retrieve#200");
  int posted = 0;
  Duration worst{0};
  while (!w["bob"].idle() && posted < 50) {
    const std::string text = "talk " + std::to_string(posted++);
    REQUIRE(w.post("cid", text));
    const TimePoint acked = w.net.now().mono;  // committed 50 ms ago, so on its way as long
    REQUIRE(w.sees("bob", "<cid>" + text, 1, 5s));
    worst = std::max(worst, w.net.now().mono - acked);
  }
  CHECK(posted >= 2);  // while it ran
  CHECK(worst <= 100ms);
  REQUIRE(w.net.run_until([&] { return w["bob"].idle(); }, 60s));
  CHECK(shown(w, "ann").size() == 400);
}

TEST_CASE("sealed: who asks for much and reads none of it makes the hub keep little") {
  SealedWorld w(8, {"ann", "bob"}, SealedWorld::keeping(GENERATE(0, 10'000)));
  REQUIRE(w.login("ann"));
  SealedPeer greedy(w.net, w.new_address(), w.host.endpoint(), w.host.public_key());
  REQUIRE(greedy.log_in("bob", "bob_pw"));
  REQUIRE(greedy.send(Opcode::kSubscribe, "ann"));
  REQUIRE(greedy.gets(Opcode::kSubscribeOk));
  for (int i = 0; i < 200; ++i) REQUIRE(w.post("ann", text_of(i)));
  REQUIRE(greedy.gets(Opcode::kForward, 200));
  greedy.stop_reading();
  std::size_t reads = 0;
  w.host.on_job = [&](std::string_view what, std::size_t) { reads += what == "read" ? 1 : 0; };
  for (int i = 0; i < 300; ++i) {
    greedy.send(Opcode::kRetrieve, "200");
    w.net.run_for(50ms);
  }
  // Two of 100 posts each; the rest is refused.
  CHECK(reads + w.host.counters().retrieve_pages_from_memory <= 8);
}

TEST_CASE("sealed: retrieves that a logout cuts short leave the connection in order") {
  SealedWorld w(9, {"ann", "bob"});
  REQUIRE(w.login("ann"));
  SealedPeer peer(w.net, w.new_address(), w.host.endpoint(), w.host.public_key());
  REQUIRE(peer.log_in("bob", "bob_pw"));
  REQUIRE(peer.send(Opcode::kSubscribe, "ann"));
  REQUIRE(peer.gets(Opcode::kSubscribeOk));
  for (int i = 0; i < 200; ++i) REQUIRE(w.post("ann", text_of(i)));
  REQUIRE(peer.gets(Opcode::kForward, 200));
  w.net.faults().delay = 10ms;
  const int rounds = 70;  // more than there may be streams at once
  for (int i = 1; i <= rounds; ++i) {
    const std::size_t before = peer.count(Opcode::kRetrieveAck);
    peer.send(Opcode::kRetrieve, "200");
    REQUIRE(peer.gets(Opcode::kRetrieveAck, before + 1));
    peer.send(Opcode::kLogout);
    REQUIRE(peer.gets(Opcode::kLogoutAck, static_cast<std::size_t>(i)));
    REQUIRE(peer.log_in("bob", "bob_pw"));
  }
  w.net.run_for(2s);
  const std::size_t ends = peer.count(Opcode::kRetrieveEnd);
  peer.send(Opcode::kRetrieve, "200");
  REQUIRE(peer.gets(Opcode::kRetrieveEnd, ends + 1, 10s));
  CHECK(w.host.counters().connections_overrun == 0);
}
