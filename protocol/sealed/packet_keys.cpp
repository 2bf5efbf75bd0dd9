#include "protocol/sealed/packet_keys.hpp"

#include <algorithm>
#include <array>

#include "protocol/crypto/aead.hpp"
#include "protocol/crypto/hash.hpp"
#include "protocol/crypto/noise.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/wire.hpp"

namespace hub::sealed {

namespace {

constexpr std::uint8_t kTransport = 0x08;
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

/// The frames, in `out`; nothing where `key` is not the one.
std::optional<Bytes> open_with(const Key& key, const TransportHeader& header, Bytes datagram,
                               std::span<std::uint8_t> out) {
  const Bytes sealed = datagram.subspan(kTransportHeaderBytes);
  if (!aead().open(key, counter_nonce(header.number), datagram.first(kTransportHeaderBytes), sealed,
                   out.data())) {
    return std::nullopt;
  }
  return Bytes(out).first(sealed.size() - kAeadTagBytes);
}

}  // namespace

std::optional<TransportHeader> read_transport_header(Bytes datagram) {
  if (datagram.size() < kTransportOverhead + 1 || datagram.size() > kMaxDatagramBytes) {
    return std::nullopt;
  }
  if ((datagram[0] & ~1u) != kTransport) return std::nullopt;
  TransportHeader header;
  wire::Reader reader(datagram);
  header.phase = (reader.u8() & 1u) != 0;
  header.id = reader.u64();
  header.number = reader.u64();
  if (header.number >= kMaxNumber) return std::nullopt;
  return header;
}

SendKey::~SendKey() {
  if (!fault("packet_keys_not_wiped")) wipe(key_);
}

PreviousKey::~PreviousKey() {
  if (!fault("packet_keys_not_wiped")) wipe(key);
}

ReceiveKey::~ReceiveKey() {
  if (!fault("packet_keys_not_wiped")) wipe(key_);
}

bool SendKey::is_due(std::optional<std::uint64_t> largest_acked, TimePoint now) const {
  if (fault("keys_never_change")) return false;
  return is_old(now) && (is_followed(largest_acked) || fault("rekey_unacknowledged"));
}

bool SendKey::is_old(TimePoint now) const {
  return next_ - first_ >= limits_.datagrams || now - since_ >= limits_.interval;
}

bool SendKey::is_followed(std::optional<std::uint64_t> largest_acked) const {
  return largest_acked && *largest_acked >= first_;
}

bool SendKey::wants_ack(std::optional<std::uint64_t> largest_acked, TimePoint now) const {
  return is_old(now) && !is_followed(largest_acked);
}

bool SendKey::is_spent() const { return next_ - first_ >= 2 * std::uint64_t{limits_.datagrams}; }

void SendKey::start(ConnectionId to, std::optional<std::uint64_t> largest_acked, TimePoint now,
                    std::vector<std::uint8_t>& out) {
  if (is_due(largest_acked, now)) {
    Key next = rekey(key_);
    key_ = next;
    wipe(next);
    phase_ = !phase_;
    first_ = next_;
    since_ = now;
  }
  // In one piece: this runs for every datagram, and once more for each that is not sent after all.
  std::array<std::uint8_t, kTransportHeaderBytes> header;
  header[0] = static_cast<std::uint8_t>(kTransport | (phase_ ? 1u : 0u));
  wire::store_u64(to, &header[1]);
  wire::store_u64(next_, &header[9]);
  out.insert(out.end(), header.begin(), header.end());
}

void SendKey::finish(std::vector<std::uint8_t>& out, std::size_t begin) {
  const std::size_t frames = out.size() - begin - kTransportHeaderBytes;
  out.resize(out.size() + kAeadTagBytes);
  const std::uint8_t* const header = out.data() + begin;
  std::uint8_t* const body = out.data() + begin + kTransportHeaderBytes;
  aead().seal(key_, counter_nonce(next_), Bytes(header, kTransportHeaderBytes), Bytes(body, frames),
              body);
  if (!fault("number_used_twice") || next_ % 64 != 63) ++next_;
}

std::optional<Bytes> ReceiveKey::open(const TransportHeader& header, Bytes datagram,
                                      Duration keep_previous, TimePoint now,
                                      std::span<std::uint8_t> out) {
  if (header.phase == phase_) {
    const auto frames = open_with(key_, header, datagram, out);
    if (frames) first_ = std::min(first_, header.number);
    return frames;
  }
  // The other phase is the previous key's where the number is older than the present key's first.
  if (previous_ && header.number < first_) {
    return open_with(previous_->key, header, datagram, out);
  }
  Key next = rekey(key_);
  const auto frames = open_with(next, header, datagram, out);
  if (!frames) {
    wipe(next);
    return std::nullopt;
  }
  previous_.reset();
  if (!fault("previous_key_dropped")) {
    previous_ = std::make_unique<PreviousKey>(key_, now + keep_previous);
  }
  key_ = next;
  wipe(next);
  phase_ = header.phase;
  first_ = header.number;
  return frames;
}

std::optional<TimePoint> ReceiveKey::next_timeout() const {
  if (!previous_) return std::nullopt;
  return previous_->until;
}

void ReceiveKey::on_timeout(TimePoint now) {
  if (previous_ && now >= previous_->until && !fault("previous_key_kept")) previous_.reset();
}

}  // namespace hub::sealed
