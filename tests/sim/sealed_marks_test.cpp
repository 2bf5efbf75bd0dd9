// Marks: from which post on a device is served when it comes back, how much of a long absence, and
// what the hub writes down of it by itself.
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

store::Device device_of(SealedWorld& w, const std::string& name, const SealedPeer& peer) {
  const auto reader = w.store.open_reader();
  const auto account = *reader->account(name);
  const auto devices = *reader->devices(account->id);
  for (const store::Device& device : devices) {
    if (device.id == peer.device.id) return device;
  }
  throw std::runtime_error("no such device");
}

MessageId newest(SealedWorld& w) { return w.store.open_reader()->counts()->last_post; }

/// The IDs of what it was forwarded, from this message on.
std::vector<MessageId> forwarded(const SealedPeer& peer, std::size_t from = 0) {
  std::vector<MessageId> out;
  for (std::size_t i = from; i < peer.received().size(); ++i) {
    if (peer.received()[i].opcode == Opcode::kForward) out.push_back(peer.received()[i].id);
  }
  return out;
}

std::vector<MessageId> ids(MessageId from, MessageId to) {
  std::vector<MessageId> out;
  for (MessageId id = from; id <= to; ++id) out.push_back(id);
  return out;
}

struct Earlier {
  std::size_t index = 0;  // in what was received
  MessageId newest_left_out = 0;
  sealed::EarlierPosts posts;
};
std::vector<Earlier> earlier(const SealedPeer& peer) {
  std::vector<Earlier> out;
  for (std::size_t i = 0; i < peer.received().size(); ++i) {
    const auto& message = peer.received()[i];
    if (message.opcode != Opcode::kEarlierPosts) continue;
    out.push_back({i, message.id, *sealed::read_earlier_posts(message.payload)});
  }
  return out;
}

/// bob follows ann, whose posts are written beside the hub; he was online once.
struct Absence {
  explicit Absence(std::uint64_t seed, const server::HubConfig& config = SealedWorld::lenient())
      : w(seed, {}, config) {
    w.account("ann");
    bob = w.online("bob");
    w.follow_beside("bob", "ann");
    w.net.run_for(1s);
  }
  void leave() {
    bob->connection().close(sealed::CloseReason::kGoodbye);
    bob->send(Opcode::kPost);  // takes the close frame along
    w.net.run_for(1s);
  }
  /// From here on little of what is missed is in memory.
  void forget_recent() {
    w.host.config().recent_posts = 16;
    w.host.restart();
  }

  SealedWorld w;
  std::unique_ptr<SealedPeer> bob;
};

}  // namespace

TEST_CASE("marks: a new device starts at now, and is told where that is", "[marks]") {
  SealedWorld w(1, {});
  w.account("ann");
  w.account("bob");
  w.follow_beside("bob", "ann");
  w.posts_beside("ann", 7);
  auto bob = w.online("bob");
  CHECK(bob->login_ok()->mark.post == 7);
  CHECK(bob->login_ok()->mark.history == w.store.open_reader()->info()->history_id);
  CHECK(bob->login_ok()->done == 0);
  w.posts_beside("ann", 1);
  w.net.run_for(1s);
  CHECK(forwarded(*bob) == ids(8, 8));
}

TEST_CASE("marks: which one is believed", "[marks]") {
  Absence a(2);
  a.w.posts_beside("ann", 10);
  REQUIRE(a.bob->gets(Opcode::kForward, 10));
  a.bob->mark(4);
  a.w.net.run_for(1s);
  a.leave();
  REQUIRE(device_of(a.w, "bob", *a.bob).mark == 4);
  const bool by_password = GENERATE(false, true);
  CAPTURE(by_password);
  const std::size_t before = a.bob->received().size();
  const auto comes = [&](std::optional<MessageId> mark) {
    REQUIRE(a.bob->connect());
    REQUIRE((by_password ? a.bob->log_in("bob", "bob_pw", mark) : a.bob->resume("bob", mark)));
    a.w.net.run_for(1s);
  };
  SECTION("the client's, of this history") {
    comes(7);
    CHECK(a.bob->login_ok()->mark.post == 7);
    CHECK(forwarded(*a.bob, before) == ids(8, 10));
  }
  SECTION("the client's, also where it is older than the hub's") {
    comes(2);
    CHECK(forwarded(*a.bob, before) == ids(3, 10));
  }
  SECTION("not beyond what there is") {
    comes(1'000'000);
    CHECK(a.bob->login_ok()->mark.post == 10);
    a.w.posts_beside("ann", 1);
    a.w.net.run_for(1s);
    CHECK(forwarded(*a.bob, before) == ids(11, 11));
  }
  SECTION("the hub's own, where the client has none") {
    comes(std::nullopt);
    CHECK(a.bob->login_ok()->mark.post == 4);
    CHECK(forwarded(*a.bob, before) == ids(5, 10));
  }
  SECTION("the hub's own, where the client's is of another history") {
    a.bob->device.history ^= 1;
    comes(9);
    CHECK(a.bob->login_ok()->mark.post == 4);
    CHECK(forwarded(*a.bob, before) == ids(5, 10));
  }
}

