// The way to the hub: a UDP socket connected to one of the addresses its name has, so that the
// kernel passes on nothing but the hub's own datagrams. Owned by the loop, used on its thread.
#pragma once

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <tl/expected.hpp>

#include "protocol/hub_name.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace hub::client {

class Link {
 public:
  /// Resolves the name, which may block for seconds, and connects to the first address that can be
  /// reached from here. Throws std::runtime_error where there is none.
  explicit Link(const HubName& name);

  int fd() { return socket_.native_handle(); }
  std::size_t addresses() const { return addresses_.size(); }
  /// Turns to the next address of the name that can be reached, in a circle, from a new port.
  void next_address();
  /// True once next_address() has gone round: the name may mean other addresses by now.
  bool has_gone_round() const { return steps_ >= addresses_.size(); }
  /// What the name means now, from resolve(): the present address is kept where it is among them.
  void set_addresses(std::vector<asio::ip::udp::endpoint> addresses);
  /// The same address from wherever this machine is now. False where nothing changed: what leads
  /// there is what led there before.
  bool reconnect_if_moved();

  /// Blocks, perhaps for seconds; any thread.
  static std::vector<asio::ip::udp::endpoint> resolve(const HubName& name, asio::error_code& error);

  /// Sends one datagram, again where the socket only reported an earlier one's failure. One longer
  /// than kBaseDatagramBytes that the network does not carry counts as lost on its way.
  std::error_code send(Bytes datagram);

  enum class Trouble {
    kNothing,  // no datagram waits, or an error that the next send meets as well
    kRefused,  // nothing listens at the address
  };
  /// The next datagram, valid until the next call.
  tl::expected<Bytes, Trouble> receive();

 private:
  bool connect(std::size_t index);

  asio::io_context context_;
  asio::ip::udp::socket socket_{context_};
  std::vector<asio::ip::udp::endpoint> addresses_;
  std::size_t current_ = 0;
  std::size_t steps_ = 0;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kMaxReceiveBytes + 1);
};

}  // namespace hub::client
