// What the pieces of the sealed framing cost, without sockets: datagrams, messages through whole
// connections, handshakes, and the memory of a connection that rests.
#include <array>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <malloc.h>

#include "bench/iterations.hpp"
#include "bench/load/database.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/message.hpp"
#include "protocol/sealed/packet_keys.hpp"
#include "protocol/sealed/replay_window.hpp"
#include "protocol/sealed/responder.hpp"
#include "server/core/link.hpp"

namespace hub::bench {
namespace {

using namespace std::chrono_literals;
using sealed::Connection;
using sealed::Established;

Endpoint client_at(std::uint32_t number) {
  return {IpAddress::v4(127, static_cast<std::uint8_t>(number >> 16),
                        static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)),
          40'000, 0};
}

/// One datagram's way: header, seal, read the header, unseal. The argument is
/// the bytes of frames.
void sealed_datagram(benchmark::State& state) {
  TimePoint now{1h};
  const std::vector<std::uint8_t> frames(static_cast<std::size_t>(state.range(0)), 7);
  Key key{};
  key.fill(7);
  sealed::SendKey send(key, now);
  sealed::ReceiveKey receive(key);
  std::vector<std::uint8_t> datagram;
  std::array<std::uint8_t, kBaseDatagramBytes> plain;
  for (auto _ : state) {
    datagram.clear();
    send.start(1, send.next_number(), now, datagram);
    datagram.insert(datagram.end(), frames.begin(), frames.end());
    send.finish(datagram, 0);
    const auto header = sealed::read_transport_header(datagram);
    if (!receive.open(*header, datagram, 1s, now, plain)) state.SkipWithError("not authentic");
    benchmark::ClobberMemory();
  }
}
BENCHMARK(sealed_datagram)->Arg(20)->Arg(150)->Arg(1167)->Apply(fixed_if_asked);

void replay_window_in_order(benchmark::State& state) {
  sealed::ReplayWindow window;
  std::uint64_t number = 0;
  for (auto _ : state) benchmark::DoNotOptimize(window.accept(number++));
}
BENCHMARK(replay_window_in_order);

/// Scattered over the window, half of them repeats.
void replay_window_disorder(benchmark::State& state) {
  sealed::ReplayWindow window;
  std::uint64_t number = 1024;
  for (auto _ : state) {
    benchmark::DoNotOptimize(window.accept(number - (number * 7919) % 1000));
    number += number % 2;
    ++number;
  }
}
BENCHMARK(replay_window_disorder);

/// A client and a way to it without loss or delay.
class Client {
 public:
  Client(const Established& hub_side, Random& random, TimePoint now)
      : connection(sealed::Side::kClient, turned(hub_side), Path{}, random, now) {
    connection.widen();
  }

  void exchange(Connection& hub, TimePoint now) {
    while (carry(hub, connection, now) || carry(connection, hub, now)) {
    }
  }
  /// Until both rest.
  void settle(Connection& hub, TimePoint& now) {
    exchange(hub, now);
    for (int i = 0; i < 10 && (hub.next_timeout() || connection.next_timeout()); ++i) {
      now += kMaxAckDelay;
      hub.on_timeout(now);
      connection.on_timeout(now);
      exchange(hub, now);
    }
  }

  Connection connection;

 private:
  static Established turned(Established made) {
    std::swap(made.ours, made.theirs);
    return made;
  }
  bool carry(Connection& from, Connection& to, TimePoint now) {
    datagram_.clear();
    if (!from.poll_transmit(now, datagram_)) return false;
    const auto header = sealed::read_transport_header(datagram_);
    benchmark::DoNotOptimize(to.on_datagram({{}, client_at(1)}, *header, datagram_, now));
    benchmark::DoNotOptimize(to.take_delivered());
    return true;
  }

  std::vector<std::uint8_t> datagram_;
};

Established some_keys() {
  Established made;
  made.keys.to_initiator.fill(1);
  made.keys.to_responder.fill(2);
  made.ours = 1;
  made.theirs = 2;
  return made;
}

/// Both ends, logged in and at rest.
struct Pair {
  Pair() {
    hub.widen();
    client.settle(hub, now);
  }

