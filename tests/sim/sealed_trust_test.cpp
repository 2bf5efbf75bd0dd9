// Which hub a client believes: one with the key it knows, that also knows the account's verifier.
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "protocol/client_id.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

namespace {

const Endpoint kFalseHubAt{IpAddress::v4(192, 0, 2, 66), 32000, 0};
const Endpoint kClientAt{IpAddress::v4(198, 51, 100, 9), 6000, 0};

/// Somebody who has got hold of a hub's secret key and nothing else. It lets everybody in.
class FalseHub {
 public:
  FalseHub(SimNet& net, const KeyPair& key, const KdfParams& kdf = {kMinKdfMemory, kMinKdfPasses})
      : net_(net), random_(99), kdf_(kdf), responder_({}, {key}, Key{9}, 0, random_) {
    net_.attach(kFalseHubAt, [this](const Endpoint& from, const Endpoint&, Bytes bytes) {
      on_datagram(from, bytes);
    });
  }

  std::vector<Opcode> heard;

 private:
  void on_datagram(const Endpoint& from, Bytes bytes) {
    const TimePoint now = net_.now().mono;
    std::vector<std::uint8_t> out;
    const Path path{kFalseHubAt, from};
    if (const auto header = sealed::read_transport_header(bytes)) {
      if (!connection_ && responder_.find(header->id, now) != nullptr) {
        connection_ = std::make_unique<sealed::Connection>(
            sealed::Side::kServer, responder_.take(header->id).established, path, random_, now);
      }
      if (!connection_) return;
      connection_->on_datagram(path, *header, bytes, now);
      for (const auto& delivered : connection_->take_delivered()) answer(delivered.bytes);
      while (connection_->poll_transmit(now, out)) {
        net_.send(kFalseHubAt, from, out);
        out.clear();
      }
    } else {
      responder_.on_stranger(from, bytes, now, out);
      if (!out.empty()) net_.send(kFalseHubAt, from, out);
    }
  }

  void answer(Bytes bytes) {
    const auto message = sealed::read_message(bytes);
    heard.push_back(message->opcode);
    std::string payload;
    Opcode opcode = Opcode::kLoginOk;
    if (message->opcode == Opcode::kLoginStart) {
      opcode = Opcode::kLoginChallenge;
      payload = sealed::write_login_challenge({LoginNonce{1}, Salt{2}, kdf_});
    } else {
      payload = sealed::write_login_ok({Key{3}, 60s, {}, 0, Key{4}});
    }
    connection_->channel().send_talk(sealed::write_message({opcode, 0, payload}));
  }

  SimNet& net_;
  SeededRandom random_;
  KdfParams kdf_;
  sealed::Responder responder_;
  std::unique_ptr<sealed::Connection> connection_;
};

/// What a client has sent, by the type of its datagrams.
struct Sent {
  explicit Sent(SealedClient& client) {
    client.on_send = [this](Bytes bytes) { ++of_type[bytes[0] & 0xFE]; };
  }
  int transports() { return of_type[0x08]; }
  std::map<int, int> of_type;
};

client::KnownHubs knowing(const Key& key) {
  client::KnownHubs known;
  REQUIRE(known.record_proof(kSimHubName, key));
  return known;
}

std::size_t keys_known(SealedClient& client) {
  const auto known = client.known().find(kSimHubName);
  return known ? known->keys.size() : 0;
}

}  // namespace

TEST_CASE("sealed: a hub with another key than the known one is refused, and told nothing",
          "[p13]") {
  SealedWorld w(1);
  SeededRandom random(5);
  SealedClientOptions options;
  options.known = knowing(generate_key_pair(random).public_key);
  SealedClient& client = w.add_client("ann", options);
  Sent sent(client);
  client.type("login#ann&ann_pw");
  w.net.run_for(30s);
  CHECK(client.lines() == Lines{"error#changed_key"});
  CHECK(client.exit_code() == client::kExitWrongKey);
  CHECK(sent.transports() == 0);  // hellos alone, and nothing of a person is in them
  CHECK(w.figure("connections") == 0);
  CHECK(w.figure("hellos_welcomed") == 0);
  client.type("post#secret");
  w.net.run_for(30s);
  CHECK(sent.transports() == 0);
}

TEST_CASE("sealed: an invite link's key is not replaced by another one", "[p13]") {
  SealedWorld w(2);
  SeededRandom random(5);
  SealedClientOptions options;
  options.hub_key = generate_key_pair(random).public_key;
  SealedClient& client = w.add_client("ann", options);
  Sent sent(client);
  client.type("login#ann&ann_pw");
  w.net.run_for(30s);
  REQUIRE(client.lines().size() == 1);
  CHECK(client.lines()[0].rfind("error#", 0) == 0);
  CHECK(client.exit_code() == client::kExitWrongKey);
  CHECK(sent.transports() == 0);
  CHECK(keys_known(client) == 0);
}

