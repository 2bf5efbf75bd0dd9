// A restart of the hub is invisible: everybody is back within five seconds, who only listens too,
// and however many share an address; nothing is lost and nothing comes twice.
#include <algorithm>
#include <deque>
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

/// The rates that hubd has by itself. (The peers send no keep-alives.)
server::HubConfig strict() {
  server::HubConfig config;
  config.classic = server::ClassicAccess::kOff;
  config.session_timeout = 10min;
  return config;
}

/// Posts under numbers, and asks again after it came back: what a client does with its outbox.
class Poster {
 public:
  Poster(SealedWorld& w, const std::string& name) : w_(w), name_(name), peer_(w.online(name)) {
    peer_->live_as(name);
    peer_->on_message = [this](const SealedPeer::Message& message) {
      if (message.opcode == Opcode::kPostAck) answered(message.id);
      if (message.opcode == Opcode::kLoginOk) send_all();
    };
  }
  void post() {
    under_way_.push_back(++number_);
    if (peer_->is_online()) send(number_);
  }
  /// Posts so often, evenly, for so long.
  void post_for(Duration span, int count) {
    for (int i = 0; i < count; ++i) w_.net.after(span * i / count, [this] { post(); });
  }
  bool is_done() const { return under_way_.empty(); }
  std::uint64_t posted() const { return number_; }
  std::string text(std::uint64_t number) const { return name_ + " " + std::to_string(number); }
  SealedPeer& peer() { return *peer_; }

 private:
  void send(std::uint64_t number) { peer_->send(Opcode::kPost, text(number), number); }
  void send_all() {
    for (const std::uint64_t number : under_way_) send(number);
  }
  void answered(std::uint64_t number) {
    if (!under_way_.empty() && under_way_.front() == number) under_way_.pop_front();
  }

  SealedWorld& w_;
  std::string name_;
  std::unique_ptr<SealedPeer> peer_;
  std::deque<std::uint64_t> under_way_;
  std::uint64_t number_ = 0;
};

/// Off for so long, then on.
void restart(SealedWorld& w, Duration off) {
  w.net.cut(w.host.endpoint(), true);
  w.net.run_for(off);
  w.host.restart();
  w.net.cut(w.host.endpoint(), false);
}

std::size_t online_of(const std::vector<std::unique_ptr<SealedPeer>>& peers) {
  return static_cast<std::size_t>(std::count_if(
      peers.begin(), peers.end(), [](const auto& peer) { return peer->is_online(); }));
}

