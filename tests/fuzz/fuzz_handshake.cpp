// Fuzzes what strangers may send before there is a connection. Every decoder sees the bytes as they
// are; then a hub and a client in the middle of a handshake see them, and what they say to each
// other with changes that the input makes, from addresses and at times that it picks. Nobody else's
// cookie holds, no answer is longer than what was asked, nothing but the true hello and the true
// welcome make a connection.
#include <array>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "protocol/limits.hpp"
#include "protocol/sealed/initiator.hpp"
#include "protocol/sealed/packet_keys.hpp"
#include "protocol/sealed/responder.hpp"
#include "tests/fuzz/input.hpp"

namespace hub::fuzz {
namespace {

using namespace sealed;
using Buffer = std::vector<std::uint8_t>;

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

const KeyPair& server_key() {
  static const KeyPair pair = [] {
    CountingRandom random;
    return generate_key_pair(random);
  }();
  return pair;
}

void must_be(Bytes read, const Buffer& written) {
  must(std::equal(read.begin(), read.end(), written.begin(), written.end()),
       "a message is written as it was read");
}

void decode_all(Bytes bytes) {
  Buffer out;
  int kinds = 0;
  if (const auto hello = read_hello(bytes)) {
    ++kinds;
    write_hello(hello->key_id, hello->cookie, hello->noise, out);
    if (hello->version == kSealedVersion) must_be(bytes, out);
    must(bytes.size() >= kHelloBytes, "a hello may be answered");
  }
  out.clear();
  if (const auto cookie = read_cookie(bytes)) {
    ++kinds;
    write_cookie(*cookie, out);
    must_be(bytes, out);
  }
  out.clear();
  if (const auto welcome = read_welcome(bytes)) {
    ++kinds;
    write_welcome(welcome->client_id, welcome->noise, out);
    must_be(bytes, out);
  }
  out.clear();
  if (const auto versions = read_versions(bytes)) {
    ++kinds;
    write_versions(*versions, out);
    must_be(bytes, out);
  }
  if (read_key_request(bytes)) ++kinds;
  out.clear();
  if (const auto answer = read_key_answer(bytes)) {
    ++kinds;
    write_key_answer(*answer, out);
    must_be(bytes, out);
  }
  out.clear();
  if (const auto reset = read_reset(bytes)) {
    ++kinds;
    write_reset(*reset, out);
    must_be(bytes, out);
  }
  if (read_transport_header(bytes)) ++kinds;
  must(kinds <= 1, "a datagram is one thing");
  if (const auto payload = read_hello_payload(bytes)) {
    must_be(bytes, hello_payload(payload->client_id, payload->versions));
  }
  if (const auto payload = read_welcome_payload(bytes)) must_be(bytes, welcome_payload(*payload));
}

struct World {
  explicit World(Input& from) : input(from) {
    config.half_open = 8;
    config.half_open_calm = input.below(8);
    config.hellos_per_second = static_cast<std::uint32_t>(1 + input.below(8));
    config.answers_per_second = static_cast<std::uint32_t>(1 + input.below(64));
    config.calm_hellos_per_second = static_cast<std::uint32_t>(1 + input.below(64));
    hub.emplace(config, std::vector<KeyPair>{server_key()}, Key{}, 1, random);
    client.emplace(server_key().public_key, random, now);
    client->poll_transmit(now, hello);
  }

