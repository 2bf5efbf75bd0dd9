#include "client/net/link.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include <asio/buffer.hpp>
#include <fmt/format.h>

namespace hub::client {

using asio::ip::udp;

namespace {

// How much a path carries is found out by whole datagrams that arrive (RFC 8899 §3).
// Where a kernel does not know the option, longer ones may arrive in pieces.
void forbid_pieces(udp::socket& socket) {
  using V4 = asio::detail::socket_option::integer<IPPROTO_IP, IP_MTU_DISCOVER>;
  using V6 = asio::detail::socket_option::integer<IPPROTO_IPV6, IPV6_MTU_DISCOVER>;
  asio::error_code ignored;
  socket.set_option(V4(IP_PMTUDISC_PROBE), ignored);  // an IPv6 socket sends to IPv4 as well
  socket.set_option(V6(IPV6_PMTUDISC_PROBE), ignored);
}

}  // namespace

std::vector<udp::endpoint> Link::resolve(const HubName& name, asio::error_code& error) {
  asio::io_context context;
  udp::resolver resolver(context);
  std::vector<udp::endpoint> out;
  for (const auto& entry : resolver.resolve(name.host, std::to_string(name.port), error)) {
    out.push_back(entry.endpoint());
  }
  return out;
}

Link::Link(const HubName& name) {
  asio::error_code error;
  addresses_ = resolve(name, error);
  if (error) {
    throw std::runtime_error(fmt::format("cannot resolve '{}': {}; check the name given to --hub",
                                         name.host, error.message()));
  }
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (connect(i)) return;
  }
  throw std::runtime_error(
      fmt::format("cannot reach '{}' from here: no network leads to it", to_string(name)));
}

// Connecting a UDP socket asks nobody: it fails only where no route leads there.
bool Link::connect(std::size_t index) {
  asio::error_code error;
  socket_.close(error);
  socket_.open(addresses_[index].protocol(), error);
  if (!error) forbid_pieces(socket_);
  if (!error) socket_.connect(addresses_[index], error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) current_ = index;
  return !error;
}

void Link::set_addresses(std::vector<udp::endpoint> addresses) {
  if (addresses.empty()) return;
  const udp::endpoint present = addresses_[current_];
  addresses_ = std::move(addresses);
  const auto found = std::find(addresses_.begin(), addresses_.end(), present);
  steps_ = 0;
  current_ = found != addresses_.end() ? static_cast<std::size_t>(found - addresses_.begin())
                                       : addresses_.size() - 1;  // next_address() begins in front
}

bool Link::reconnect_if_moved() {
  asio::error_code error;
  udp::socket probe(context_);
  probe.open(addresses_[current_].protocol(), error);
  if (!error) probe.connect(addresses_[current_], error);
  if (error) return false;  // no way leads there just now
  const auto now = probe.local_endpoint(error).address();
  const auto before = socket_.local_endpoint(error).address();
  return !error && now != before && connect(current_);
}

void Link::next_address() {
  ++steps_;
  for (std::size_t step = 1; step <= addresses_.size(); ++step) {
    if (connect((current_ + step) % addresses_.size())) return;
  }
}

std::error_code Link::send(Bytes datagram) {
  asio::error_code error;
  for (int attempt = 0; attempt < 2; ++attempt) {
    socket_.send(asio::buffer(datagram.data(), datagram.size()), 0, error);
    if (error != asio::error::connection_refused && error != asio::error::message_size) break;
  }
  const bool is_long = datagram.size() > kBaseDatagramBytes;
  if (error == asio::error::message_size && is_long) return {};  // lost on its way
  return error;
}

tl::expected<Bytes, Link::Trouble> Link::receive() {
  asio::error_code error;
  std::size_t size = 0;
  for (int attempt = 0; attempt < 2; ++attempt) {
    size = socket_.receive(asio::buffer(buffer_), 0, error);
    if (error != asio::error::message_size) break;  // what an earlier datagram met with
  }
  if (error == asio::error::connection_refused) return tl::unexpected(Trouble::kRefused);
  if (error) return tl::unexpected(Trouble::kNothing);
  return Bytes(buffer_).first(size);
}

}  // namespace hub::client
