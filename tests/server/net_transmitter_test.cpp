// Sending in batches, over a socket whose system calls fail as they are told to.
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <netinet/udp.h>

#include "server/net/transmitter.hpp"
#include "tests/server/net_udp_client.hpp"

using namespace hub;
using namespace hub::server;
using hub::test::loopback;

namespace {

/// Each call takes the next of `script`: so many datagrams, or minus an errno. Then everything.
class ScriptedCalls final : public BatchCalls {
 public:
  int send(int, std::span<mmsghdr> messages) override {
    int result = static_cast<int>(messages.size());
    if (!script.empty()) {
      result = std::min(result, script.front());
      script.pop_front();
    }
    calls.push_back(messages.size());
    if (result < 0) {
      errno = -result;
      return -1;
    }
    for (const mmsghdr& message : messages.first(static_cast<std::size_t>(result))) {
      const iovec& part = *message.msg_hdr.msg_iov;
      std::string bytes(static_cast<const char*>(part.iov_base), part.iov_len);
      const std::size_t segment = segment_of(message).value_or(bytes.size());
      for (std::size_t at = 0; at < bytes.size(); at += segment) {
        sent.push_back(bytes.substr(at, segment));
      }
      with_source.push_back(message.msg_hdr.msg_controllen > 0);
    }
    return result;
  }

  static std::optional<std::uint16_t> segment_of(const mmsghdr& message) {
    msghdr header = message.msg_hdr;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_SEGMENT) continue;
      std::uint16_t size = 0;
      std::memcpy(&size, CMSG_DATA(c), sizeof size);
      return size;
    }
    return std::nullopt;
  }

  std::deque<int> script;
  std::vector<std::size_t> calls;
  std::vector<std::string> sent;
  std::vector<bool> with_source;
};

struct Wire {
  explicit Wire(std::size_t max_backlog = Transmitter::kMaxBacklogBytes)
      : transmitter(socket, calls, counters, max_backlog) {}

  void push(const std::string& text) {
    kept.push_back(text);
    transmitter.push(
        {loopback(socket.local().port, 2), loopback(9)},
        Bytes(reinterpret_cast<const std::uint8_t*>(kept.back().data()), kept.back().size()));
  }
  /// Datagrams of these sizes, one behind the other in memory.
  void push_together(const std::vector<std::size_t>& sizes, std::uint16_t port = 9) {
    std::string all;
    for (const std::size_t size : sizes) all.append(size, static_cast<char>('a' + letter_++ % 26));
    kept.push_back(all);
    const auto* at = reinterpret_cast<const std::uint8_t*>(kept.back().data());
    for (const std::size_t size : sizes) {
      expected.emplace_back(reinterpret_cast<const char*>(at), size);
      transmitter.push({loopback(socket.local().port, 2), loopback(port)}, Bytes(at, size));
      at += size;
    }
  }
  void push_many(int from, int to) {
    for (int i = from; i < to; ++i) push(std::to_string(i));
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> out;
    for (int i = from; i < to; ++i) out.push_back(std::to_string(i));
    return out;
  }

  UdpSocket socket = UdpSocket::open({IpAddress::v4(0, 0, 0, 0), 0, 0});
  ScriptedCalls calls;
  Counters counters;
  Transmitter transmitter;
  std::deque<std::string> kept;
  std::vector<std::string> expected;  // of push_together()
  int letter_ = 0;
};

}  // namespace

TEST_CASE("a turn's datagrams leave in batches of 64") {
  Wire wire;
  wire.push_many(0, 150);
  wire.transmitter.flush();
  CHECK(wire.calls.calls == std::vector<std::size_t>{64, 64, 22});
  CHECK(wire.calls.sent == Wire::numbers(0, 150));
  CHECK(wire.counters.datagrams_sent == 150);
}

TEST_CASE("a batch that the kernel takes in parts is sent to its end") {
  Wire wire;
  wire.calls.script = {10, 1, -EINTR, 5};
  wire.push_many(0, 40);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == Wire::numbers(0, 40));
  CHECK(wire.counters.send_failures == 0);
}

TEST_CASE("a bad datagram is counted and skipped, the others go out") {
  Wire wire;
  wire.calls.script = {3, -EPERM, 2, -EMSGSIZE};
  wire.push_many(0, 10);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == std::vector<std::string>{"0", "1", "2", "4", "5", "7", "8", "9"});
  CHECK(wire.counters.send_failures == 1);
  CHECK(wire.counters.datagrams_too_long == 1);
  CHECK(wire.counters.datagrams_sent == 8);
}

TEST_CASE("an earlier datagram's ICMP error costs nothing, an own one only itself") {
  Wire wire;
  wire.calls.script = {-ECONNREFUSED};
  wire.push_many(0, 3);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == Wire::numbers(0, 3));
  CHECK(wire.counters.send_failures == 0);

  wire.calls.script = {-ECONNREFUSED, -ECONNREFUSED};
  wire.push_many(3, 6);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == std::vector<std::string>{"0", "1", "2", "4", "5"});
  CHECK(wire.counters.send_failures == 1);
}

