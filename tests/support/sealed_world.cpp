#include "tests/support/sealed_world.hpp"

#include <stdexcept>

namespace hub::test {

using namespace std::chrono_literals;

namespace {
const Endpoint kHubAt{IpAddress::v4(192, 0, 2, 1), 32000, 0};
}

SealedWorld::SealedWorld(std::uint64_t seed, const std::vector<std::string>& people,
                         const server::HubConfig& config, const store::StoreOptions& options)
    : net(seed), store(options), host(net, kHubAt, config, store) {
  host.delays() = {2ms, 5ms, 1ms};
  for (const std::string& name : people) {
    host.add_user(name, name + "_pw");
    add_client(name);
  }
}

server::HubConfig SealedWorld::lenient() {
  server::HubConfig config;
  config.classic = server::ClassicAccess::kOff;
  config.posts_per_second = 100'000;
  config.answers_per_second = 100'000;
  config.hellos_per_second = 100'000;
  config.session_timeout = 600s;
  return config;
}

server::HubConfig SealedWorld::keeping(std::uint32_t recent_posts) {
  server::HubConfig config = lenient();
  config.recent_posts = recent_posts;
  return config;
}

void SealedWorld::account(const std::string& name) {
  if (!store.open_reader()->account(name)->has_value()) host.add_user(name, name + "_pw");
}

std::unique_ptr<SealedPeer> SealedWorld::new_peer(std::uint64_t seed) {
  return new_peer_at(new_address(), seed);
}

std::unique_ptr<SealedPeer> SealedWorld::new_peer_at(const Endpoint& at, std::uint64_t seed) {
  return std::make_unique<SealedPeer>(net, at, host.endpoint(), host.public_key(), seed);
}

std::unique_ptr<SealedPeer> SealedWorld::online(const std::string& name) {
  account(name);
  auto peer = new_peer();
  if (!peer->log_in(name, name + "_pw")) throw std::runtime_error(name + " cannot log in");
  return peer;
}

void SealedWorld::posts_beside(const std::string& author, int count, const std::string& text) {
  const auto account = *store.open_reader()->account(author);
  std::vector<store::Request> batch;
  for (int i = 0; i < count; ++i) {
    batch.push_back(
        {0, store::AppendPost{account->id, account->name, text + " " + std::to_string(i), {}}});
  }
  host.write_beside(batch);
}

void SealedWorld::follow_beside(const std::string& follower, const std::string& target) {
  const auto account = *store.open_reader()->account(follower);
  const store::Request request{0, store::Follow{account->id, target, {}}};
  host.write_beside({&request, 1});
}

Endpoint SealedWorld::new_address() { return {IpAddress::v4(198, 51, 100, 7), next_port_++, 0}; }

Endpoint SealedWorld::new_ipv6_address() {
  return {*IpAddress::parse("2001:db8::7"), next_port_++, 0};
}

std::vector<std::string> SealedWorld::sessions() {
  std::vector<std::string> out;
  const auto page = std::get<control::SessionPage>(host.ask(control::ListSessions{}));
  for (const auto& row : page.rows) {
    out.push_back(row.account + " " + row.address);
  }
  return out;
}

std::int64_t SealedWorld::figure(std::string_view name) {
  const auto figures = std::get<control::Figures>(host.ask(control::Stats{}));
  for (const auto& [each, value] : figures.numbers) {
    if (each == name) return value;
  }
  throw std::runtime_error("no such figure: " + std::string(name));
}

SealedClient& SealedWorld::add_client(const std::string& key, const SealedClientOptions& options) {
  auto& place = clients_[key];
  place = std::make_unique<SealedClient>(net, new_address(), kHubAt, options);
  return *place;
}

bool SealedWorld::type(const std::string& name, const std::string& line, Duration limit) {
  SealedClient& client = *clients_.at(name);
  client.type(line);
  return net.run_until([&] { return client.idle(); }, limit);
}

bool SealedWorld::sees(const std::string& name, const std::string& line, std::size_t times,
                       Duration limit) {
  SealedClient& client = *clients_.at(name);
  return net.run_until([&] { return client.count(line) >= times; }, limit);
}

}  // namespace hub::test
