// A recorded conversation, and what somebody on the path can do to it: every bit of every datagram
// flipped, and every datagram sent again at every later point, from where it came and from
// elsewhere. Nothing that can be seen of either side changes by it, and all that either side sends
// afterwards is byte for byte what it sends when nobody is there.
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>

#include "protocol/crypto/hash.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/support/channel_end.hpp"
#include "tests/support/sealed_end.hpp"

using namespace hub;
using namespace hub::sealed;
using namespace std::chrono_literals;
using hub::test::client_path;
using hub::test::hub_path;
using hub::test::numbered;
using hub::test::SeededRandom;
using hub::test::SimNet;
using Taken = Connection::Taken;

namespace {

using Buffer = std::vector<std::uint8_t>;

const Endpoint kElsewhere = hub_path(66).remote;

ResponderConfig generous() {
  ResponderConfig config;  // the attacks are no test of rates
  config.hellos_per_second = config.answers_per_second = 100'000'000;
  config.calm_hellos_per_second = config.proven_hellos_per_second = 100'000'000;
  config.half_open_calm = config.half_open = 100'000'000;
  return config;
}

void print(std::ostream& out, const std::optional<TimePoint>& time) {
  out << (time ? time->time_since_epoch().count() : -1) << ' ';
}

std::string seen_of(const Connection& connection) {
  std::ostringstream out;
  out << to_string(connection.path().local) << ' ' << to_string(connection.path().remote) << ' '
      << connection.is_path_proven() << connection.is_closed() << ' '
      << static_cast<int>(connection.close_reason()) << ' ' << connection.datagrams_sent() << ' '
      << connection.awaits_answer() << ' ' << connection.pto().count() << ' ';
  print(out, connection.last_heard());
  print(out, connection.next_timeout());
  return out.str();
}

struct Client {
  SeededRandom random{11};
  std::optional<Initiator> initiator;
  std::unique_ptr<Connection> connection;
  Endpoint seen_as = client_path(1).local;
  bool was_reset = false;

  // True where the datagram had an effect.
  bool receive(Bytes bytes, TimePoint now) {
    if (!connection) {
      const auto event = initiator->on_datagram(bytes, now);
      if (!event) return false;
      connection = std::make_unique<Connection>(Side::kClient, std::get<Established>(*event),
                                                client_path(1), random, now);
      connection->channel().ping();
      return true;
    }
    if (const auto reset = read_reset(bytes)) {
      const bool is_true = reset->id == connection->peer_id() &&
                           equal_constant_time(reset->token, connection->expected_reset());
      was_reset = was_reset || is_true;
      return is_true;
    }
    const auto header = read_transport_header(bytes);
    if (!header) return false;
    const Taken taken = connection->on_datagram(connection->path(), *header, bytes, now);
    return taken != Taken::kForged && taken != Taken::kReplayed;
  }
  std::string seen() const {
    std::ostringstream out;
    out << was_reset << ' ';
    if (connection) return out.str() + seen_of(*connection);
    out << initiator->sends() << ' ';
    print(out, initiator->next_timeout());
    return out.str();
  }
};

struct Hub {
  SeededRandom keys{21};
  SeededRandom random{22};  // apart, since a hello that comes again is another handshake
  KeyPair pair = generate_key_pair(keys);
  Responder responder{generous(), {pair}, Key{}, 1, keys};
  std::unique_ptr<Connection> connection;

  // The answer of the responder, if any, is left in `answer`.
  bool receive(const Path& path, Bytes bytes, TimePoint now, Buffer& answer) {
    const auto header = read_transport_header(bytes);
    if (!header) {
      responder.on_stranger(path.remote, bytes, now, answer);
      return false;
    }
    if (connection && header->id == connection->id()) {
      const Taken taken = connection->on_datagram(path, *header, bytes, now);
      return taken != Taken::kForged && taken != Taken::kReplayed;
    }
    const HalfOpenConnection* made = responder.find(header->id, now);
    if (made == nullptr) return false;
    const Path greeted{path.local, made->from};
    auto fresh =
        std::make_unique<Connection>(Side::kServer, made->established, greeted, random, now);
    if (fresh->on_datagram(path, *header, bytes, now) != Taken::kFresh) return false;
    responder.take(header->id);
    connection = std::move(fresh);
    return true;
  }
  std::string seen() const {
    if (connection) return seen_of(*connection);
    return "half-open " + std::to_string(responder.half_open());
  }
};

class Conversation {
 public:
  explicit Conversation(bool attacked) : attacked_(attacked) {
    net_.faults().delay = 10ms;
    net_.attach(hub_path(1).local, [this](const Endpoint& from, const Endpoint&, Bytes bytes) {
      arrive({true, {hub_path(1).local, from}, {bytes.begin(), bytes.end()}});
    });
    client_.initiator.emplace(hub_.pair.public_key, client_.random, now());
    move_client(client_.seen_as);
  }

