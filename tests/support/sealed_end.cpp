#include "tests/support/sealed_end.hpp"

#include <stdexcept>
#include <string>
#include <variant>

#include "protocol/crypto/aead.hpp"
#include "protocol/wire.hpp"

namespace hub::test {

namespace {

// A function: constants of tests are made from it before main().
Endpoint hub_endpoint() { return {IpAddress::v4(192, 0, 2, 1), 32'000, 0}; }

Endpoint client_endpoint(std::uint8_t host, std::uint16_t port) {
  return {IpAddress::v4(10, 0, 0, host), port, 0};
}

}  // namespace

Path hub_path(std::uint8_t host, std::uint16_t port) {
  return {hub_endpoint(), client_endpoint(host, port)};
}
Path client_path(std::uint8_t host, std::uint16_t port) {
  return {client_endpoint(host, port), hub_endpoint()};
}

Handshake shake_hands(Random& random, TimePoint now) {
  const KeyPair server = generate_key_pair(random);
  sealed::Responder responder({}, {server}, generate_key_pair(random).secret, 1, random);
  sealed::Initiator initiator(server.public_key, random, now);
  std::vector<std::uint8_t> hello;
  std::vector<std::uint8_t> welcome;
  initiator.poll_transmit(now, hello);
  responder.on_stranger(hub_path(1).remote, hello, now, welcome);
  const auto event = initiator.on_datagram(welcome, now);
  const auto* client = event ? std::get_if<sealed::Established>(&*event) : nullptr;
  if (client == nullptr) throw std::runtime_error("the handshake failed");
  if (responder.find(client->theirs, now) == nullptr) {
    throw std::runtime_error("the hub does not know the connection");
  }
  return {*client, responder.take(client->theirs).established};
}

std::vector<std::uint8_t> seal_by_hand(const Key& key, bool phase, sealed::ConnectionId to,
                                       std::uint64_t number, Bytes frames) {
  std::vector<std::uint8_t> out;
  wire::Writer writer(out);
  writer.u8(phase ? 0x09 : 0x08);
  writer.u64(to);
  writer.u64(number);
  const std::vector<std::uint8_t> header = out;
  writer.bytes(frames);
  writer.zeros(kAeadTagBytes);
  aead().seal(key, counter_nonce(number), header, frames, out.data() + header.size());
  return out;
}

SealedEnd::SealedEnd(SimNet& net, sealed::Side side, const sealed::Established& made,
                     const Path& path, Random& random, const sealed::KeyLimits& limits)
    : net_(net),
      connection_(side, made, path, random, net.now().mono, limits),
      seen_as_(path.local) {
  attach();
}

void SealedEnd::attach() {
  net_.attach(seen_as_, [this](const Endpoint& from, const Endpoint&, Bytes bytes) {
    const auto header = sealed::read_transport_header(bytes);
    if (!header) return;
    // Behind a NAT this end knows its own address, not the one it is seen as.
    const Path path{connection_.path().local, from};
    ++taken_[connection_.on_datagram(path, *header, bytes, net_.now().mono)];
    pump();
  });
}

void SealedEnd::rebind(const Endpoint& seen_as) {
  net_.detach(seen_as_);
  seen_as_ = seen_as;
  attach();
}

int SealedEnd::count(sealed::Connection::Taken taken) const {
  const auto found = taken_.find(taken);
  return found == taken_.end() ? 0 : found->second;
}

void SealedEnd::pump() {
  for (const auto& message : connection_.take_delivered()) {
    if (on_delivered) on_delivered(message);
  }
  std::vector<std::uint8_t> datagram;
  while (const auto path = connection_.poll_transmit(net_.now().mono, datagram)) {
    if (on_sent) on_sent(*path, datagram);
    net_.send(seen_as_, path->remote, datagram);
    datagram.clear();
  }
  schedule();
}

void SealedEnd::schedule() {
  const auto next = connection_.next_timeout();
  if (!next) return;
  if (scheduled_ && *scheduled_ <= *next) return;
  scheduled_ = next;
  net_.at(*next, [this, when = *next] {
    if (scheduled_ != when) return;  // an earlier one has been made since
    scheduled_.reset();
    connection_.on_timeout(net_.now().mono);
    pump();
    const auto then = connection_.next_timeout();
    if (then && *then <= net_.now().mono) {
      throw std::runtime_error("a deadline stays in the past, seed " + std::to_string(net_.seed()));
    }
  });
}

}  // namespace hub::test