TEST_CASE("a source address that is refused is left to the kernel") {
  Wire wire;
  wire.calls.script = {-EINVAL};
  wire.push_many(0, 2);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == Wire::numbers(0, 2));
  CHECK(wire.calls.with_source == std::vector<bool>{false, true});
  CHECK(wire.counters.send_failures == 0);

  wire.calls.script = {-EINVAL, -EINVAL};  // it was not the source
  wire.push_many(2, 4);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == std::vector<std::string>{"0", "1", "3"});
  CHECK(wire.counters.send_failures == 1);
}

TEST_CASE("what a full socket does not take waits and leaves first") {
  Wire wire;
  wire.calls.script = {20, -EAGAIN};
  wire.push_many(0, 50);
  wire.transmitter.flush();
  CHECK(wire.transmitter.is_blocked());
  CHECK(wire.calls.sent == Wire::numbers(0, 20));

  wire.push_many(50, 200);  // behind the others, and not tried yet
  wire.transmitter.flush();
  CHECK(wire.calls.sent == Wire::numbers(0, 20));

  wire.calls.script = {64, 10, -EAGAIN};
  wire.transmitter.on_writable();
  CHECK(wire.transmitter.is_blocked());
  CHECK(wire.calls.sent == Wire::numbers(0, 94));
  wire.transmitter.on_writable();
  CHECK_FALSE(wire.transmitter.is_blocked());
  CHECK(wire.calls.sent == Wire::numbers(0, 200));
  CHECK(wire.counters.datagrams_sent == 200);
  CHECK(wire.counters.send_failures == 0);
}

TEST_CASE("what waits for a full socket is bounded and counted beyond") {
  Wire wire(100);
  wire.calls.script = {-EAGAIN};
  for (int i = 0; i < 30; ++i) wire.push("ten bytes!");
  wire.transmitter.flush();
  CHECK(wire.counters.send_failures == 20);
  wire.transmitter.on_writable();
  CHECK(wire.calls.sent.size() == 10);
  CHECK_FALSE(wire.transmitter.is_blocked());
}

TEST_CASE("datagrams of one size to one address are one message to the kernel") {
  Wire wire;
  wire.push_together({100, 100, 100, 40});  // the last one may be shorter
  wire.push_together({100, 100}, 10);       // elsewhere
  wire.push_together({50, 60, 60});         // a longer one begins anew
  wire.push_together({60, 40, 60});         // after a shorter one, too
  wire.transmitter.flush();
  CHECK(wire.calls.calls == std::vector<std::size_t>{6});
  CHECK(wire.calls.sent == wire.expected);
  CHECK(wire.counters.datagrams_sent == wire.expected.size());

  wire.push_together(std::vector<std::size_t>(200, 1200));  // 54 of these are 64,800 bytes
  wire.transmitter.flush();
  CHECK(wire.calls.calls == std::vector<std::size_t>{6, 4});
  wire.push_together(std::vector<std::size_t>(130, 10));
  wire.transmitter.flush();
  CHECK(wire.calls.calls == std::vector<std::size_t>{6, 4, 3});
  CHECK(wire.calls.sent == wire.expected);
}

TEST_CASE("datagrams to two addresses are two messages, also where one lies behind the other") {
  Wire wire;
  const std::string both = std::string(100, 'a') + std::string(100, 'b');
  const auto* at = reinterpret_cast<const std::uint8_t*>(both.data());
  for (const std::uint16_t port : {std::uint16_t{9}, std::uint16_t{10}}) {
    wire.transmitter.push({loopback(wire.socket.local().port, 2), loopback(port)}, Bytes(at, 100));
    at += 100;
  }
  wire.transmitter.flush();
  CHECK(wire.calls.calls == std::vector<std::size_t>{2});
}

TEST_CASE("what cannot be sent in parts is sent one by one") {
  Wire wire;
  const int error = GENERATE(EIO, EINVAL, EMSGSIZE, EOPNOTSUPP, ENETUNREACH);
  CAPTURE(error);
  wire.calls.script = {-error};
  wire.push_together({100, 100, 40});
  wire.push_together({70, 70}, 10);
  wire.transmitter.flush();
  CHECK(wire.calls.sent == wire.expected);
  CHECK(wire.counters.datagrams_sent == 5);
  CHECK(wire.counters.send_failures == 0);
  // A device that cannot is not asked again; one address or path says nothing about the others.
  wire.calls.calls.clear();
  wire.push_together({100, 100});
  wire.transmitter.flush();
  const bool cannot = error == EIO || error == EOPNOTSUPP;
  CHECK(wire.calls.calls == std::vector<std::size_t>{cannot ? 2u : 1u});
}

TEST_CASE("a socket that fills up between parts gets the rest later, in order") {
  Wire wire;
  wire.calls.script = {-EMSGSIZE, 1, -EPERM, -EAGAIN};
  wire.push_together({100, 100, 100, 100, 40});
  wire.push_together({70, 70}, 10);
  wire.transmitter.flush();
  CHECK(wire.transmitter.is_blocked());
  CHECK(wire.counters.send_failures == 1);
  wire.push_together({80});
  wire.transmitter.on_writable();
  CHECK_FALSE(wire.transmitter.is_blocked());
  wire.expected.erase(wire.expected.begin() + 1);  // the one that was refused for good
  CHECK(wire.calls.sent == wire.expected);
}