void restart_under_load(int listeners) {
  SealedWorld w(1, {}, strict());
  std::vector<std::unique_ptr<Poster>> posters;
  for (const char* name : {"ann", "bea", "cid"})
    posters.push_back(std::make_unique<Poster>(w, name));
  // All of one network, so one source prefix; each of an account of its own.
  std::vector<std::unique_ptr<SealedPeer>> peers;
  for (int i = 0; i < listeners; ++i) {
    const std::string name = "p" + std::to_string(i);
    peers.push_back(w.online(name));
    peers.back()->live_as(name);
    w.follow_beside(name, i % 3 == 0 ? "ann" : i % 3 == 1 ? "bea" : "cid");
    if (i % 4 == 0) w.follow_beside(name, "ann");
  }
  w.net.run_for(5s);
  REQUIRE(online_of(peers) == peers.size());
  w.net.faults() = {.loss = 0.002, .duplicate = 0, .corrupt = 0, .delay = 15ms, .jitter = 10ms};
  w.host.delays() = {3ms, 0ms, 100us, false, true};
  for (auto& poster : posters) poster->post_for(12s, 120);
  w.net.run_for(4s);
  restart(w, 300ms);
  const std::uint64_t resumed_before = w.host.counters().resumes_ok;
  const std::size_t all = peers.size() + posters.size();
  const auto back = [&](std::size_t count) {
    return w.net.run_until([&] { return w.host.counters().resumes_ok - resumed_before >= count; },
                           5s);
  };
  REQUIRE(back(all - all / 1000));  // of 10,000 some lose three datagrams in a row
  REQUIRE(back(all));
  w.net.run_for(20s);
  CHECK(online_of(peers) == peers.size());
  CHECK(w.host.counters().resumes_failed == 0);
  CHECK(w.figure("devices_away") == 0);
  for (auto& poster : posters) {
    CHECK(poster->is_done());
    CHECK(poster->posted() == 120);
  }
  CHECK(w.store.open_reader()->counts()->last_post == 360);
  std::size_t wrong = 0;
  for (int i = 0; i < listeners; ++i) {
    std::map<std::string, std::uint64_t> last;
    for (const std::string& text : peers[static_cast<std::size_t>(i)]->forwards()) {
      const std::string author = text.substr(1, 3);
      if (text != "<" + author + ">" + author + " " + std::to_string(++last[author])) ++wrong;
    }
    const std::string followed = i % 3 == 0 ? "ann" : i % 3 == 1 ? "bea" : "cid";
    if (last[followed] != 120 || (i % 4 == 0 && last["ann"] != 120)) ++wrong;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("restart: under load all are back within five seconds, and nothing is lost or repeated",
          "[restart][p8]") {
  restart_under_load(trials(1000, 150));
}

// Half a minute of work: test_sim "[.p8]"
TEST_CASE("restart: ten thousand are back within five seconds", "[.p8]") {
  restart_under_load(10'000);
}

TEST_CASE("restart: who only listens is told, once more where that is lost", "[restart][p8]") {
  SealedWorld w(3, {}, strict());
  w.account("ann");
  std::vector<std::unique_ptr<SealedPeer>> peers;
  for (int i = 0; i < 40; ++i) {
    peers.push_back(w.online("p" + std::to_string(i)));
    peers.back()->live_as("p" + std::to_string(i));
  }
  w.net.run_for(10s);
  w.net.faults() = {.loss = 0.2, .duplicate = 0, .corrupt = 0, .delay = 15ms, .jitter = 10ms};
  // None of them says a word by itself.
  restart(w, 100ms);
  w.net.run_for(5s);
  CHECK(w.host.counters().resumes_ok >= 39);
  CHECK(w.host.counters().stateless_resets_sent <= 3 * 40);
}

TEST_CASE("restart: who had a session is let in beyond the limits for strangers, and nobody else",
          "[restart][p8][p11]") {
  SealedWorld w(7, {}, strict());
  std::vector<std::unique_ptr<SealedPeer>> peers;
  for (int i = 0; i < 100; ++i) {
    peers.push_back(w.online("p" + std::to_string(i)));
    peers.back()->live_as("p" + std::to_string(i));
  }
  w.net.run_for(1s);
  w.net.faults().delay = 20ms;
  w.host.config().hellos_per_second = 1;
  w.host.config().max_strangers = 1;
  w.host.restart();
  REQUIRE(w.net.run_until([&] { return w.host.counters().resumes_ok >= 100; }, 3s));
  CHECK(w.host.counters().drop_strangers == 0);
  // All are back: now the limits hold.
  w.net.run_for(30s);
  int connected = 0;
  std::vector<std::unique_ptr<SealedPeer>> others;
  for (int i = 0; i < 10; ++i) {
    others.push_back(w.new_peer());
    connected += others.back()->connect(300ms) ? 1 : 0;
  }
  CHECK(connected == 1);
}

TEST_CASE("restart: resets go out at the pace at which devices come back", "[restart][p8]") {
  SealedWorld w(3, {}, strict());
  std::vector<std::unique_ptr<SealedPeer>> peers;
  const int count = trials(400, 130);
  for (int i = 0; i < count; ++i) peers.push_back(w.online("p" + std::to_string(i)));
  w.net.run_for(1s);
  std::map<TimePoint, int> resets;
  w.host.on_send = [&](const Path&, Bytes bytes) {
    if (sealed::read_reset(bytes)) ++resets[w.net.now().mono];
  };
  const TimePoint begun = w.net.now().mono;
  w.host.restart();
  w.net.run_for(900ms);
  int all = 0;
  TimePoint before{};
  for (const auto& [at, number] : resets) {
    CHECK(number <= 40);
    CHECK(at - before >= 10ms);
    before = at;
    all += number;
  }
  CHECK(all == count);
  CHECK(before - begun <= 10ms * (count / 40));  // 10,000 in 2.5 s
}

TEST_CASE("restart: what is stored of a session outlives another restart before its device is back",
          "[restart]") {
  SealedWorld w(4, {}, strict());
  auto bob = w.online("bob");
  bob->live_as("bob");
  w.net.run_for(10s);
  w.net.cut(bob->endpoint(), true);
  for (int i = 0; i < 3; ++i) {
    w.host.restart();
    w.net.run_for(5s);
  }
  w.host.restart();
  w.net.cut(bob->endpoint(), false);
  w.net.run_for(1s);
  CHECK(bob->is_online());
  CHECK(w.host.counters().resumes_ok == 1);
}

TEST_CASE("restart: a device that does not come back in time is forgotten; who is back is not",
          "[restart]") {
  auto config = strict();
  config.session_timeout = 30s;
  SealedWorld w(5, {}, config);
  auto ann = w.online("ann");
  auto bob = w.online("bob");
  ann->live_as("ann");
  w.net.cut(bob->endpoint(), true);
  std::size_t closes = 0;
  const std::size_t kind = store::Request{0, store::CloseSession{}}.body.index();
  w.host.on_job = [&](std::string_view what, std::size_t which) {
    if (what == "write" && which == kind) ++closes;
  };
  w.host.restart();
  for (int i = 0; i < 29; ++i) {
    w.net.run_for(1s);
    ann->ping();
  }
  CHECK(w.store.open_reader()->counts()->sessions == 2);
  CHECK(w.figure("devices_away") == 1);
  w.net.run_for(2s);
  ann->ping();
  CHECK(w.store.open_reader()->counts()->sessions == 1);
  CHECK(w.figure("devices_away") == 0);
  CHECK(closes == 1);
  CHECK(ann->is_online());
  CHECK(w.sessions().size() == 1);
}

TEST_CASE("restart: a device that came back by itself is not told again", "[restart]") {
  SealedWorld w(6, {}, strict());
  auto ann = w.online("ann");
  ann->live_as("ann");
  w.net.run_for(1s);
  w.net.faults().delay = 10ms;
  int resets = 0;
  w.host.on_send = [&](const Path&, Bytes bytes) { resets += sealed::read_reset(bytes) ? 1 : 0; };
  w.host.restart();
  w.net.run_for(10s);
  CHECK(ann->is_online());
  CHECK(resets == 1);
}
