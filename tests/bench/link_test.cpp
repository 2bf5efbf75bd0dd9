// The emulated link without its interfaces: what is lost, when the rest comes out, and how packets
// look behind the NAT.
#include <numeric>
#include <vector>

#include <catch2/catch.hpp>

#include "bench/link/flows.hpp"
#include "bench/link/link_model.hpp"
#include "bench/link/nat.hpp"

namespace hub::bench {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};
constexpr auto kUp = Direction::kToServer;
constexpr auto kDown = Direction::kToClient;

LinkConfig config_of(double loss, std::uint64_t seed = 1) {
  return {{LinkConfig::Way{25ms, loss}, LinkConfig::Way{25ms, loss}}, seed};
}

std::vector<std::uint8_t> packet_of(std::uint8_t content) { return {content}; }

/// Which of so many packets get through.
std::vector<int> survivors(Direction direction, const LinkConfig& config, int packets) {
  LinkModel link(config);
  for (int i = 0; i < packets; ++i) link.push(direction, packet_of(std::uint8_t(i)), kStart);
  std::vector<int> out;
  while (const auto packet = link.pop(direction, kStart + 1s)) out.push_back(packet->bytes[0]);
  return out;
}

/// Of 16-bit words, as IP, UDP and TCP sum them (RFC 1071): 0 where a checksum among them is right.
std::uint16_t checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint32_t>(bytes[i] << 8);
    if (i + 1 < bytes.size()) sum += bytes[i + 1];
  }
  while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void put_checksum(std::uint16_t sum, std::size_t at, std::vector<std::uint8_t>& packet) {
  packet[at] = static_cast<std::uint8_t>(sum >> 8);
  packet[at + 1] = static_cast<std::uint8_t>(sum);
}

struct Ip4Packet {
  std::vector<std::uint8_t> bytes;
  std::size_t checksum_at;  // of what is inside

  std::vector<std::uint8_t> header() const { return {bytes.begin(), bytes.begin() + 20}; }
  /// What the inner checksum covers: addresses, protocol, length, and all behind the IP header.
  std::vector<std::uint8_t> covered() const {
    std::vector<std::uint8_t> out = {0, bytes[9], 0, static_cast<std::uint8_t>(bytes.size() - 20)};
    for (std::size_t i = 12; i < bytes.size(); ++i) out.push_back(bytes[i]);
    return out;
  }
  bool is_right() const { return checksum(header()) == 0 && checksum(covered()) == 0; }
};

/// From 10.88.0.2 to 10.88.0.1, with right checksums.
Ip4Packet make_packet(std::uint8_t protocol, std::size_t header_bytes, std::size_t checksum_at) {
  Ip4Packet out{std::vector<std::uint8_t>(20 + header_bytes + 7), 20 + checksum_at};
  std::iota(out.bytes.begin() + 20, out.bytes.end(), std::uint8_t{0x31});
  out.bytes[0] = 0x45;
  out.bytes[3] = static_cast<std::uint8_t>(out.bytes.size());
  out.bytes[8] = 64;
  out.bytes[9] = protocol;
  const std::vector<std::uint8_t> addresses = {10, 88, 0, 2, 10, 88, 0, 1};
  std::copy(addresses.begin(), addresses.end(), out.bytes.begin() + 12);
  put_checksum(checksum(out.header()), 10, out.bytes);
  put_checksum(0, out.checksum_at, out.bytes);
  put_checksum(checksum(out.covered()), out.checksum_at, out.bytes);
  return out;
}

}  // namespace

TEST_CASE("a packet comes out of the link after its delay, in order") {
  LinkModel link(config_of(0));
  CHECK(!link.next_timeout());
  link.push(kUp, packet_of(1), kStart);
  link.push(kUp, packet_of(2), kStart + 1ms);
  link.push(kDown, packet_of(3), kStart + 2ms);
  CHECK(link.next_timeout() == kStart + 25ms);
  CHECK(!link.pop(kUp, kStart + 25ms - 1ns));
  CHECK(link.pop(kUp, kStart + 26ms)->bytes == packet_of(1));
  CHECK(link.pop(kUp, kStart + 26ms)->bytes == packet_of(2));
  CHECK(!link.pop(kUp, kStart + 26ms));
  CHECK(link.next_timeout() == kStart + 27ms);
  CHECK(link.pop(kDown, kStart + 27ms)->bytes == packet_of(3));
}

