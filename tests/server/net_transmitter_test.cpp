// Sending in batches, over a socket whose system calls fail as they are told to.
#include <cerrno>
#include <deque>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

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
      sent.emplace_back(static_cast<const char*>(part.iov_base), part.iov_len);
      with_source.push_back(message.msg_hdr.msg_controllen > 0);
    }
    return result;
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
  CHECK(wire.counters.send_failures == 2);
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