TEST_CASE("sealed: a false hub with the right key and no verifier is refused", "[p13]") {
  SimNet net(3);
  SeededRandom random(5);
  const KeyPair key = generate_key_pair(random);
  FalseHub hub(net, key);
  SealedClientOptions options;
  options.hub_key = key.public_key;
  SealedClient client(net, kClientAt, kFalseHubAt, options);
  client.type("login#ann&ann_pw");
  client.type("post#for friends only");
  net.run_for(30s);
  CHECK(client.lines() == Lines{"error#false_hub"});
  CHECK(client.exit_code() == client::kExitWrongKey);
  CHECK(hub.heard == std::vector<Opcode>{Opcode::kLoginStart, Opcode::kLoginProof});
  CHECK(keys_known(client) == 0);  // and nothing is pinned, also not what it announced
}

TEST_CASE("sealed: a hub that asks for weak stretching gets no proof", "[p13]") {
  SimNet net(4);
  SeededRandom random(5);
  const KeyPair key = generate_key_pair(random);
  FalseHub hub(net, key);
  SealedClientOptions options;
  options.hub_key = key.public_key;
  options.allow_weak_kdf = false;
  SealedClient client(net, kClientAt, kFalseHubAt, options);
  client.type("login#ann&ann_pw");
  net.run_for(30s);
  CHECK(client.lines() == Lines{"error#weak_password_protection"});
  CHECK(hub.heard == std::vector<Opcode>{Opcode::kLoginStart});
}

TEST_CASE("sealed: a key is pinned at the first login that succeeds, and not before", "[p13]") {
  SealedWorld w(5);
  REQUIRE(w.type("ann", "login#ann&wrong"));
  CHECK(keys_known(w["ann"]) == 0);
  REQUIRE(w.login("ann"));
  const auto known = w["ann"].known().find(kSimHubName);
  REQUIRE(known);
  CHECK(known->keys == std::vector<Key>{w.host.public_key()});
}

TEST_CASE("sealed: while a key is being replaced both work; the next one is learnt in a session",
          "[p13]") {
  SealedWorld w(6, {"ann", "bob", "cid"});
  const Key first = w.host.public_key();
  REQUIRE(w.login("ann"));
  SeededRandom random(5);
  const KeyPair next = generate_key_pair(random);
  w.host.keys_on_disk().accepted.push_back(next);
  w.host.keys_on_disk().announced = next.public_key;
  REQUIRE(std::holds_alternative<control::Done>(w.host.ask(control::ReloadKeys{})));
  REQUIRE(w.post("ann", "undisturbed"));

  SealedClientOptions knows_first;
  knows_first.known = knowing(first);
  w.add_client("bob", knows_first);
  REQUIRE(w.login("bob"));
  const auto bob = w["bob"].known();
  REQUIRE(bob.find(kSimHubName));
  CHECK(bob.find(kSimHubName)->keys == std::vector<Key>{first, next.public_key});

  SealedClientOptions invited;
  invited.hub_key = next.public_key;
  w.add_client("cid", invited);
  REQUIRE(w.login("cid"));
  CHECK(w["cid"].lines().back() == "login_ack#successful");

  // The old key is gone for good: who was here meanwhile goes on, who was not is warned.
  w.host.keys_on_disk() = {{next}, std::nullopt};
  w.host.restart();
  SealedClientOptions knows_both;
  knows_both.known = bob;
  w.add_client("bob", knows_both);
  REQUIRE(w.login("bob"));
  CHECK(w["bob"].lines().back() == "login_ack#successful");
  CHECK(w["bob"].known().find(kSimHubName)->keys == std::vector<Key>{next.public_key});
  w.add_client("late", knows_first).type("login#ann&ann_pw");
  w.net.run_for(30s);
  CHECK(w["late"].lines() == Lines{"error#changed_key"});
}

TEST_CASE("sealed: a session that learnt the next key comes back under it by itself", "[p13]") {
  SealedWorld w(7);
  SeededRandom random(5);
  const KeyPair next = generate_key_pair(random);
  w.host.keys_on_disk().accepted.push_back(next);
  w.host.keys_on_disk().announced = next.public_key;
  w.host.ask(control::ReloadKeys{});
  SealedClientOptions options;
  options.known = knowing(w.host.public_key());
  w.add_client("ann", options);
  REQUIRE(w.login("ann"));
  w.host.keys_on_disk() = {{next}, std::nullopt};
  w.host.restart();
  w.net.run_for(40s);
  CHECK_FALSE(w["ann"].exit_code().has_value());
  CHECK(w["ann"].link().is_online());
  CHECK(w["ann"].lines() == Lines{"login_ack#successful"});
}

TEST_CASE("sealed: who was met for the first time is afterwards not taken for another", "[p13]") {
  SealedWorld w(8);
  REQUIRE(w.login("ann"));  // --accept-new
  SeededRandom random(5);
  w.host.keys_on_disk() = {{generate_key_pair(random)}, std::nullopt};
  w.host.restart();
  w.net.run_for(40s);
  CHECK(w["ann"].lines() == Lines{"login_ack#successful", "error#changed_key"});
  CHECK(w["ann"].exit_code() == client::kExitWrongKey);
  CHECK(w.host.counters().connections_opened == 1);  // of before
}
