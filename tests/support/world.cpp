#include "tests/support/world.hpp"

#include <stdexcept>
#include <utility>

namespace hub::test {

namespace {
const Endpoint kHubAt{IpAddress::v4(127, 0, 0, 1), 32000, 0};
}

Peer::Peer(SimNet& net, const Endpoint& at, const Endpoint& hub) : net_(net), at_(at), hub_(hub) {
  net_.attach(at_, [this](const Endpoint&, const Endpoint&, Bytes bytes) {
    const auto datagram = classic::decode(bytes);
    if (!datagram) throw std::runtime_error("the hub sent a datagram that does not decode");
    const auto& header = datagram->header;
    seen_.push_back({header.magic, header.opcode, header.token, header.msg_id,
                     std::string(classic::payload_text(*datagram)), bytes.size(), net_.now().mono});
    if (header.opcode == Opcode::kLoginOk) token = header.token;
  });
}

void Peer::send(Opcode opcode, std::string_view text, std::uint32_t id) {
  send_as(token, opcode, text, id);
}

void Peer::send_as(Token as, Opcode opcode, std::string_view text, std::uint32_t id) {
  classic::Header header;
  header.magic = magic;
  header.opcode = opcode;
  header.token = as;
  header.msg_id = id;
  std::vector<std::uint8_t> bytes;
  classic::encode(header, text.substr(0, 255), bytes);
  if (text.size() > 255) {  // encode() would cut it; clients let the length wrap
    bytes[3] = static_cast<std::uint8_t>(text.size() % 256);
    bytes.resize(12);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  send_raw(bytes);
}

void Peer::send_raw(const std::vector<std::uint8_t>& bytes) { net_.send(at_, hub_, bytes); }

std::vector<Seen> Peer::take() {
  net_.settle();
  return std::exchange(seen_, {});
}

std::vector<Opcode> Peer::take_opcodes() {
  std::vector<Opcode> out;
  for (const Seen& each : take()) out.push_back(each.opcode);
  return out;
}

World::World(const server::HubConfig& config, std::uint64_t seed)
    : net(seed), host(net, kHubAt, config, store) {}

server::HubConfig World::lenient() {
  server::HubConfig config;
  config.posts_per_second = 100'000;
  config.answers_per_second = 100'000;
  config.logins_per_second = 100'000;
  return config;
}

Peer& World::peer() { return peer_at({IpAddress::v4(127, 0, 0, 1), next_port_++, 0}); }

Peer& World::peer_at(const Endpoint& at) {
  peers_.push_back(std::make_unique<Peer>(net, at, host.endpoint()));
  return *peers_.back();
}

void World::account(const std::string& name) {
  if (!store.open_reader()->account(name)->has_value()) host.add_user(name, name + "_pw");
}

Peer& World::online(const std::string& name) {
  account(name);
  Peer& made = peer();
  login(made, name, name + "_pw");
  made.take();
  return made;
}

void World::login(Peer& peer, const std::string& name, const std::string& password) {
  peer.send_as(0, Opcode::kLogin, name + "&" + password);
  settle();
}

void World::follow(Peer& follower, const std::string& target) {
  follower.send(Opcode::kSubscribe, target);
  for (const Seen& each : follower.take()) {
    if (each.opcode == Opcode::kSubscribeOk) return;
  }
  throw std::runtime_error("cannot follow " + target);
}

void World::post(Peer& author, const std::string& text) {
  author.send(Opcode::kPost, text);
  settle();
}

std::vector<control::SessionRow> World::sessions() {
  return std::get<control::SessionPage>(host.ask(control::ListSessions{})).rows;
}

}  // namespace hub::test