TEST_CASE("marks: they say nothing of what was not sent", "[marks]") {
  Absence a(3);
  a.w.account("cid");
  a.w.posts_beside("ann", 3);
  REQUIRE(a.bob->gets(Opcode::kForward, 3));
  a.w.posts_beside("cid", 100);  // nobody follows cid
  a.bob->mark(50);
  a.w.net.run_for(1s);
  a.leave();
  CHECK(device_of(a.w, "bob", *a.bob).mark == 3);
}

TEST_CASE("marks: as a message they count too", "[marks]") {
  Absence a(4);
  a.w.posts_beside("ann", 3);
  REQUIRE(a.bob->gets(Opcode::kForward, 3));
  a.bob->send(Opcode::kForwardAck, "", 2);
  a.w.net.run_for(1s);
  CHECK(a.w.host.counters().forwards_acknowledged == 2);
  a.leave();
  CHECK(device_of(a.w, "bob", *a.bob).mark == 2);
}

TEST_CASE("marks: the hub writes them down once a minute, and only where there is news",
          "[marks]") {
  Absence a(5);
  std::vector<TimePoint> saves;
  const std::size_t kind = store::Request{0, store::SaveProgress{}}.body.index();
  a.w.host.on_job = [&](std::string_view what, std::size_t which) {
    if (what == "write" && which == kind) saves.push_back(a.w.net.now().mono);
  };
  a.bob->live_as("bob");
  a.w.net.run_for(5min);
  CHECK(saves.empty());
  const TimePoint begun = a.w.net.now().mono;
  for (int i = 0; i < 300; ++i) {  // five minutes
    a.w.posts_beside("ann", 1);
    a.w.net.run_for(1s);
    if (i % 10 == 0) a.bob->ping();
  }
  CHECK(saves.size() >= 4);
  CHECK(saves.size() <= 5);
  for (std::size_t i = 0; i < saves.size(); ++i) {
    CHECK(saves[i] - (i == 0 ? begun : saves[i - 1]) >= 60s);
  }
  a.w.net.run_for(2min);
  CHECK(device_of(a.w, "bob", *a.bob).mark == newest(a.w));
  const std::size_t before = saves.size();
  for (int i = 0; i < 20; ++i) {
    a.bob->ping();
    a.w.net.run_for(20s);
  }
  CHECK(saves.size() == before);
}

TEST_CASE("marks: the end of a session takes its mark along, whichever end", "[marks]") {
  auto config = SealedWorld::lenient();
  config.session_timeout = 20s;
  Absence a(6, config);
  a.w.posts_beside("ann", 5);
  REQUIRE(a.bob->gets(Opcode::kForward, 5));
  a.bob->mark(5);
  a.w.net.run_for(1s);
  REQUIRE(device_of(a.w, "bob", *a.bob).mark < 5);
  SECTION("logout") { a.bob->send(Opcode::kLogout); }
  SECTION("reset") { a.bob->send(Opcode::kSessionReset); }
  SECTION("goodbye") { a.leave(); }
  SECTION("timeout") { a.w.net.run_for(25s); }
  SECTION("a broken rule") { a.bob->send(Opcode::kSpuriousClient); }
  SECTION("its device's next session") {
    a.bob->device.history = 0;
    REQUIRE(a.bob->connect());
    REQUIRE(a.bob->resume("bob"));
    CHECK(a.bob->login_ok()->mark.post == 5);  // read after it was written
  }
  a.w.net.run_for(1s);
  CHECK(device_of(a.w, "bob", *a.bob).mark == 5);
}

TEST_CASE("marks: what many sessions have to save is saved in portions", "[marks]") {
  SealedWorld w(7, {});
  w.account("ann");
  std::vector<std::unique_ptr<SealedPeer>> peers;
  const int count = 200;
  for (int i = 0; i < count; ++i) {
    const std::string name = "p" + std::to_string(i);
    peers.push_back(w.online(name));
    w.follow_beside(name, "ann");
    peers.back()->live_as(name);
  }
  std::map<TimePoint, int> saves;
  const std::size_t kind = store::Request{0, store::SaveProgress{}}.body.index();
  w.host.on_job = [&](std::string_view what, std::size_t which) {
    if (what == "write" && which == kind) ++saves[w.net.now().mono];
  };
  w.posts_beside("ann", 1);
  for (auto& peer : peers) peer->ping();
  w.net.run_for(90s);
  int all = 0;
  for (const auto& [at, number] : saves) {
    CHECK(number <= 64);
    all += number;
  }
  CHECK(all == count);
}

