// The UDP socket on the loopback interface: batches, both families, and the address that was asked.
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <poll.h>

#include "server/net/transmitter.hpp"
#include "server/net/udp_socket.hpp"
#include "tests/server/net_udp_client.hpp"

using namespace hub;
using namespace hub::server;
using hub::test::has_ipv6;
using hub::test::loopback;
using hub::test::UdpClient;

namespace {

const Endpoint kAny4{IpAddress::v4(0, 0, 0, 0), 0, 0};
const Endpoint kAny6{IpAddress{}, 0, 0};
const IpAddress kLoopback6 = *IpAddress::parse("::1");

struct Got {
  Path path;
  std::string bytes;
  bool oversized = false;
};

/// Waits until `count` datagrams have come.
std::vector<Got> receive(const UdpSocket& socket, std::size_t count) {
  BatchCalls calls;
  ReceiveBatch batch;
  std::vector<Got> out;
  while (out.size() < count) {
    pollfd wait{socket.fd(), POLLIN, 0};
    if (poll(&wait, 1, 20'000) != 1) break;
    for (const Received& one : socket.receive(batch, calls)) {
      out.push_back({one.path, std::string(one.bytes.begin(), one.bytes.end()), one.oversized});
    }
  }
  REQUIRE(out.size() == count);
  return out;
}

void send(const UdpSocket& socket, const Path& path, std::string_view text, Counters& counters) {
  BatchCalls calls;
  Transmitter transmitter(socket, calls, counters);
  transmitter.push(path, Bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  transmitter.flush();
}

/// The client asks `asked`; returns where the answer comes from.
Endpoint answer_comes_from(const UdpSocket& socket, UdpClient& client, const Endpoint& asked) {
  Counters counters;
  client.send(asked, "question");
  const auto got = receive(socket, 1);
  CHECK(got[0].path.local == asked);
  CHECK(got[0].path.remote == client.local());
  send(socket, got[0].path, "answer", counters);
  CHECK(counters.datagrams_sent == 1);
  const auto answer = client.receive();
  REQUIRE(answer);
  CHECK(answer->bytes == "answer");
  return answer->from;
}

}  // namespace

TEST_CASE("a wildcard socket answers from the address that was asked") {
  const auto socket = UdpSocket::open(kAny4);
  const std::uint16_t port = socket.local().port;
  REQUIRE(port != 0);
  UdpClient client(loopback());
  CHECK(answer_comes_from(socket, client, loopback(port, 2)) == loopback(port, 2));
  CHECK(answer_comes_from(socket, client, loopback(port, 1)) == loopback(port, 1));
}

TEST_CASE("a dual-stack socket answers both families from the address that was asked") {
  if (!has_ipv6()) return;
  const auto socket = UdpSocket::open(kAny6);
  const std::uint16_t port = socket.local().port;
  UdpClient four(loopback());
  CHECK(answer_comes_from(socket, four, loopback(port, 2)) == loopback(port, 2));
  UdpClient six({kLoopback6, 0, 0});
  const Endpoint asked{kLoopback6, port, 0};
  CHECK(answer_comes_from(socket, six, asked) == asked);
}

TEST_CASE("a socket bound to one address says that it was asked") {
  const auto socket = UdpSocket::open(loopback(0, 2));
  UdpClient client(loopback());
  CHECK(answer_comes_from(socket, client, socket.local()) == socket.local());
  CHECK(socket.owns(socket.local()));
  CHECK_FALSE(socket.owns(loopback(socket.local().port, 1)));
}

TEST_CASE("an answer from an address that is gone leaves from another") {
  for (const Endpoint& listen : {kAny4, kAny6}) {
    if (listen == kAny6 && !has_ipv6()) continue;
    const auto socket = UdpSocket::open(listen);
    UdpClient client(loopback());
    Counters counters;
    const Endpoint gone{IpAddress::v4(203, 0, 113, 7), socket.local().port, 0};
    send(socket, {gone, client.local()}, "answer", counters);
    CHECK(counters.datagrams_sent == 1);
    CHECK(counters.send_failures == 0);
    const auto answer = client.receive();
    REQUIRE(answer);
    CHECK(answer->from == loopback(socket.local().port));

    // Stored under another port: the hub listens elsewhere since.
    send(socket, {loopback(1, 2), client.local()}, "again", counters);
    CHECK(client.receive().value().from == loopback(socket.local().port));
  }
}

TEST_CASE("datagrams come in batches, whole and in order") {
  const auto socket = UdpSocket::open(loopback());
  UdpClient client(loopback());
  constexpr int kCount = 200;
  for (int i = 0; i < kCount; ++i) {
    client.send(socket.local(), std::string(static_cast<std::size_t>(i), 'x'));
  }
  const auto got = receive(socket, kCount);
  for (int i = 0; i < kCount; ++i)
    CHECK(got[static_cast<std::size_t>(i)].bytes.size() == static_cast<std::size_t>(i));
}

TEST_CASE("datagrams that the kernel puts together come one by one all the same") {
  const Endpoint listen = GENERATE(loopback(), kAny4, kAny6);
  const IpAddress asked = GENERATE(loopback().ip, kLoopback6);
  if (!has_ipv6() && !(listen.ip.is_v4() && asked.is_v4())) return;
  if (listen.ip.is_v4() && !asked.is_v4()) return;
  const auto socket = UdpSocket::open(listen);
  const Endpoint at{asked, socket.local().port, 0};
  UdpClient client({asked, 0, 0});
  std::string row;
  for (char letter = 'a'; letter < 'k'; ++letter) row += std::string(100, letter);
  client.send_parted(at, row + "last", 100);
  client.send(at, "");
  client.send_parted(at, row.substr(0, 300), 100);
  const auto got = receive(socket, 15);
  for (std::size_t i = 0; i < 10; ++i) CHECK(got[i].bytes == row.substr(i * 100, 100));
  CHECK(got[10].bytes == "last");
  CHECK(got[11].bytes.empty());
  for (std::size_t i = 0; i < 3; ++i) CHECK(got[12 + i].bytes == row.substr(i * 100, 100));
  for (const Got& each : got) {
    CHECK(each.path.remote == client.local());
    CHECK(each.path.local == at);
    CHECK_FALSE(each.oversized);
  }
}

TEST_CASE("a batch that is full says so") {
  const auto socket = UdpSocket::open(loopback());
  UdpClient client(loopback());
  for (std::size_t i = 0; i < kBatch + 1; ++i) client.send(socket.local(), std::string(i, 'x'));
  BatchCalls calls;
  ReceiveBatch batch;
  CHECK(socket.receive(batch, calls).size() == kBatch);
  CHECK(batch.is_full());
  CHECK(socket.receive(batch, calls).size() == 1);
  CHECK_FALSE(batch.is_full());
  CHECK(socket.receive(batch, calls).empty());
  CHECK_FALSE(batch.is_full());
}

TEST_CASE("a datagram longer than any text is told apart") {
  const auto socket = UdpSocket::open(loopback());
  UdpClient client(loopback());
  client.send(socket.local(), std::string(kMaxReceiveBytes + 1, 'x'));
  client.send(socket.local(), std::string(kMaxReceiveBytes, 'x'));
  client.send(socket.local(), std::string(60'000, 'x'));
  client.send(socket.local(), "short");
  const auto got = receive(socket, 4);
  CHECK(got[0].oversized);
  CHECK_FALSE(got[1].oversized);
  CHECK(got[1].bytes.size() == kMaxReceiveBytes);
  CHECK(got[2].oversized);
  CHECK_FALSE(got[3].oversized);
  CHECK(got[3].bytes == "short");
}

TEST_CASE("no datagram is sent in fragments, whatever the kernel knows of the path") {
  const auto option = [](const UdpSocket& socket, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    REQUIRE(getsockopt(socket.fd(), level, name, &value, &size) == 0);
    return value;
  };
  const UdpSocket four = UdpSocket::open(kAny4);
  CHECK(option(four, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_PROBE);
  if (!has_ipv6()) return;
  const UdpSocket both = UdpSocket::open(kAny6);
  CHECK(option(both, IPPROTO_IP, IP_MTU_DISCOVER) == IP_PMTUDISC_PROBE);
  CHECK(option(both, IPPROTO_IPV6, IPV6_MTU_DISCOVER) == IPV6_PMTUDISC_PROBE);
}

TEST_CASE("a second socket on one port is refused with what to do") {
  const auto socket = UdpSocket::open(loopback());
  try {
    UdpSocket::open(socket.local());
    FAIL("bound twice");
  } catch (const ListenError& error) {
    CHECK(error.error == EADDRINUSE);
    CHECK_THAT(error.what(), Catch::Contains(to_string(socket.local())) &&
                                 Catch::Contains("another program has this port"));
  }
  CHECK_THROWS_AS(UdpSocket::open({kAny4.ip, socket.local().port, 0}), ListenError);
  CHECK_THROWS_WITH(UdpSocket::open({IpAddress::v4(203, 0, 113, 7), 0, 0}),
                    Catch::Contains("no such address"));
}

TEST_CASE("a socket survives the errors its datagrams earn") {
  const auto socket = UdpSocket::open(loopback());
  Endpoint closed;
  {
    UdpClient gone(loopback());
    closed = gone.local();
  }
  Counters counters;
  for (int i = 0; i < 3; ++i) send(socket, {socket.local(), closed}, "anybody?", counters);
  UdpClient client(loopback());
  CHECK(answer_comes_from(socket, client, socket.local()) == socket.local());
}

TEST_CASE(
    "what the kernel parts arrives as the datagrams it was, from the address that was asked") {
  const bool six = GENERATE(false, true);
  if (six && !has_ipv6()) return;
  const auto socket = UdpSocket::open(six ? kAny6 : kAny4);
  UdpClient client(loopback());
  const std::string all = std::string(300, 'a') + std::string(300, 'b') + std::string(70, 'c');
  const Path path{loopback(socket.local().port, 2), client.local()};
  BatchCalls calls;
  Counters counters;
  Transmitter transmitter(socket, calls, counters);
  for (const auto& [at, size] : {std::pair{0, 300}, {300, 300}, {600, 70}}) {
    transmitter.push(path, Bytes(reinterpret_cast<const std::uint8_t*>(all.data()) + at,
                                 static_cast<std::size_t>(size)));
  }
  transmitter.flush();
  CHECK(counters.datagrams_sent == 3);
  for (const auto& [letter, size] : {std::pair{'a', 300}, {'b', 300}, {'c', 70}}) {
    const auto got = client.receive();
    REQUIRE(got);
    CHECK(got->bytes == std::string(static_cast<std::size_t>(size), letter));
    CHECK(got->from == loopback(socket.local().port, 2));
  }
}