  void play() {
    turn();
    run(600ms);  // the first welcome is lost: the hello comes again
    REQUIRE(client_.connection);
    run(1s);
    REQUIRE(hub_.connection);
    const auto talk = [](Connection& from, std::uint32_t number, std::size_t bytes) {
      REQUIRE(from.channel().send_talk(numbered(number, bytes)));
    };
    talk(*client_.connection, 0, 45);  // as a login: there, back, there, back
    run(100ms);
    talk(*hub_.connection, 0, 69);
    run(100ms);
    talk(*client_.connection, 1, 41);
    run(100ms);
    hub_.connection->widen();
    talk(*hub_.connection, 1, 45);
    run(100ms);
    client_.connection->widen();
    run(1s);
    auto& channel = hub_.connection->channel();
    const auto stream = channel.open_bulk();
    for (std::uint32_t i = 0; i < 4; ++i) channel.send_bulk(stream, numbered(i, 1'000), i == 3);
    talk(*client_.connection, 2, 300);
    run(1s);
    client_.connection->channel().mark(77);
    talk(*hub_.connection, 2, 20);
    run(1s);
    run(1h);  // the keys grow old
    for (std::uint32_t i = 3; i < 6; ++i) {
      talk(*client_.connection, i, 30);
      talk(*hub_.connection, i, 30);
      run(15ms);
    }
    run(2s);
    move_client(hub_path(2).remote);  // the NAT forgets
    talk(*client_.connection, 6, 30);
    run(20ms);
    talk(*hub_.connection, 6, 30);
    run(2s);
    talk(*client_.connection, 7, 30);
    run(5s);
    CHECK(hub_.connection->path().remote == hub_path(2).remote);
    CHECK(hub_.connection->is_path_proven());
    reset();
    hub_.connection->close(CloseReason::kEnded);
    run(1s);
    CHECK(client_.connection->close_reason() == CloseReason::kEnded);
  }

  const std::vector<Buffer>& sent() const { return sent_; }
  const std::vector<Buffer>& delivered() const { return delivered_; }
  std::uint64_t attacks() const { return attacks_; }
  const std::set<std::uint8_t>& types() const { return types_; }

 private:
  struct Datagram {
    bool to_hub = false;
    Path path;
    Buffer bytes;
  };

  TimePoint now() const { return net_.now().mono; }
  std::string seen() const { return client_.seen() + " | " + hub_.seen(); }

  void move_client(const Endpoint& seen_as) {
    net_.detach(client_.seen_as);
    client_.seen_as = seen_as;
    net_.attach(seen_as, [this](const Endpoint&, const Endpoint&, Bytes bytes) {
      arrive({false, client_path(1), {bytes.begin(), bytes.end()}});
    });
  }

  void give(const Datagram& datagram) {
    Buffer answer;
    if (datagram.to_hub) {
      hub_.receive(datagram.path, datagram.bytes, now(), answer);
      if (!answer.empty()) send(datagram.path.local, datagram.path.remote, answer);
    } else {
      client_.receive(datagram.bytes, now());
    }
  }

  void attack(const Datagram& datagram, const char* how) {
    ++attacks_;
    const std::string before = seen();
    Buffer ignored;
    const bool effect = datagram.to_hub
                            ? hub_.receive(datagram.path, datagram.bytes, now(), ignored)
                            : client_.receive(datagram.bytes, now());
    if (effect || seen() != before) {
      FAIL(how << ", datagram " << log_.size() << "\n" << before << "\n" << seen());
    }
    if (ignored.size() > datagram.bytes.size()) FAIL("the answer is longer");
  }

  void flip_all(const Datagram& datagram) {
    for (std::size_t bit = 0; bit < 8 * datagram.bytes.size(); ++bit) {
      Datagram flipped = datagram;
      flipped.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      if (bit % 2 == 1) flipped.path.remote = kElsewhere;
      attack(flipped, "a flipped bit");
    }
  }

  void repeat_all() {
    for (const Datagram& old : log_) {
      // The welcome is meant to come again while the client still greets; and a hello that comes
      // again is another handshake, which is not this connection's affair.
      if (!old.to_hub && !client_.connection) continue;
      attack(old, "a repeat");
      Datagram moved = old;
      moved.path.remote = kElsewhere;
      attack(moved, "a repeat from elsewhere");
      moved.to_hub = !old.to_hub;
      attack(moved, "a datagram thrown back");
    }
  }

  void arrive(const Datagram& datagram) {
    types_.insert(datagram.bytes[0]);
    if (attacked_) flip_all(datagram);
    if (attacked_) repeat_all();
    if (datagram.bytes[0] == 0x03 && ++welcomes_ == 1) return;
    give(datagram);
    log_.push_back(datagram);
    if (attacked_) flip_all(datagram);
    if (attacked_) repeat_all();
    turn();
  }

  // A stateless reset that somebody made up, then the true one.
  void reset() {
    Buffer bytes;
    write_reset({client_.connection->peer_id(),
                 hub_.responder.reset_token_of(client_.connection->peer_id())},
                bytes);
    Datagram datagram{false, client_path(1), bytes};
    if (attacked_) flip_all(datagram);
    CHECK_FALSE(client_.was_reset);
    give(datagram);
    CHECK(client_.was_reset);
  }

  void send(const Endpoint& from, const Endpoint& to, const Buffer& bytes) {
    sent_.push_back(bytes);
    net_.send(from, to, bytes);
  }

  // All that both sides have to send, and their timers.
  void turn() {
    Buffer out;
    if (!client_.connection) {
      if (client_.initiator->poll_transmit(now(), out)) {
        send(client_.seen_as, hub_path(1).local, out);
      }
      wake(client_.initiator->next_timeout());
      return;
    }
    pump(client_.connection.get(), client_.seen_as);
    pump(hub_.connection.get(), hub_path(1).local);
  }
  void pump(Connection* connection, const Endpoint& from) {
    if (connection == nullptr) return;
    for (const auto& message : connection->take_delivered())
      delivered_.emplace_back(message.bytes.begin(), message.bytes.end());
    if (const auto mark = connection->take_mark()) delivered_.push_back(numbered(77));
    Buffer out;
    while (const auto path = connection->poll_transmit(now(), out)) {
      send(from, path->remote, out);
      out.clear();
    }
    if (const auto next = connection->next_timeout()) wake(*next);
  }
  void wake(TimePoint when) {
    net_.at(when, [this] {
      for (Connection* one : {client_.connection.get(), hub_.connection.get()}) {
        if (one != nullptr) one->on_timeout(now());
      }
      turn();
    });
  }
  void run(Duration span) {
    turn();
    net_.run_for(span);
  }

  SimNet net_{1};
  bool attacked_;
  Client client_;
  Hub hub_;
  std::vector<Datagram> log_;
  std::vector<Buffer> sent_;
  std::vector<Buffer> delivered_;
  std::set<std::uint8_t> types_;
  std::uint64_t attacks_ = 0;
  int welcomes_ = 0;
};

}  // namespace

TEST_CASE("no bit flipped and no datagram repeated changes anything in a whole conversation") {
  Conversation calm(false);
  calm.play();
  Conversation attacked(true);
  attacked.play();
  CHECK(attacked.sent() == calm.sent());
  CHECK(attacked.delivered() == calm.delivered());
  // It was a conversation with everything in it.
  CHECK(calm.types() == std::set<std::uint8_t>{0x01, 0x03, 0x08, 0x09});
  CHECK(calm.delivered().size() == 8 + 7 + 4 + 1);
  CHECK(calm.sent().size() > 40);
  CHECK(attacked.attacks() > 100'000);
}
