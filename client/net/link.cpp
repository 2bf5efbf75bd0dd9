#include "client/net/link.hpp"

#include <stdexcept>
#include <string>

#include <asio/buffer.hpp>
#include <fmt/format.h>

namespace hub::client {

using asio::ip::udp;

Link::Link(const HubName& name) {
  asio::error_code error;
  udp::resolver resolver(context_);
  const auto found = resolver.resolve(name.host, std::to_string(name.port), error);
  if (error) {
    throw std::runtime_error(fmt::format("cannot resolve '{}': {}; check the name given to --hub",
                                         name.host, error.message()));
  }
  for (const auto& entry : found) addresses_.push_back(entry.endpoint());
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
  if (!error) socket_.connect(addresses_[index], error);
  if (!error) socket_.non_blocking(true, error);
  if (!error) current_ = index;
  return !error;
}

void Link::next_address() {
  for (std::size_t step = 1; step <= addresses_.size(); ++step) {
    if (connect((current_ + step) % addresses_.size())) return;
  }
}

std::error_code Link::send(Bytes datagram) {
  asio::error_code error;
  for (int attempt = 0; attempt < 2; ++attempt) {
    socket_.send(asio::buffer(datagram.data(), datagram.size()), 0, error);
    if (error != asio::error::connection_refused) break;
  }
  return error;
}

tl::expected<Bytes, Link::Trouble> Link::receive() {
  asio::error_code error;
  const std::size_t size = socket_.receive(asio::buffer(buffer_), 0, error);
  if (error == asio::error::connection_refused) return tl::unexpected(Trouble::kRefused);
  if (error) return tl::unexpected(Trouble::kNothing);
  return Bytes(buffer_).first(size);
}

}  // namespace hub::client
