#include "tests/support/channel_end.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "protocol/wire.hpp"

namespace hub::test {

channel::Config after_login() {
  channel::Config config;
  config.talk_window = 32'768;
  config.bulk_window = 262'144;
  return config;
}

channel::Rest on_good_path() {
  channel::Rest rest;
  rest.caution = 0;
  rest.mtu.probes = channel::PathMtu::kMaxProbes;
  return rest;
}

std::optional<Datagram> Side::poll(TimePoint now, std::size_t max_bytes) {
  Datagram datagram{next_number, {}};
  if (!channel.poll_packet(next_number, max_bytes, datagram.frames, now)) return std::nullopt;
  ++next_number;
  return datagram;
}

std::vector<Datagram> Side::poll_all(TimePoint now) {
  std::vector<Datagram> all;
  while (auto datagram = poll(now)) all.push_back(std::move(*datagram));
  return all;
}

std::optional<channel::Violation> Side::violation(const Datagram& datagram, TimePoint now) {
  const auto received = channel.on_packet(datagram.number, datagram.frames, next_number, now);
  if (received) return std::nullopt;
  return received.error();
}

channel::Received Side::receive(const Datagram& datagram, TimePoint now) {
  auto received = channel.on_packet(datagram.number, datagram.frames, next_number, now);
  if (!received) throw std::runtime_error(channel::to_string(received.error()));
  return std::move(*received);
}

std::vector<std::uint8_t> numbered(std::uint32_t number, std::size_t bytes) {
  std::vector<std::uint8_t> out;
  wire::Writer(out).u32(number);
  out.resize(std::max<std::size_t>(bytes, 4), static_cast<std::uint8_t>(number));
  return out;
}

std::uint32_t number_of(Bytes message) { return wire::Reader(message).u32(); }

End::End(SimNet& net, const Endpoint& self, const Endpoint& peer, const Options& options,
         Carrier carrier)
    : net_(net),
      self_(self),
      peer_(peer),
      options_(options),
      carrier_(std::move(carrier)),
      channel_(options.config) {
  if (!carrier_) {
    carrier_ = [this](const Endpoint& from, const Endpoint& to, Bytes datagram) {
      net_.send(from, to, datagram);
    };
  }
  net_.attach(self_, [this](const Endpoint&, const Endpoint&, Bytes bytes) { on_datagram(bytes); });
}

void End::on_datagram(Bytes bytes) {
  wire::Reader reader(bytes);
  const std::uint64_t number = reader.u64();
  if (!seen_.insert(number).second) return;
  const auto received = channel_.on_packet(number, reader.rest(), next_number_, net_.now().mono);
  if (!received) {
    throw std::runtime_error(std::string(channel::to_string(received.error())) + ", seed " +
                             std::to_string(net_.seed()));
  }
  pump();
}

void End::pump() {
  for (const auto& message : channel_.take_delivered()) {
    if (on_delivered) on_delivered(message);
  }
  std::vector<std::uint8_t> datagram;
  for (;;) {
    datagram.clear();
    wire::Writer(datagram).u64(next_number_);
    if (!channel_.poll_packet(next_number_, kMaxFrameBytes, datagram, net_.now().mono)) break;
    ++next_number_;
    carrier_(self_, peer_, datagram);
  }
  if (options_.drop_when_idle && channel_.is_idle()) {
    const channel::Rest rest = channel_.rest();
    channel_ = channel::Channel(options_.config, rest);
    ++times_dropped_;
  }
  if (on_pumped) on_pumped();
  schedule();
}

void End::schedule() {
  const auto next = channel_.next_timeout();
  if (!next || (scheduled_ && *scheduled_ <= *next)) return;
  scheduled_ = next;
  net_.at(*next, [this, when = *next] {
    if (scheduled_ != when) return;  // an earlier one has been made since
    scheduled_.reset();
    channel_.on_timeout(net_.now().mono);
    pump();
  });
}

Duration Bottleneck::queueing() const {
  const TimePoint now = net_.now().mono;
  return free_at_ > now ? free_at_ - now : Duration::zero();
}

bool Bottleneck::send(const Endpoint& from, const Endpoint& to, Bytes datagram) {
  const double bits = 8.0 * static_cast<double>(datagram.size() - 8 + kHeaders);  // less our number
  const double waiting = std::chrono::duration<double>(queueing()).count() * bits_per_second_;
  if (waiting + bits > 8.0 * static_cast<double>(queue_bytes_)) return false;
  const auto takes = std::chrono::duration<double>(bits / bits_per_second_);
  free_at_ = net_.now().mono + queueing() + std::chrono::duration_cast<Duration>(takes);
  std::vector<std::uint8_t> sent(datagram.begin(), datagram.end());
  net_.at(free_at_, [this, from, to, sent = std::move(sent)] { net_.send(from, to, sent); });
  return true;
}

int fewer_if_slow(int many) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return (many + 6) / 7;
#else
  return many;
#endif
}

}  // namespace hub::test