TEST_CASE("marks: where a session went is written down, once it is proven", "[marks]") {
  SealedWorld w(8, {});
  auto ann = w.online("ann");
  w.net.run_for(10s);
  const Endpoint there{IpAddress::v4(203, 0, 113, 5), 4444, 0};
  ann->rebind(there);
  ann->ping();
  w.net.run_for(90s);
  const auto stored = *w.store.open_reader()->sessions({}, 10);
  REQUIRE(stored.size() == 1);
  CHECK(stored[0].remote == there);
  const auto saved = w.host.counters().progress_saved;
  CHECK(saved == 1);
  for (int i = 0; i < 10; ++i) {  // and said once
    ann->ping();
    w.net.run_for(20s);
  }
  CHECK(w.host.counters().progress_saved == saved);
  ann->live_as("ann");
  w.host.restart();  // tells her where she is now
  w.net.run_for(1s);
  CHECK(ann->is_online());
  CHECK(w.host.counters().resumes_ok == 1);
}

TEST_CASE("catch-up: the newest thousand are forwarded, the older ones counted first",
          "[catch-up]") {
  const bool from_disk = GENERATE(false, true);
  CAPTURE(from_disk);
  Absence a(9);
  a.leave();
  const auto comes_back_after = [&](int posts) {
    a.w.posts_beside("ann", posts);
    if (from_disk) a.forget_recent();
    REQUIRE(a.bob->connect());
    REQUIRE(a.bob->resume("bob", 0));
    a.w.net.run_for(30s);
  };
  SECTION("no more than a thousand") {
    comes_back_after(1000);
    CHECK(earlier(*a.bob).empty());
    CHECK(forwarded(*a.bob) == ids(1, 1000));
  }
  SECTION("one more") {
    comes_back_after(1001);
    REQUIRE(earlier(*a.bob).size() == 1);
    CHECK(earlier(*a.bob)[0].posts.count == 1);
    CHECK_FALSE(earlier(*a.bob)[0].posts.more);
    CHECK(earlier(*a.bob)[0].newest_left_out == 1);
    CHECK(forwarded(*a.bob) == ids(2, 1001));
  }
  SECTION("many more") {
    comes_back_after(6500);
    REQUIRE(earlier(*a.bob).size() == 1);
    const Earlier told = earlier(*a.bob)[0];
    CHECK(told.posts.count == 5500);
    CHECK_FALSE(told.posts.more);
    CHECK(told.newest_left_out == 5500);
    CHECK(forwarded(*a.bob, told.index) == ids(5501, 6500));
    CHECK(forwarded(*a.bob) == forwarded(*a.bob, told.index));  // told before the first
    CHECK(a.w.host.counters().catch_ups_cut == 1);
    // Once he has marked that, it is not told again.
    a.bob->mark(told.newest_left_out);
    a.w.net.run_for(1s);
    a.leave();
    CHECK(device_of(a.w, "bob", *a.bob).mark == 5500);
  }
  SECTION("more than are counted") {
    comes_back_after(11'500);
    REQUIRE(earlier(*a.bob).size() == 1);
    CHECK(earlier(*a.bob)[0].posts.count == kMaxCountedEarlier);
    CHECK(earlier(*a.bob)[0].posts.more);
    CHECK(forwarded(*a.bob) == ids(10'501, 11'500));
  }
}

TEST_CASE("catch-up: only what is due counts", "[catch-up]") {
  Absence a(10);
  a.w.account("cid");
  a.leave();
  a.w.posts_beside("ann", 600);
  a.w.posts_beside("cid", 3000);  // not followed
  a.w.posts_beside("ann", 400);
  REQUIRE(a.bob->connect());
  REQUIRE(a.bob->resume("bob", 0));
  a.w.net.run_for(30s);
  CHECK(earlier(*a.bob).empty());
  CHECK(forwarded(*a.bob).size() == 1000);
}

TEST_CASE("catch-up: who merely falls behind is never cut", "[catch-up]") {
  Absence a(11);
  a.bob->stop_reading();
  a.w.posts_beside("ann", 6000);
  a.w.net.run_for(1s);
  CHECK(a.w.host.counters().sessions_fell_behind == 1);
  a.bob->go_on_reading();
  a.w.net.run_for(30s);
  CHECK(earlier(*a.bob).empty());
  CHECK(forwarded(*a.bob) == ids(1, 6000));
}

TEST_CASE("catch-up: a count that fails or finds the reader busy is asked for again",
          "[catch-up]") {
  auto config = SealedWorld::lenient();
  config.max_pending_reads = 4;
  Absence a(12, config);
  a.leave();
  a.w.posts_beside("ann", 5000);
  SECTION("fails") {
    REQUIRE(a.bob->connect());
    a.w.host.hold_reads(true);
    a.bob->send(Opcode::kResume, a.bob->resume_payload("bob", 0));
    a.w.net.run_for(100ms);
    a.w.host.hold_reads(false);
    REQUIRE(a.bob->gets(Opcode::kLoginOk, 2, 1s));
    a.w.store.fail_reads(true);
    a.w.net.run_for(10s);
    CHECK(forwarded(*a.bob).empty());
    CHECK(a.w.host.counters().drop_store_failed >= 8);  // once a second
    CHECK(a.w.host.counters().drop_store_failed <= 12);
    a.w.store.fail_reads(false);
    a.w.posts_beside("ann", 100);
  }
  SECTION("is busy") {
    REQUIRE(a.bob->connect());
    std::vector<std::unique_ptr<SealedPeer>> others;
    for (int i = 0; i < 4; ++i) {
      others.push_back(a.w.new_peer());
      REQUIRE(others.back()->connect());
    }
    REQUIRE(a.bob->resume("bob", 0, 1s));
    a.w.host.hold_reads(true);
    for (auto& other : others) {
      other->send(Opcode::kLoginStart, sealed::write_login_start({{}, "ann"}));
    }
    a.w.net.run_for(5s);
    a.w.posts_beside("ann", 100);
    a.w.host.hold_reads(false);
  }
  a.w.net.run_for(30s);
  REQUIRE(earlier(*a.bob).size() == 1);
  const MessageId left_out = earlier(*a.bob)[0].newest_left_out;
  CHECK(left_out == earlier(*a.bob)[0].posts.count);
  CHECK(forwarded(*a.bob) == ids(left_out + 1, 5100));
}

TEST_CASE("catch-up: whatever happens while it is counted and read, nothing is missing or twice",
          "[catch-up][p5]") {
  const auto seed = GENERATE(range(1u, static_cast<unsigned>(trials(61, 9))));
  CAPTURE(seed);
  Absence a(seed);
  a.w.account("cid");
  a.w.follow_beside("bob", "cid");
  auto other = a.w.online("bob");  // his other device does the unfollowing
  a.leave();
  auto& dice = a.w.net.dice();
  const int away = 900 + static_cast<int>(dice() % 4000);
  std::map<MessageId, std::string> author;
  const auto post = [&](const std::string& name, int count) {
    const MessageId before = newest(a.w);
    a.w.posts_beside(name, count);
    for (MessageId id = before + 1; id <= newest(a.w); ++id) author[id] = name;
  };
  for (int left = away; left > 0; left -= 50) post(dice() % 3 == 0 ? "cid" : "ann", 50);
  if (dice() % 2 == 0) {
    a.forget_recent();
    REQUIRE(other->connect());
    REQUIRE(other->resume("bob"));
  }
  a.w.host.delays() = {1ms, 0ms, std::chrono::milliseconds(dice() % 40), dice() % 2 == 0, true};
  a.w.net.faults() = {.loss = 0.02, .duplicate = 0.02, .corrupt = 0, .delay = 3ms, .jitter = 5ms};
  REQUIRE(a.bob->connect());
  const std::size_t start = a.bob->received().size();
  REQUIRE(a.bob->resume("bob", 0));
  std::optional<MessageId> unfollowed_at;
  const int unfollow_in = static_cast<int>(dice() % 20);
  for (int step = 0; step < 20; ++step) {
    post("ann", static_cast<int>(dice() % 60));
    post("cid", static_cast<int>(dice() % 30));
    if (step == unfollow_in) {
      REQUIRE(other->send(Opcode::kUnsubscribe, "cid"));
      REQUIRE(other->gets(Opcode::kUnsubscribeOk));
      unfollowed_at = newest(a.w);
    }
    a.w.net.run_for(std::chrono::milliseconds(dice() % 30));
  }
  a.w.net.run_for(60s);
  const auto told = earlier(*a.bob);
  REQUIRE(told.size() <= 1);
  const MessageId from = told.empty() ? 0 : told[0].newest_left_out;
  if (!told.empty()) {
    CHECK(forwarded(*a.bob, start) == forwarded(*a.bob, told[0].index));
    CHECK(told[0].posts.count > 0);
  }
  std::vector<MessageId> of_ann;
  for (const auto& [id, name] : author) {
    if (name == "ann" && id > from) of_ann.push_back(id);
  }
  std::vector<MessageId> shown_of_ann;
  MessageId last = from;
  for (const MessageId id : forwarded(*a.bob, start)) {
    CHECK(id > last);
    last = id;
    if (author.at(id) == "ann") {
      shown_of_ann.push_back(id);
    } else {
      CHECK(id <= *unfollowed_at);
    }
  }
  CHECK(shown_of_ann == of_ann);
  CHECK(a.bob->is_online());
}
