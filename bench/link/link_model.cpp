#include "bench/link/link_model.hpp"

#include "protocol/deadline.hpp"

namespace hub::bench {

namespace {

constexpr std::size_t kMostPackets = 10'000;  // on their way; one more is lost

/// A well-mixed 64-bit number for each input: the finaliser of splitmix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
std::uint64_t mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

std::size_t index(Direction direction) { return static_cast<std::size_t>(direction); }

}  // namespace

bool LinkModel::is_lost(Direction direction, std::uint64_t number) const {
  const std::uint64_t drawn = mix(mix(config_.seed * 2 + index(direction)) + number);
  return static_cast<double>(drawn >> 11) * 0x1p-53 < config_.ways[index(direction)].loss;
}

void LinkModel::push(Direction direction, Bytes packet, TimePoint now) {
  Way& way = ways_[index(direction)];
  if (is_lost(direction, way.count++) || way.packets.size() >= kMostPackets) {
    ++lost_;
    return;
  }
  way.packets.push_back(
      {now + config_.ways[index(direction)].delay, {packet.begin(), packet.end()}});
}

std::optional<TimePoint> LinkModel::next_timeout() const {
  std::optional<TimePoint> out;
  for (const Way& way : ways_) {
    if (!way.packets.empty()) keep_earliest(out, way.packets.front().due);
  }
  return out;
}

std::optional<LinkModel::Packet> LinkModel::pop(Direction direction, TimePoint now) {
  auto& packets = ways_[index(direction)].packets;
  if (packets.empty() || packets.front().due > now) return std::nullopt;
  Packet out = std::move(packets.front());
  packets.pop_front();
  ++passed_;
  return out;
}

}  // namespace hub::bench
