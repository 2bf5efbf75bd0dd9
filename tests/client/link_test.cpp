// The link over real loopback sockets. Waiting is by poll(2), so no test depends on speed.
#include "client/net/link.hpp"

#include <array>
#include <stdexcept>
#include <string>

#include <asio/buffer.hpp>
#include <catch2/catch.hpp>
#include <poll.h>

namespace hub::client {

namespace {

using asio::ip::udp;

constexpr int kGuardMs = 10'000;

/// Somebody else's socket on 127.0.0.1.
struct Peer {
  asio::io_context context;
  udp::socket socket{context, udp::endpoint(asio::ip::address_v4::loopback(), 0)};
  udp::endpoint asker;

  std::uint16_t port() const { return socket.local_endpoint().port(); }
  std::string receive() {
    std::array<char, 100> bytes{};
    pollfd fd{socket.native_handle(), POLLIN, 0};
    if (poll(&fd, 1, kGuardMs) != 1) return "(nothing came)";
    return {bytes.data(), socket.receive_from(asio::buffer(bytes), asker)};
  }
  void send(const std::string& text, const udp::endpoint& to) {
    socket.send_to(asio::buffer(text), to);
  }
};

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// What arrives next, whatever it is.
tl::expected<Bytes, Link::Trouble> wait_for(Link& link) {
  pollfd fd{link.fd(), POLLIN, 0};
  REQUIRE(poll(&fd, 1, kGuardMs) == 1);
  return link.receive();
}

}  // namespace

TEST_CASE("a link sends nothing in fragments, and what is too long is lost") {
  Peer hub;
  Link link({"127.0.0.1", hub.port()});
  int value = -1;
  socklen_t size = sizeof value;
  REQUIRE(getsockopt(link.fd(), IPPROTO_IP, IP_MTU_DISCOVER, &value, &size) == 0);
  CHECK(value == IP_PMTUDISC_PROBE);
  CHECK_FALSE(link.send(bytes_of(std::string(65'600, 'x'))));
  CHECK_FALSE(link.send(bytes_of("asked")));
  CHECK(hub.receive() == "asked");
}

TEST_CASE("a link carries datagrams both ways, and only the hub's come in") {
  Peer hub;
  Peer stranger;
  Link link({"127.0.0.1", hub.port()});
  CHECK_FALSE(link.send(bytes_of("asked")));
  CHECK(hub.receive() == "asked");
  stranger.send("forged", hub.asker);
  hub.send("answered", hub.asker);
  const auto answer = wait_for(link);
  REQUIRE(answer);
  CHECK(std::string(answer->begin(), answer->end()) == "answered");
  CHECK(link.receive().error() == Link::Trouble::kNothing);
}

TEST_CASE("a hub that does not listen is reported, and sending goes on once it does") {
  std::uint16_t port = 0;
  {
    Peer gone;
    port = gone.port();
  }
  Link link({"127.0.0.1", port});
  CHECK_FALSE(link.send(bytes_of("one")));
  CHECK(wait_for(link).error() == Link::Trouble::kRefused);
  CHECK_FALSE(link.send(bytes_of("two")));
  pollfd fd{link.fd(), POLLIN, 0};
  REQUIRE(poll(&fd, 1, kGuardMs) == 1);
  // The failure of "two" is still pending: the next send must not be lost to it.
  asio::io_context context;
  udp::socket back(context, udp::endpoint(asio::ip::address_v4::loopback(), port));
  CHECK_FALSE(link.send(bytes_of("three")));
  pollfd arrived{back.native_handle(), POLLIN, 0};
  CHECK(poll(&arrived, 1, kGuardMs) == 1);
}

TEST_CASE("a link goes round the addresses of a name") {
  Peer hub;
  Link link({"localhost", hub.port()});
  for (std::size_t i = 0; i < link.addresses(); ++i) {
    (void)link.send(bytes_of("hello"));
    link.next_address();
  }
  CHECK(hub.receive() == "hello");
}

TEST_CASE("a name that leads nowhere is an error that says so") {
  const std::string name = std::string(64, 'x') + ".invalid";  // too long for a name server's ears
  CHECK_THROWS_WITH(Link({name, 32000}), Catch::Contains("cannot resolve '" + name + "'"));
}

}  // namespace hub::client