  SystemRandom random;
  TimePoint now{1h};
  Connection hub{sealed::Side::kServer, some_keys(), {{}, client_at(1)}, random, now};
  Client client{some_keys(), random, now};
};

std::vector<std::uint8_t> forward_of(std::size_t bytes) {
  return sealed::write_message({Opcode::kForward, 1, text_of(bytes)});
}

/// A forward to a client in a stream of them: sent, sealed, opened, delivered; every second one
/// acknowledged. Both sides together. The argument is the bytes of text.
void connection_message(benchmark::State& state) {
  Pair pair;
  const auto message = forward_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    pair.hub.channel().send_talk(message);
    pair.now += 100us;
    pair.client.exchange(pair.hub, pair.now);
  }
}
BENCHMARK(connection_message)->Arg(100)->Arg(1000)->Apply(fixed_if_asked);

/// The same where each one finds both connections at rest and lets them rest again: a forward, and
/// its acknowledgement after the ack delay.
void connection_message_from_rest(benchmark::State& state) {
  Pair pair;
  const auto message = forward_of(100);
  for (auto _ : state) {
    pair.hub.channel().send_talk(message);
    pair.client.settle(pair.hub, pair.now);
  }
}
BENCHMARK(connection_message_from_rest);

/// Clients that greet a responder; what the hub does for each is timed, what they do is not.
struct Handshake {
  Handshake() {
    sealed::ResponderConfig config;
    config.hellos_per_second = config.proven_hellos_per_second = 1'000'000;
    config.calm_hellos_per_second = 10'000'000;
    responder =
        std::make_unique<sealed::Responder>(config, std::vector<KeyPair>{keys}, Key{1}, 0u, random);
  }

  SystemRandom random;
  const KeyPair keys = generate_key_pair(random);
  std::unique_ptr<sealed::Responder> responder;
  TimePoint now{1h};
  std::uint32_t number = 0;
};

/// Hello, welcome, the client's first datagram: from nothing to a connection that is admitted.
void responder_connection(benchmark::State& state) {
  Handshake hub;
  std::vector<std::uint8_t> hello;
  std::vector<std::uint8_t> welcome;
  std::vector<std::uint8_t> first;
  for (auto _ : state) {
    state.PauseTiming();
    const Endpoint from = client_at(++hub.number);
    hub.now += 1ms;
    hello.clear();
    welcome.clear();
    first.clear();
    sealed::Initiator initiator(hub.keys.public_key, hub.random, hub.now);
    initiator.poll_transmit(hub.now, hello);
    state.ResumeTiming();

    hub.responder->on_stranger(from, hello, hub.now, welcome);

    state.PauseTiming();
    const auto event = initiator.on_datagram(welcome, hub.now);
    const auto* made = event ? std::get_if<Established>(&*event) : nullptr;
    if (made == nullptr) {
      state.SkipWithError("no welcome");
      break;
    }
    Connection client(sealed::Side::kClient, *made, Path{}, hub.random, hub.now);
    client.channel().ping();
    client.poll_transmit(hub.now, first);
    const Path path{{}, from};
    state.ResumeTiming();

    const auto header = sealed::read_transport_header(first);
    const sealed::HalfOpenConnection* half_open = hub.responder->find(header->id, hub.now);
    auto link = std::make_unique<server::Link>(half_open->established, path, hub.random, hub.now);
    link->connection.on_datagram(path, *header, first, hub.now);
    hub.responder->take(header->id);

    state.PauseTiming();
    link.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(responder_connection)->Unit(benchmark::kMicrosecond);

/// A flood of hellos from one prefix, beyond its rate: each costs a cookie.
void responder_cookie(benchmark::State& state) {
  SystemRandom random;
  const KeyPair keys = generate_key_pair(random);
  sealed::ResponderConfig config;
  config.hellos_per_second = 0;
  config.answers_per_second = 100'000'000;
  sealed::Responder responder(config, {keys}, Key{1}, 0, random);
  const TimePoint now{1h};
  std::vector<std::uint8_t> hello;
  sealed::Initiator(keys.public_key, random, now).poll_transmit(now, hello);
  std::vector<std::uint8_t> answer;
  for (auto _ : state) {
    answer.clear();
    benchmark::DoNotOptimize(responder.on_stranger(client_at(1), hello, now, answer));
  }
}
BENCHMARK(responder_cookie);

/// Memory, not time: what the hub holds for a connection that has talked and rests: the link with
/// the connection in it, and all that malloc has handed out for both. Its session and the tables
/// that it is in come on top.
void idle_connection_bytes(benchmark::State& state) {
  constexpr std::size_t kConnections = 1000;
  SystemRandom random;
  double bytes = 0;
  for (auto _ : state) {
    std::vector<std::unique_ptr<server::Link>> links(kConnections);
    TimePoint now{1h};
    const auto before = mallinfo2().uordblks;
    for (auto& link : links) {
      const Path path{{}, client_at(1)};
      link = std::make_unique<server::Link>(some_keys(), path, random, now);
      Client client(some_keys(), random, now);
      link->connection.widen();
      link->connection.channel().send_talk(forward_of(100));
      client.settle(link->connection, now);
      if (link->connection.next_timeout()) state.SkipWithError("a connection does not rest");
    }
    bytes = static_cast<double>(mallinfo2().uordblks - before) / kConnections;
  }
  state.counters["bytes"] = bytes;
  state.counters["bytes_of_link"] = sizeof(server::Link);
}
BENCHMARK(idle_connection_bytes)->Iterations(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hub::bench