TEST_CASE("the link loses its share, the same packets each time, others by seed and direction") {
  const auto lost = survivors(kUp, config_of(0.3), 200);
  CHECK(lost == survivors(kUp, config_of(0.3), 200));
  CHECK(lost != survivors(kUp, config_of(0.3, 2), 200));
  CHECK(lost != survivors(kDown, config_of(0.3), 200));
  CHECK(survivors(kUp, config_of(0), 200).size() == 200);
  CHECK(survivors(kUp, config_of(1), 200).empty());

  LinkModel link(config_of(0.05));
  for (int i = 0; i < 9000; ++i) link.push(kUp, packet_of(0), kStart);
  CHECK(link.lost() > 9000 * 4 / 100);
  CHECK(link.lost() < 9000 * 6 / 100);
}

TEST_CASE("behind the NAT a packet has another address and right checksums") {
  const bool is_tcp = GENERATE(true, false);
  Ip4Packet packet = is_tcp ? make_packet(6, 20, 16) : make_packet(17, 8, 6);
  REQUIRE(packet.is_right());
  Nat nat(0x0A580002, 0x0A580101);
  REQUIRE(nat.translate(kUp, packet.bytes));
  CHECK(packet.bytes[14] == 1);
  CHECK(packet.bytes[15] == 1);
  CHECK(packet.is_right());

  // The answer goes to the mapping, and is the client's again behind it.
  std::swap_ranges(packet.bytes.begin() + 12, packet.bytes.begin() + 16, packet.bytes.begin() + 16);
  REQUIRE(packet.is_right());
  Ip4Packet late = packet;
  REQUIRE(nat.translate(kDown, packet.bytes));
  CHECK(packet.bytes[18] == 0);
  CHECK(packet.bytes[19] == 2);
  CHECK(packet.is_right());

  nat.change_mapping();
  CHECK(!nat.translate(kDown, late.bytes));
}

TEST_CASE("the NAT passes nothing that is none of the client's") {
  const Nat nat(0x0A580003, 0x0A580101);
  Ip4Packet packet = make_packet(17, 8, 6);
  CHECK(!nat.translate(kUp, packet.bytes));
  std::vector<std::uint8_t> stub = {0x45, 0};
  CHECK(!nat.translate(kUp, stub));
}

TEST_CASE("flows take turns at their rate, and know what was lost, repeated and late") {
  Flows flows(2, 10, 0.2, kStart);  // two posts each, 100 ms apart
  CHECK(flows.posts() == 4);
  CHECK(!flows.next(kStart - 1ns));
  const auto first = flows.next(kStart);
  REQUIRE(first);
  CHECK(first->flow == 0);
  CHECK(!flows.next(kStart));
  CHECK(flows.next_due() == kStart + 50ms);
  const auto second = flows.next(kStart + 50ms);
  REQUIRE(second);
  CHECK(second->flow == 1);
  CHECK(second->number == 0);
  CHECK(flows.next(kStart + 1s)->number == 1);

  flows.arrived(0, 0, kStart + 30ms);
  flows.arrived(0, 0, kStart + 31ms);
  flows.arrived(0, 1, kStart + 180ms);
  flows.arrived(1, 0, kStart + 70ms);
  flows.arrived(1, 7, kStart + 70ms);  // there is none of that number
  CHECK(flows.lost() == 1);
  CHECK(flows.repeated() == 1);
  CHECK(!flows.is_complete());
  CHECK(flows.latencies().percentile_us(1) == Approx(80'000));
  CHECK(flows.latencies().percentile_us(0) == Approx(20'000));
  CHECK(flows.gap(0, kStart + 100ms, kStart + 1s) == 149ms);
  CHECK(flows.gap(0, kStart + 200ms, kStart + 1s) == 0ms);
}

}  // namespace hub::bench