  Endpoint somewhere() {
    const auto draw = static_cast<std::uint8_t>(input.below(8));
    return {IpAddress::v4(10, 0, 0, draw / 2), static_cast<std::uint16_t>(4'000 + draw % 2), 0};
  }

  // One of the datagrams seen so far, or bytes as they are, with some of it changed.
  Buffer datagram() {
    Buffer out;
    switch (input.below(6)) {
      case 0: {
        const std::string_view raw = input.piece();
        out.assign(raw.begin(), raw.end());
        break;
      }
      case 1:
        out = hello;
        break;
      case 2:
        out = answer;
        break;
      case 3:
        write_key_request({}, out);
        break;
      case 4: {  // with the echo that is expected, so that what follows it is looked at
        const std::string_view raw = input.piece();
        out.push_back(static_cast<std::uint8_t>(1 + input.below(8)));
        const Echo echo = read_hello(hello)->echo;
        out.insert(out.end(), echo.begin(), echo.end());
        out.insert(out.end(), raw.begin(), raw.end());
        break;
      }
      default:
        out = hello;
        if (cookie) std::copy(cookie->begin(), cookie->end(), out.begin() + 6);
    }
    for (std::size_t flips = input.below(4) == 0 ? 1 + input.below(4) : 0; flips > 0; --flips) {
      if (!out.empty()) out[input.u32() % out.size()] ^= input.u8();
    }
    return out;
  }

  void to_hub() {
    const Endpoint from = somewhere();
    const Buffer bytes = datagram();
    Buffer out = {0xAA};
    const auto hello_read = read_hello(bytes);
    const auto half_open = hub->half_open();
    const Answer came = hub->on_stranger(from, bytes, now, out);
    must(out.front() == 0xAA && out.size() - 1 <= bytes.size(), "an answer is no longer");
    out.erase(out.begin());
    must((came >= Answer::kNothingMalformed) == out.empty(), "nothing is nothing");
    must(hub->half_open() <= config.half_open, "half-open connections are bounded");
    switch (came) {
      case Answer::kWelcome:
        must(hello_read.has_value() && read_welcome(out).has_value(), "a welcome answers a hello");
        must(std::equal(hello_read->noise.begin(), hello_read->noise.end(), hello.begin() + 22,
                        hello.end()),
             "only the true hello is welcome");
        if (hello_read->cookie != Cookie{}) {
          must(issued.count({from, hello_read->cookie}) > 0, "only an issued cookie holds");
        }
        break;
      case Answer::kCookie:
        cookie = read_cookie(out)->cookie;
        issued.insert({from, *cookie});
        break;
      default:
        must(hub->half_open() <= half_open, "nothing is kept of anything else");
    }
    if (!out.empty()) answer = out;
  }

  void to_client() {
    const Buffer bytes = datagram();
    const auto event = client->on_datagram(bytes, now);
    if (event && std::holds_alternative<Established>(*event)) {
      const auto& made = std::get<Established>(*event);
      const HalfOpenConnection* there = hub->find(made.theirs, now);
      must(there == nullptr || there->established.keys.to_responder == made.keys.to_responder,
           "both have the same keys");
      if (there != nullptr && input.below(2) == 0) hub->take(made.theirs);
    }
    Buffer out;
    for (int sends = 0; client->poll_transmit(now, out); ++sends) {
      must(sends == 0, "one hello at a time");
    }
    must(out.empty() || out.size() == kHelloBytes, "a hello's size");
    must(client->next_timeout() > now, "the client waits");
  }

  void step() {
    switch (input.below(8)) {
      case 0:
      case 1:
      case 2:
        return to_hub();
      case 3:
      case 4:
      case 5:
        return to_client();
      case 6:
        now += std::chrono::milliseconds(input.u8());
        return hub->on_timeout(now);
      default:
        now += std::chrono::seconds(input.u8());
        if (const auto next = hub->next_timeout()) now = std::max(now, *next);
        hub->on_timeout(now);
        must(!hub->next_timeout() || *hub->next_timeout() > now, "the hub waits");
    }
  }

  Input& input;
  CountingRandom random;
  ResponderConfig config;
  TimePoint now{std::chrono::hours(1)};
  std::optional<Responder> hub;
  std::optional<Initiator> client;
  Buffer hello;   // the client's, without a cookie
  Buffer answer;  // the hub's last
  std::optional<Cookie> cookie;
  std::set<std::pair<Endpoint, Cookie>> issued;
};

}  // namespace
}  // namespace hub::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hub;
  fuzz::decode_all(Bytes(data, size));
  fuzz::Input input(data, size);
  fuzz::World world(input);
  for (int steps = 0; steps < 100 && !input.empty(); ++steps) world.step();
  return 0;
}
