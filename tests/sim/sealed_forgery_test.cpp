// Forged, altered and repeated datagrams against both sides: a conversation under attack comes out
// exactly as the same conversation left alone, and at rest nothing but drops is counted.
#include <functional>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "protocol/sealed/handshake.hpp"
#include "tests/support/sealed_world.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

using Datagram = std::vector<std::uint8_t>;
using Figures = std::map<std::string, std::int64_t>;

const Endpoint kElsewhere{IpAddress::v4(203, 0, 113, 66), 6666, 0};

struct Recorded {
  Endpoint from;
  Endpoint to;
  Datagram bytes;
};

/// All that changes when somebody sends what does not count: drops, and the answers to strangers
/// that leave nothing behind.
Figures without_drops(SealedWorld& w) {
  static const std::set<std::string> kOfStrangers = {
      "datagrams_received", "datagrams_sent",        "cookies_asked",         "versions_refused",
      "key_answers_sent",   "stateless_resets_sent", "must_login_first_sent", "closes_sent_again"};
  const auto figures = std::get<control::Figures>(w.host.ask(control::Stats{}));
  Figures out;
  for (const auto& [name, value] : figures.numbers) {
    if (name.rfind("drop_", 0) != 0 && kOfStrangers.count(name) == 0) out.emplace(name, value);
  }
  return out;
}

/// The whole listing of sessions, their addresses and when they were last active included.
std::string listing(SealedWorld& w) { return control::encode(w.host.ask(control::ListSessions{})); }

struct Outcome {
  std::vector<std::string> ann;
  std::vector<std::string> bob;
  std::vector<std::string> notes;
  std::vector<std::string> sessions;
  Figures figures;

  bool operator==(const Outcome&) const = default;
};

/// Handshake, login, posts, retrieve, roaming, a wrong password, logout. `meddle` sees each
/// datagram before the network has it.
Outcome converse(const std::function<void(SealedWorld&, const Recorded&)>& meddle) {
  auto config = SealedWorld::lenient();
  config.classic = server::ClassicAccess::kAny;
  SealedWorld w(11, {"ann", "bob"}, config);
  w.net.faults().delay = 4ms;
  const auto seen = [&](const Recorded& datagram) {
    if (meddle) meddle(w, datagram);
  };
  for (const char* name : {"ann", "bob"}) {
    SealedClient& client = w[name];
    client.on_send = [&, name](Bytes bytes) {
      seen({w[name].endpoint(), w.host.endpoint(), Datagram(bytes.begin(), bytes.end())});
    };
  }
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    if (path.remote.ip == kElsewhere.ip) return;  // what a meddler is told
    seen({path.local, path.remote, Datagram(bytes.begin(), bytes.end())});
  };
  CHECK(w.type("ann", "login#ann&wrong"));
  CHECK(w.login("ann"));
  CHECK(w.login("bob"));
  CHECK(w.follow("bob", "ann"));
  CHECK(w.post("ann", "one"));
  CHECK(w.sees("bob", "<ann>one", 1, 5s));
  w["bob"].rebind(w.new_address());
  CHECK(w.type("bob", "retrieve#2"));
  w["ann"].move(w.new_ipv6_address());
  CHECK(w.post("ann", "two"));
  CHECK(w.sees("bob", "<ann>two", 1, 5s));
  w.net.run_for(30s);  // keep-alives
  CHECK(w.type("ann", "logout#"));
  CHECK(w.login("ann"));
  w.net.run_for(6s);
  Outcome out{w["ann"].lines(), w["bob"].lines(), w["ann"].notes(), w.sessions(), without_drops(w)};
  out.notes.insert(out.notes.end(), w["bob"].notes().begin(), w["bob"].notes().end());
  for (const char* name : {"ann", "bob"}) w[name].on_send = nullptr;
  w.host.on_send = nullptr;
  return out;
}

/// `now and then`, where each trial is dear.
constexpr std::size_t kBitStep = trials<std::size_t>(1, 7);

void describe(const Outcome& clean, const Outcome& attacked) {
  CHECK(attacked.ann == clean.ann);
  CHECK(attacked.bob == clean.bob);
  CHECK(attacked.notes == clean.notes);
  CHECK(attacked.sessions == clean.sessions);
  for (const auto& [name, value] : clean.figures) {
    INFO(name);
    CHECK(attacked.figures.at(name) == value);
  }
}

}  // namespace

TEST_CASE("sealed: every bit of every datagram flipped, ahead of the original", "[p12]") {
  const bool elsewhere = GENERATE(false, true);
  CAPTURE(elsewhere);
  const Outcome clean = converse({});
  std::size_t flips = 0;
  std::map<std::uint8_t, int> of_kind;
  const Outcome attacked = converse([&](SealedWorld& w, const Recorded& datagram) {
    Datagram altered = datagram.bytes;
    const bool to_hub = datagram.to == w.host.endpoint();
    // What the hub says to an altered hello is altered too: a few of each kind are enough.
    if (!to_hub && altered[0] < 0x08 && ++of_kind[altered[0]] > 3) return;
    for (std::size_t bit = flips % kBitStep; bit < altered.size() * 8; bit += kBitStep) {
      const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
      altered[bit / 8] ^= mask;
      w.net.send(elsewhere && to_hub ? kElsewhere : datagram.from, datagram.to, altered);
      altered[bit / 8] ^= mask;
      ++flips;
    }
  });
  CHECK(flips > trials<std::size_t>(30'000, 4'000));
  describe(clean, attacked);
}

