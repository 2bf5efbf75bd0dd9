// The hub's side of a sealed connection; the test is its client, wherever that likes to be.
#pragma once

#include <map>
#include <vector>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "protocol/sealed/connection.hpp"
#include "tests/support/channel_end.hpp"
#include "tests/support/sealed_end.hpp"

namespace hub::test::roaming {

using sealed::Connection;
using sealed::ReceiveKey;
using Taken = Connection::Taken;

using Buffer = std::vector<std::uint8_t>;
using Data = channel::PathData;

inline const Path kOld = hub_path(1);
inline const Path kNew = hub_path(2);
inline const Path kThird = hub_path(3);

struct Hub {
  SeededRandom random{1};
  TimePoint now{std::chrono::hours(1)};
  Handshake made = shake_hands(random, now);
  Connection connection{sealed::Side::kServer, made.server, kOld, random, now};
  std::uint64_t next = 0;          // number of the client's next datagram
  std::uint64_t hub_number = 0;    // one above the hub's largest
  std::map<Endpoint, Data> asked;  // the last challenge to each address
  std::map<Endpoint, std::uint64_t> sent;

  Buffer sealed(Buffer frames) {
    return seal_by_hand(made.client.keys.to_responder, false, made.client.theirs, next++, frames);
  }
  Taken give(const Buffer& datagram, const Path& path) {
    return connection.on_datagram(path, *sealed::read_transport_header(datagram), datagram, now);
  }
  void come(const Path& path, Buffer frames = {1}) {
    REQUIRE(give(sealed(std::move(frames)), path) == Taken::kFresh);
  }
  // A ping with so many bytes of padding.
  void come_with(const Path& path, std::size_t bytes) {
    Buffer frames(bytes - kTransportOverhead, 0);
    frames.front() = 1;
    come(path, frames);
  }
  static Buffer answer_frames(const Data& data) {
    Buffer frames;
    channel::encode_path(true, data, frames);
    return frames;
  }
  void answer(const Path& path) {
    REQUIRE(asked.count(path.remote) == 1);
    come(path, answer_frames(asked.at(path.remote)));
  }
  // Sends what there is; challenges are noted. Says how many bytes went to where.
  std::map<Endpoint, std::uint64_t> poll() {
    std::map<Endpoint, std::uint64_t> went;
    Buffer datagram;
    ReceiveKey key(made.client.keys.to_initiator);
    for (int budget = 0; const auto path = connection.poll_transmit(now, datagram); ++budget) {
      REQUIRE(budget < 10'000);
      went[path->remote] += datagram.size();
      Buffer plain(kMaxDatagramBytes);
      const auto header = sealed::read_transport_header(datagram);
      const auto frames = key.open(*header, datagram, Duration::zero(), now, plain);
      REQUIRE(frames);
      hub_number = header->number + 1;
      auto list = channel::decode(*frames);
      while (const auto frame = list->next()) {
        if (frame->type == channel::FrameType::kPathChallenge) asked[path->remote] = frame->path;
      }
      datagram.clear();
    }
    for (const auto& [to, bytes] : went) sent[to] += bytes;
    return went;
  }
  // Acknowledges everything so far.
  void acknowledge(const Path& path) {
    Buffer frames;
    channel::encode_ack({{0, hub_number - 1}}, Duration::zero(), 100, frames);
    come(path, frames);
  }
  // A round trip measured.
  void measure(const Path& path, Duration rtt) {
    connection.channel().ping();
    poll();
    now += rtt;
    acknowledge(path);
    poll();
  }
};

}  // namespace hub::test::roaming
