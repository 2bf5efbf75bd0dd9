// What the hub's core costs for sealed followers: one committed post to all of them, and their
// acknowledgements. Handshake, login and clients are the real ones; the store is played by hand.
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/iterations.hpp"
#include "bench/load/database.hpp"
#include "client/core/login_exchange.hpp"
#include "protocol/client_id.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/message.hpp"
#include "server/core/hub.hpp"

namespace hub::bench {
namespace {

using namespace std::chrono_literals;
using namespace hub::server;
using client::LoginExchange;
using sealed::Connection;

constexpr AccountId kAuthor = 1;
constexpr KdfParams kLeastKdf{kMinKdfMemory, kMinKdfPasses};

HubConfig generous() {
  HubConfig config;
  config.hellos_per_second = config.max_strangers = 1'000'000;
  return config;
}

/// Followers of one author, online.
class SealedAudience {
 public:
  explicit SealedAudience(std::size_t followers) {
    for (std::size_t i = 0; i < followers; ++i) join(i);
    rest();
  }

  // What is measured is not inlined, so that a profiler can be told to look at it alone.

  /// The committed post becomes a datagram to each.
  [[gnu::noinline]] void forward() {
    ++last_id_;
    hub_.on_store_output(
        store::Event(store::PostCommitted{{last_id_, kAuthor, "u1", text_, now_.wall}}), now_);
    end_turn();
  }
  /// The followers take what was sent to them and make their acknowledgements ready: at once for
  /// every second datagram.
  void listen() {
    deliver();
    acks_.clear();
    for (Follower& follower : followers_) collect(follower);
  }
  /// The hub takes the acknowledgements.
  [[gnu::noinline]] void acknowledge() {
    for (const Ack& ack : acks_) hub_.on_datagram(ack.path, ack.bytes, now_);
    end_turn();
  }
  void pass(Duration time) {
    now_.mono += time;
    now_.wall += std::chrono::duration_cast<WallTime::duration>(time);
  }
  std::size_t acks() const { return acks_.size(); }

 private:
  struct Follower {
    Path path;
    std::unique_ptr<Connection> connection;
  };
  struct Ack {
    Path path;
    std::vector<std::uint8_t> bytes;
  };

  static Path path_of(std::size_t index) {
    Path path;
    path.local = {IpAddress::v4(127, 0, 0, 1), 32000, 0};
    path.remote = {IpAddress::v4(127, 1, static_cast<std::uint8_t>(index >> 8),
                                 static_cast<std::uint8_t>(index)),
                   static_cast<std::uint16_t>(1024 + index), 0};
    return path;
  }

  void join(std::size_t index) {
    const Path path = path_of(index);
    sealed::Initiator initiator(keys_.public_key, random_, now_.mono);
    std::vector<std::uint8_t> bytes;
    initiator.poll_transmit(now_.mono, bytes);
    hub_.on_datagram(path, bytes, now_);
    const auto event = initiator.on_datagram(last_datagram(), now_.mono);
    const auto& made = std::get<sealed::Established>(event.value());
    followers_.push_back({path, std::make_unique<Connection>(sealed::Side::kClient, made, Path{},
                                                             random_, now_.mono)});
    by_id_[made.ours] = index;
    login(followers_.back(), static_cast<AccountId>(index) + kAuthor + 1, made.keys.handshake_hash);
  }

  void login(Follower& follower, AccountId account, const Key& handshake_hash) {
    LoginExchange exchange(LoginExchange::Config{true}, random_);
    const std::string name = user_name(static_cast<std::size_t>(account));
    LoginExchange::Step step = exchange.start(*ClientId::parse(name), kPassword,
                                              {DeviceId{1}, Key{2}, {}}, handshake_hash);
    while (!std::holds_alternative<LoginExchange::LoggedIn>(step)) {
      if (const auto* asked = std::get_if<LoginExchange::Stretch>(&step)) {
        step = exchange.stretched(asked->ticket, salted_);
        continue;
      }
      const auto& send = std::get<LoginExchange::SendMessage>(step);
      follower.connection->channel().send_talk(
          sealed::write_message({send.opcode, 0, send.payload}));
      hand_over(follower);
      play_store(account, name);
      deliver();
      const auto delivered = follower.connection->take_delivered();
      const auto message = sealed::read_message(delivered[0].bytes);
      step = exchange.on_message(message->opcode, message->payload);
    }
    follower.connection->widen();
  }

