// Fuzzes a sealed connection, the hub's side or the client's, with datagrams that authenticate: a
// peer that has the keys and no manners chooses frames, numbers, keys, addresses and times.
// Whatever it does, the connection ends, or goes on within its bounds.
#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/noise.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/wire.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

using namespace sealed;
using Buffer = std::vector<std::uint8_t>;
using Taken = Connection::Taken;

class CountingRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      byte = static_cast<std::uint8_t>(state_ >> 56);
    }
  }

 private:
  std::uint64_t state_ = 1;
};

Established made() {
  Established out;
  out.keys.to_responder.fill(1);
  out.keys.to_initiator.fill(2);
  out.ours = 0x1111;
  out.theirs = 0x2222;
  return out;
}

Path path_of(std::size_t draw) {
  const Endpoint local{IpAddress::v4(192, 0, 2, static_cast<std::uint8_t>(draw / 6)), 32'000, 0};
  const auto host = static_cast<std::uint8_t>(draw % 6 / 2);
  return {local, {IpAddress::v4(10, 0, 0, host), static_cast<std::uint16_t>(4'000 + draw % 2), 0}};
}

struct World {
  World(Input& from, Side which)
      : input(from),
        side(which),
        connection(which, made(), path_of(0), random, now, {20, std::chrono::minutes(10)}),
        key(which == Side::kServer ? made().keys.to_responder : made().keys.to_initiator) {
    proven.insert(path_of(0).remote);
  }

  Buffer frames() {
    Buffer out;
    const auto message = [this] {
      const std::string_view text = input.bytes(1 + input.below(64));
      return Buffer(text.begin(), text.end());
    };
    for (std::size_t count = 1 + input.below(3); count > 0; --count) {
      switch (input.below(10)) {
        case 0:
          channel::encode_ping(out);
          break;
        case 1:
          channel::encode_talk(input.below(32), message(), out);
          break;
        case 2:
          channel::encode_bulk(input.below(4), input.below(16), input.below(4) == 0, message(),
                               out);
          break;
        case 3:
          channel::encode_window(static_cast<channel::Lane>(input.below(2)),
                                 64u * input.u32() % 200'000, out);
          break;
        case 4:
        case 5: {
          const std::uint64_t newest = std::max<std::uint64_t>(connection.datagrams_sent(), 1) - 1;
          const std::uint64_t last = newest - std::min<std::uint64_t>(newest, input.below(8));
          const std::uint64_t first = last - std::min<std::uint64_t>(last, input.below(8));
          channel::encode_ack({{first, last}}, std::chrono::microseconds(input.u8()), 100, out);
          break;
        }
        case 6:
          channel::encode_path(true, challenged ? *challenged : channel::PathData{}, out);
          break;
        case 7:
          channel::encode_path(false, {}, out);
          break;
        default: {
          const std::string_view raw = input.piece();
          out.insert(out.end(), raw.begin(), raw.end());
        }
      }
    }
    if (out.empty()) out.push_back(0);
    if (out.size() > kMaxFrameBytes) out.resize(kMaxFrameBytes);
    return out;
  }

  void receive() {
    if (input.below(16) == 0) {  // the next key
      key = rekey(key);
      phase = !phase;
    }
    const std::uint64_t ahead = input.below(8) == 0 ? input.u32() % 3'000 : 1;
    std::uint64_t number = next + ahead - 1;
    if (input.below(8) == 0) number -= std::min<std::uint64_t>(number, input.below(64));
    next = std::max(next, number + 1);
    Buffer datagram;
    wire::Writer writer(datagram);
    writer.u8(phase ? 0x09 : 0x08);
    writer.u64(connection.id());
    writer.u64(number);
    const Buffer plain = frames();
    const Buffer header = datagram;
    datagram.resize(header.size() + plain.size() + kAeadTagBytes);
    aead().seal(key, counter_nonce(number), header, plain, datagram.data() + header.size());
    if (input.below(32) == 0) datagram[input.u32() % datagram.size()] ^= 1;
    const auto read = read_transport_header(datagram);
    if (!read) return;
    const Path path = input.below(2) == 0 ? connection.path() : path_of(input.below(12));
    const Path before = connection.path();
    const bool was_closed = connection.is_closed();
    const Taken taken = connection.on_datagram(path, *read, datagram, now);
    const bool is_fresh =
        taken == Taken::kFresh || taken == Taken::kViolation || taken == Taken::kClosed;
    must(!was_closed || !is_fresh, "a closed connection takes nothing");
    if (!is_fresh) {
      must(connection.path() == before, "neither forged nor repeated datagrams move");
      return;
    }
    must(side == Side::kServer || connection.path() == before, "a client is where it is");
    must((taken == Taken::kViolation || taken == Taken::kClosed) == connection.is_closed(),
         "who is closed says so");
    received[path.remote] += datagram.size();
    note_proof();
  }

  void note_proof() {
    if (connection.is_path_proven()) proven.insert(connection.path().remote);
  }

  void send() {
    Buffer out;
    for (int budget = 0; const auto path = connection.poll_transmit(now, out); ++budget) {
      must(budget < 2'000, "there is an end to what there is to send");
      must(out.size() <= kMaxDatagramBytes, "no datagram is too long");
      const auto header = read_transport_header(out);
      must(header.has_value() && header->id == connection.peer_id(), "a datagram to the peer");
      must(header->number == numbers++, "numbers are used once, in order");
      open(*header, out);
      sent[path->remote] += out.size();
      const bool within = sent[path->remote] <= 3 * received[path->remote];
      must(side == Side::kClient || proven.count(path->remote) > 0 || within,
           "an unproven address gets at most three times its bytes");
      out.clear();
    }
  }

  // As the peer would: it follows the changes of keys, and learns what it is challenged with.
  void open(const TransportHeader& header, const Buffer& datagram) {
    std::array<std::uint8_t, kMaxDatagramBytes> plain{};
    const auto opened = peer_key.open(header, datagram, std::chrono::seconds(1), now, plain);
    must(opened.has_value(), "the peer can open it");
    auto list = channel::decode(*opened);
    must(list.has_value(), "the peer can read it");
    while (const auto frame = list->next()) {
      if (frame->type == channel::FrameType::kPathChallenge) challenged = frame->path;
    }
  }

  void pass_time() {
    now += input.below(16) == 0 ? std::chrono::milliseconds(60'000 * input.u8())
                                : std::chrono::milliseconds(input.u8());
    if (const auto due = connection.next_timeout(); due && input.below(2) == 0) {
      now = std::max(now, *due);
    }
    connection.on_timeout(now);
    note_proof();
    send();
    const auto then = connection.next_timeout();
    must(!then || *then > now, "no deadline stays in the past");
  }

  void submit() {
    const Buffer message(1 + 4 * input.u8(), 7);
    if (input.below(2) == 0) {
      connection.channel().send_talk(message);
    } else {
      if (streams < 20) streams = connection.channel().open_bulk() + 1;
      connection.channel().send_bulk(input.u8() % streams, message, input.below(4) == 0);
    }
  }

  void step() {
    switch (input.below(10)) {
      case 0:
      case 1:
        return send();
      case 2:
        for (const auto& message : connection.take_delivered()) {
          must(!message.bytes.empty() && message.bytes.size() <= kMaxMessageBytes, "a size");
        }
        connection.take_mark();
        return;
      case 3:
        return pass_time();
      case 4:
        if (!connection.is_closed()) submit();
        return;
      case 5:
        if (input.below(8) == 0) connection.widen();
        if (input.below(32) == 0) connection.close(CloseReason::kEnded);
        if (side == Side::kClient && input.below(8) == 0) {
          connection.set_path(path_of(input.below(12)), now);
        }
        return;
      default:
        return receive();
    }
  }

  Input& input;
  Side side;
  CountingRandom random;
  TimePoint now{std::chrono::hours(1)};
  Connection connection;
  Key key;
  bool phase = false;
  std::uint64_t next = 0;
  std::uint64_t numbers = 0;
  ReceiveKey peer_key{side == Side::kServer ? made().keys.to_initiator : made().keys.to_responder};
  std::optional<channel::PathData> challenged;
  channel::StreamId streams = 0;
  std::map<Endpoint, std::uint64_t> received;
  std::map<Endpoint, std::uint64_t> sent;
  std::set<Endpoint> proven;
};

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  fuzz::Input input(data, size);
  fuzz::World world(input, input.below(4) == 0 ? sealed::Side::kClient : sealed::Side::kServer);
  while (!input.empty()) world.step();
  world.send();
  // Left alone, it comes to a halt or goes on probing, and never spins.
  for (int i = 0; i < 50; ++i) {
    const auto next = world.connection.next_timeout();
    if (!next) break;
    world.now = std::max(world.now, *next);
    world.connection.on_timeout(world.now);
    world.note_proof();
    world.send();
    const auto then = world.connection.next_timeout();
    fuzz::must(!then || *then > world.now, "no deadline stays in the past");
  }
  return 0;
}