TEST_CASE("sealed: every datagram again, from where it came and from elsewhere", "[p12]") {
  const int copies = GENERATE(1, 3);
  const bool elsewhere = GENERATE(false, true);
  CAPTURE(copies, elsewhere);
  const Outcome clean = converse({});
  std::size_t repeats = 0;
  Outcome attacked = converse([&](SealedWorld& w, const Recorded& datagram) {
    // Just after the original, and later once more, when it is one of many old ones.
    const bool to_hub = datagram.to == w.host.endpoint();
    const Endpoint from = elsewhere && to_hub ? kElsewhere : datagram.from;
    for (int copy = 0; copy < copies; ++copy) {
      w.net.after(1us + copy * 700ms,
                  [&w, from, datagram] { w.net.send(from, datagram.to, datagram.bytes); });
      ++repeats;
    }
  });
  CHECK(repeats > 60);
  // A hello that comes again is a handshake that nobody goes on with, forgotten after 5 s.
  attacked.figures["hellos_welcomed"] = clean.figures.at("hellos_welcomed");
  describe(clean, attacked);
}

TEST_CASE("sealed: at rest, altered and repeated datagrams change nothing but drops", "[p12]") {
  SealedWorld w(11, {"ann", "bob"}, SealedWorld::lenient());
  w.net.faults().delay = 4ms;
  std::vector<Recorded> own;
  for (const char* name : {"ann", "bob"}) {
    w[name].on_send = [&, name](Bytes bytes) {
      own.push_back({w[name].endpoint(), w.host.endpoint(), Datagram(bytes.begin(), bytes.end())});
    };
  }
  w.host.on_send = [&](const Path& path, Bytes bytes) {
    own.push_back({path.local, path.remote, Datagram(bytes.begin(), bytes.end())});
  };
  REQUIRE(w.login("ann"));
  REQUIRE(w.login("bob"));
  REQUIRE(w.follow("bob", "ann"));
  for (int i = 0; i < 10; ++i) REQUIRE(w.post("ann", "post " + std::to_string(i)));
  REQUIRE(w.type("bob", "retrieve#5"));
  w.net.run_for(1s);
  const std::vector<Recorded> all = own;
  own.clear();
  w.net.faults().delay = 0ms;
  std::size_t sent_by_clients = 0;
  for (const char* name : {"ann", "bob"}) w[name].on_send = [&](Bytes) { ++sent_by_clients; };
  w.host.on_send = nullptr;

  Figures figures = without_drops(w);
  const std::string sessions = listing(w);
  const auto ann = w["ann"].lines();
  const auto bob = w["bob"].lines();
  const auto check_unchanged = [&] {
    w.net.settle();
    REQUIRE(without_drops(w) == figures);
    REQUIRE(listing(w) == sessions);
    REQUIRE(sent_by_clients == 0);
    REQUIRE(w["ann"].lines() == ann);
    REQUIRE(w["bob"].lines() == bob);
  };
  std::size_t trials_made = 0;
  for (const Recorded& each : all) {
    const bool hello = each.bytes[0] == static_cast<std::uint8_t>(sealed::Type::kHello);
    for (const Endpoint& from : {each.from, kElsewhere}) {
      Datagram altered = each.bytes;
      w.net.send(from, each.to, altered);
      w.net.settle();
      if (hello) {  // a handshake that nobody goes on with, forgotten after 5 s
        figures["hellos_welcomed"] = w.figure("hellos_welcomed");
        figures["half_open_handshakes"] = w.figure("half_open_handshakes");
      }
      check_unchanged();
      for (std::size_t bit = trials_made % kBitStep; bit < altered.size() * 8; bit += kBitStep) {
        altered[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        w.net.send(from, each.to, altered);
        altered[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        ++trials_made;
      }
      check_unchanged();
    }
  }
  CHECK(trials_made > trials<std::size_t>(60'000, 8'000));
  w.net.run_for(6s);
  CHECK(w.figure("half_open_handshakes") == 0);
  REQUIRE(w.post("ann", "unharmed"));
  REQUIRE(w.sees("bob", "<ann>unharmed", 1, 5s));
  CHECK(w.openings() == 2);
}

TEST_CASE("sealed: only the hub's own reset ends a connection", "[p12]") {
  SealedWorld w(12);
  REQUIRE(w.login("ann"));
  Datagram reset;
  w.net.run_for(3s);
  w.net.cut(w["ann"].endpoint(), true);
  w.host.on_send = [&](const Path&, Bytes bytes) {
    if (sealed::read_reset(bytes)) reset.assign(bytes.begin(), bytes.end());
  };
  w.host.restart();
  w.net.settle();
  REQUIRE(reset.size() == 25);
  w.net.cut(w["ann"].endpoint(), false);
  int sent = 0;
  w["ann"].on_send = [&](Bytes) { ++sent; };
  for (std::size_t bit = 0; bit < reset.size() * 8; ++bit) {
    Datagram altered = reset;
    altered[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    w.net.send(w.host.endpoint(), w["ann"].endpoint(), altered);
  }
  w.net.settle();
  CHECK(sent == 0);
  CHECK(w["ann"].link().is_online());
  w.net.send(w.host.endpoint(), w["ann"].endpoint(), reset);
  w.net.settle();
  CHECK(sent > 0);
  CHECK_FALSE(w["ann"].link().is_online());
  REQUIRE(w.net.run_until([&] { return w["ann"].link().is_online(); }, 5s));
}
