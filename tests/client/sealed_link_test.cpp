// spoke's link by itself, against the protocol's own server half: what it does when its hub is
// silent, elsewhere, or not the one.
#include "client/core/sealed_link.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

#include "client/core/session.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/support/client_disk.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::client {
namespace {

using namespace std::chrono_literals;
using Datagram = std::vector<std::uint8_t>;

const HubName kHub{"hub.example", 32000};
const Path kPath{{IpAddress::v4(192, 0, 2, 1), 32000, 0}, {IpAddress::v4(192, 0, 2, 9), 5000, 0}};

ContactOptions unasked() {
  ContactOptions options;
  options.accept_new = true;
  return options;
}

/// The link, and a hub that hears it only when told to.
struct Fixture {
  explicit Fixture(const LinkConfig& config = {}, const KnownHubs& known = {},
                   const std::optional<Key>& invited = std::nullopt,
                   const ContactOptions& options = unasked())
      : key(generate_key_pair(random)),
        responder({}, {key}, Key{5}, 1, random),
        link(config, FirstContact(kHub, known, invited, options), random) {}

  void send(Opcode opcode, const std::string& payload = {}) {
    link.send({opcode, 0, 0, payload}, now);
    take();
  }
  /// Moves everything out of the link's outputs.
  void take() {
    for (auto& output : std::exchange(link.outputs(), {})) {
      if (auto* out = std::get_if<SendDatagram>(&output)) sent.push_back(std::move(out->bytes));
      if (auto* got = std::get_if<Deliver>(&output)) delivered.push_back(got->message.opcode);
      if (auto* asked = std::get_if<AskAboutKey>(&output)) questions.push_back(asked->text);
      if (auto* over = std::get_if<Distrust>(&output)) distrust = over->word;
      if (std::holds_alternative<NextAddress>(output)) moves.push_back(now - start);
      if (std::holds_alternative<Lost>(output)) ++lost;
      if (std::holds_alternative<GaveUp>(output)) ++gave_up;
      if (std::holds_alternative<OpenDevice>(output)) link.on_device(disk.files, now);
      if (const auto* kept = std::get_if<Keep>(&output)) keep(*kept);
    }
    if (!link.outputs().empty()) take();
  }
  void keep(const Keep& kept) {
    const bool is_on_disk = disk.keep(kept.what);
    const auto* line = std::get_if<AppendOutbox>(&kept.what);
    if (line != nullptr && line->sync) link.on_kept(is_on_disk, now);
  }
  /// Time passes, and the hub hears nothing.
  void pass(Duration span) {
    const TimePoint end = now + span;
    while (link.next_timeout() && *link.next_timeout() <= end) {
      now = std::max(now, *link.next_timeout());
      link.on_timeout(now);
      take();
      REQUIRE(++wakeups < 10'000);
    }
    now = end;
  }
  void hear(const Datagram& datagram) {
    link.on_datagram(datagram, now);
    take();
  }
  /// The hub hears all that was sent, and answers, its delayed acks included, until there is
  /// nothing more to say.
  void talk() {
    while (!sent.empty()) {
      for (const Datagram& datagram : std::exchange(sent, {})) on_hub(datagram);
      const auto due = hub ? hub->next_timeout() : std::nullopt;
      if (!sent.empty() || !due || *due > now + kMaxAckDelay) continue;
      now = std::max(now, *due);
      hub->on_timeout(now);
      flush_hub();
    }
  }
  void on_hub(const Datagram& datagram) {
    Datagram out;
    if (const auto header = sealed::read_transport_header(datagram)) {
      if (responder.find(header->id, now) != nullptr) {
        hub = std::make_unique<sealed::Connection>(
            sealed::Side::kServer, responder.take(header->id).established, kPath, random, now);
      }
      if (!hub) return;
      hub->on_datagram(kPath, *header, datagram, now);
      for (const auto& each : hub->take_delivered()) {
        heard.push_back(sealed::read_message(each.bytes)->opcode);
      }
      flush_hub();
      return;
    }
    responder.on_stranger(kPath.remote, datagram, now, out);
    if (!out.empty()) hear(out);
  }
  void flush_hub() {
    Datagram out;
    while (hub->poll_transmit(now, out)) hear(std::exchange(out, {}));
  }
  void say(Opcode opcode, const std::string& payload = {}) {
    hub->channel().send_talk(sealed::write_message({opcode, 0, payload}));
    flush_hub();
    talk();
  }
  /// A reset as the hub would make it, or with a token that is off by one bit.
  Datagram reset(bool right, sealed::ConnectionId id) {
    sealed::Reset made{id, responder.reset_token_of(id)};
    if (!right) made.token[7] ^= 4;
    Datagram out;
    sealed::write_reset(made, out);
    return out;
  }

  test::SeededRandom random{5};
  KeyPair key;
  sealed::Responder responder;
  SealedLink link;
  std::unique_ptr<sealed::Connection> hub;
  TimePoint start{1h};
  TimePoint now = start;
  std::vector<Datagram> sent;
  std::vector<Opcode> delivered;
  std::vector<Opcode> heard;
  std::vector<std::string> questions;
  std::vector<Duration> moves;
  std::string distrust;
  int lost = 0;
  int gave_up = 0;
  int wakeups = 0;
  test::ClientDisk disk;
};

}  // namespace

TEST_CASE("sealed link: nothing to say, nothing sent") {
  Fixture f;
  f.pass(1h);
  CHECK(f.sent.empty());
  CHECK(f.wakeups == 0);
}

TEST_CASE("sealed link: an unknown hub is asked for its key, and then greeted with it") {
  Fixture f;
  f.send(Opcode::kPost, "hello");
  REQUIRE(f.sent.size() == 1);
  CHECK(f.sent[0][0] == static_cast<std::uint8_t>(sealed::Type::kKeyRequest));
  f.talk();
  CHECK(f.heard == std::vector<Opcode>{Opcode::kPost});
  f.say(Opcode::kMustLoginFirst);
  CHECK(f.delivered == std::vector<Opcode>{Opcode::kMustLoginFirst});
}

TEST_CASE("sealed link: where somebody can be asked about a key, all waits for the answer") {
  ContactOptions options;
  options.can_ask = true;
  LinkConfig config;
  config.patience = 10s;
  Fixture f(config, {}, std::nullopt, options);
  f.send(Opcode::kPost, "hello");
  f.talk();
  REQUIRE(f.questions.size() == 1);
  f.pass(1h);  // people take their time
  CHECK(f.sent.empty());
  CHECK(f.lost == 0);
  SECTION("yes") {
    f.link.on_answer("yes", f.now);
    f.take();
    f.talk();
    CHECK(f.heard == std::vector<Opcode>{Opcode::kPost});
  }
  SECTION("no") {
    f.link.on_answer("no", f.now);
    f.take();
    CHECK(f.distrust == "untrusted_key");
    CHECK(f.sent.empty());
  }
}

TEST_CASE("sealed link: three datagrams to an address, then the next one") {
  Fixture f({}, {}, Key{9});
  f.send(Opcode::kPost, "hello");
  f.pass(60s);
  CHECK(f.moves.size() >= 5);
  CHECK(f.moves.size() <= 8);
  CHECK(f.sent.size() >= 3 * f.moves.size());
  CHECK(f.sent.size() <= 3 * (f.moves.size() + 1));
  CHECK(f.lost == 0);  // without an end to its patience it goes on
}

TEST_CASE("sealed link: patience ends, what waited is lost, and the next request begins afresh") {
  LinkConfig config;
  config.patience = 10s;
  Fixture f(config);
  f.send(Opcode::kLogin, "ann&secret");
  f.pass(9s);
  CHECK(f.gave_up == 0);
  f.pass(2s);
  CHECK(f.gave_up == 1);
  CHECK_FALSE(f.link.is_reconnecting());
  f.sent.clear();
  f.pass(1h);
  CHECK(f.sent.empty());
  f.send(Opcode::kPost, "hello");
  REQUIRE_FALSE(f.sent.empty());
  f.talk();
  CHECK(f.heard == std::vector<Opcode>{Opcode::kPost});
}

TEST_CASE("sealed link: a connection that owes an answer is tried elsewhere, then anew beside it") {
  Fixture f({}, {}, std::nullopt);
  f.send(Opcode::kPost, "hello");
  f.talk();
  f.say(Opcode::kMustLoginFirst);
  f.pass(10s);
  f.talk();
  f.moves.clear();
  f.start = f.now;
  f.send(Opcode::kPost, "and now?");
  f.sent.clear();
  f.pass(19s);
  CHECK(f.moves.size() == 6);
  CHECK(f.moves.front() == 3s);
  const auto hellos = [&] {
    return std::count_if(f.sent.begin(), f.sent.end(), [](const Datagram& datagram) {
      return datagram[0] == static_cast<std::uint8_t>(sealed::Type::kHello);
    });
  };
  CHECK(hellos() == 0);
  f.pass(2s);
  CHECK(hellos() >= 1);
  SECTION("the old one answers first") {
    std::erase_if(f.sent, [](const Datagram& each) { return each[0] < 0x08; });
    f.talk();
    CHECK(f.heard.back() == Opcode::kPost);
    CHECK(f.lost == 0);
    f.sent.clear();
    f.pass(5s);
    CHECK(hellos() == 0);
  }
  SECTION("a new one is made first") {
    std::erase_if(f.sent, [](const Datagram& each) { return each[0] >= 0x08; });
    f.talk();
    CHECK(f.lost == 1);  // the post may have been done
  }
}

TEST_CASE("sealed link: a reset counts with the right token and for this connection only") {
  Fixture f;
  f.send(Opcode::kPost, "hello");
  f.talk();
  const sealed::ConnectionId id = f.hub->id();
  f.hear(f.reset(false, id));
  f.hear(f.reset(true, id + 1));
  f.hear(f.reset(true, f.hub->peer_id()));
  CHECK(f.lost == 0);
  f.hear(f.reset(true, id));
  CHECK(f.lost == 1);
  f.hear(f.reset(true, id));  // once
  CHECK(f.lost == 1);
  CHECK(f.sent.empty());  // nobody is logged in, so nothing is to be made anew
}

TEST_CASE("sealed link: what waits while a connection is in doubt goes over the next one") {
  Fixture f;
  f.send(Opcode::kPost, "one");
  f.talk();
  f.say(Opcode::kMustLoginFirst);
  f.pass(10s);
  f.talk();
  const sealed::ConnectionId id = f.hub->id();
  f.link.on_path_changed(f.now);
  f.take();
  f.pass(21s);  // the hub was restarted and forgot us; a new handshake is under way
  f.send(Opcode::kPost, "two");
  f.sent.clear();
  f.heard.clear();
  f.hear(f.reset(true, id));
  REQUIRE_FALSE(f.sent.empty());
  f.talk();
  CHECK(f.heard == std::vector<Opcode>{Opcode::kPost});
}

TEST_CASE("sealed link: other keys or versions are believed only if no welcome comes") {
  KnownHubs known;
  Fixture probe;  // the same random numbers, so the same key
  REQUIRE(known.record_proof(kHub, probe.key.public_key));
  Fixture f({}, known);
  f.send(Opcode::kPost, "hello");
  REQUIRE(f.sent.size() == 1);
  const auto hello = sealed::read_hello(f.sent[0]);
  REQUIRE(hello);
  Datagram forged;
  std::string word;
  SECTION("keys") {
    sealed::write_key_answer({hello->echo, {Key{7}}}, forged);
    word = "changed_key";
  }
  SECTION("versions") {
    sealed::write_versions({hello->echo, {9}}, forged);
    word = "other_version";
  }
  f.hear(forged);
  CHECK(f.distrust.empty());
  const bool honest = GENERATE(true, false);
  if (honest) {
    f.pass(900ms);
    f.hear(forged);  // again: no new second for it, and no end of ours
    f.talk();
    f.pass(10s);
    CHECK(f.distrust.empty());
    CHECK(f.heard == std::vector<Opcode>{Opcode::kPost});
  } else {
    f.pass(900ms);
    f.hear(forged);
    CHECK(f.distrust.empty());
    f.pass(200ms);
    CHECK(f.distrust == word);
    f.sent.clear();
    f.send(Opcode::kPost, "more");
    f.pass(1min);
    CHECK(f.sent.empty());
  }
}

TEST_CASE("sealed link: an end for good is told, and nothing is made anew; other ends are not") {
  const auto why = GENERATE(sealed::CloseReason::kEnded, sealed::CloseReason::kReplaced,
                            sealed::CloseReason::kProtocolError, sealed::CloseReason::kTimeout,
                            sealed::CloseReason::kNoLogin, sealed::CloseReason::kBusy);
  const bool for_good = why == sealed::CloseReason::kEnded ||
                        why == sealed::CloseReason::kReplaced ||
                        why == sealed::CloseReason::kProtocolError;
  CAPTURE(static_cast<int>(why));
  Fixture f;
  f.send(Opcode::kLogin, "ann&secret");
  f.talk();
  REQUIRE(f.heard == std::vector<Opcode>{Opcode::kLoginStart});
  f.hub->close(why);
  f.flush_hub();
  const bool reset =
      std::find(f.delivered.begin(), f.delivered.end(), Opcode::kSessionReset) != f.delivered.end();
  CHECK(reset == for_good);
  CHECK(f.link.is_reconnecting() != for_good);
  f.heard.clear();
  f.hub.reset();
  f.pass(6s);  // busy: not at once
  f.talk();
  CHECK(f.heard == (for_good ? std::vector<Opcode>{} : std::vector<Opcode>{Opcode::kLoginStart}));
}

TEST_CASE("sealed link: whoever leaves says goodbye") {
  Fixture f;
  f.send(Opcode::kPost, "hello");
  f.talk();
  f.link.leave(f.now);
  f.take();
  f.talk();
  CHECK(f.hub->close_reason() == sealed::CloseReason::kGoodbye);
}

}  // namespace hub::client