  /// Reads and writes that the hub asks for.
  void play_store(AccountId account, const std::string& name) {
    Outbox& out = hub_.end_turn(now_);
    const auto reads = std::exchange(out.reads, {});
    const auto writes = std::exchange(out.writes, {});
    keep_datagrams(out);
    for (const ReadJob& job : reads) {
      const auto& asked = std::get<AccountJob>(job);
      hub_.on_read(AccountFound{asked.tag, false, account, name, verifier_}, now_);
    }
    for (const store::Request& request : writes) {
      const auto& opened = std::get<store::OpenSession>(request.body);
      store::Device device;
      device.number = account;
      device.account = account;
      hub_.on_store_output(
          store::Reply{request.tag, store::SessionOpened{opened.session, {{kAuthor, 0}}, device}},
          now_);
    }
    end_turn();
  }

  /// Swapped, not copied: what is measured is the hub.
  void keep_datagrams(Outbox& out) {
    sent_.clear();
    std::swap(sent_, out.datagrams);
    out.clear();
  }
  void end_turn() { keep_datagrams(hub_.end_turn(now_)); }
  Bytes last_datagram() {
    end_turn();
    return sent_.bytes_of(sent_.entries().back());
  }

  void deliver() {
    for (const auto& entry : sent_.entries()) {
      const Bytes bytes = sent_.bytes_of(entry);
      const auto header = sealed::read_transport_header(bytes);
      if (!header) continue;
      Connection& to = *followers_[by_id_.at(header->id)].connection;
      to.on_datagram(Path{}, *header, bytes, now_.mono);
    }
    sent_.clear();
  }
  void collect(Follower& follower) {
    follower.connection->take_delivered();
    if (last_id_ > 0) follower.connection->channel().mark(last_id_);
    Ack ack{follower.path, {}};
    while (follower.connection->poll_transmit(now_.mono, ack.bytes)) {
      acks_.push_back(std::exchange(ack, {follower.path, {}}));
    }
  }
  void hand_over(Follower& follower) {
    std::vector<std::uint8_t> bytes;
    while (follower.connection->poll_transmit(now_.mono, bytes)) {
      hub_.on_datagram(follower.path, bytes, now_);
      bytes.clear();
    }
  }
  /// Everybody's delayed acknowledgements, until nobody has any.
  void rest() {
    for (int i = 0; i < 8; ++i) {
      pass(kMaxAckDelay);
      hub_.on_timeout(now_);
      for (Follower& follower : followers_) follower.connection->on_timeout(now_.mono);
      for (Follower& follower : followers_) hand_over(follower);
      end_turn();
      deliver();
    }
  }

  SystemRandom random_;
  const KeyPair keys_ = generate_key_pair(random_);
  const Verifier verifier_ = make_verifier(kPassword, kLeastKdf, random_).value();
  const Key salted_ = stretch_password(kPassword, verifier_.salt, kLeastKdf).value();
  const std::string text_ = text_of(100);
  Counters counters_;
  Hub hub_{generous(), {{{keys_}, {}}, {}, 0}, random_, counters_};
  Now now_{TimePoint{} + 1h, WallTime{} + 1h};
  std::vector<Follower> followers_;
  std::unordered_map<sealed::ConnectionId, std::size_t> by_id_;
  DatagramQueue sent_;  // of the last turn
  std::vector<Ack> acks_;
  MessageId last_id_ = 0;
};

/// Items are forwards: one committed post to all followers, sealed.
void sealed_core_fan_out(benchmark::State& state) {
  SealedAudience audience(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    audience.forward();
    state.PauseTiming();
    audience.listen();
    audience.acknowledge();
    audience.pass(5ms);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sealed_core_fan_out)->Arg(1000)->Unit(benchmark::kMicrosecond);

/// The same with the acknowledgements, one for two forwards.
void sealed_core_fan_out_and_acks(benchmark::State& state) {
  SealedAudience audience(static_cast<std::size_t>(state.range(0)));
  std::size_t acks = 0;
  for (auto _ : state) {
    audience.forward();
    state.PauseTiming();
    audience.listen();
    state.ResumeTiming();
    audience.acknowledge();
    acks += audience.acks();
    state.PauseTiming();
    audience.pass(5ms);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["acks_each"] =
      static_cast<double>(acks) / static_cast<double>(state.iterations() * state.range(0));
}
BENCHMARK(sealed_core_fan_out_and_acks)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond)
    ->Apply(fixed_if_asked);

}  // namespace
}  // namespace hub::bench
