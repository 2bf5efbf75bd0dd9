#include "protocol/sealed/initiator.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::sealed {

namespace {

constexpr std::chrono::milliseconds kFirstWait{400};
constexpr std::chrono::seconds kLongestWait{3};
constexpr int kSendsACookie = 3;  // then it may have expired: a fresh one is asked for
constexpr std::array<std::uint8_t, 1> kVersions = {kSealedVersion};

}  // namespace

Initiator::Initiator(const std::optional<Key>& server_key, Random& random, TimePoint now)
    : random_(random), server_key_(server_key), due_(now), wait_(kFirstWait) {
  if (!server_key_) {
    random_.fill(echo_);
    return;
  }
  const KeyPair ephemeral = generate_key_pair(random_);
  std::copy_n(ephemeral.public_key.begin(), echo_.size(), echo_.begin());
  id_ = random_.u64();
  noise_.emplace(prologue(kSealedVersion, key_id_of(*server_key_)), *server_key_, ephemeral);
  // A key of low order is no server's: nothing is sent, and the owner's patience ends.
  if (!noise_->write_message1(hello_payload(id_, kVersions), message_)) message_.clear();
}

bool Initiator::poll_transmit(TimePoint now, std::vector<std::uint8_t>& out) {
  if (now < due_) return false;
  const auto quarter = static_cast<std::uint64_t>(wait_.count() / 4);
  due_ = now + wait_ + Duration(static_cast<Duration::rep>(random_.u64() % quarter));
  wait_ = std::min<Duration>(2 * wait_, kLongestWait);
  ++sends_;
  if (!server_key_) {
    write_key_request(echo_, out);
    return true;
  }
  if (message_.empty()) return false;
  if (cookie_ != Cookie{} && cookie_sends_++ >= kSendsACookie) cookie_ = {};
  write_hello(key_id_of(*server_key_), cookie_, message_, out);
  return true;
}

std::optional<InitiatorEvent> Initiator::on_datagram(Bytes datagram, TimePoint now) {
  if (const auto answer = read_key_answer(datagram)) {
    if (answer->echo != echo_ && !fault("foreign_key_answer_accepted")) return std::nullopt;
    // Two keys during a rotation: having one of them is being the right hub.
    const bool ours = server_key_ && std::find(answer->keys.begin(), answer->keys.end(),
                                               *server_key_) != answer->keys.end();
    if (ours) return std::nullopt;
    return KeysOffered{answer->keys};
  }
  if (!server_key_) return std::nullopt;
  if (const auto asked = read_cookie(datagram)) {
    if (asked->echo != echo_ && !fault("foreign_cookie_taken")) return std::nullopt;
    if (asked->cookie == cookie_) return std::nullopt;
    cookie_ = asked->cookie;
    cookie_sends_ = 0;
    // At once, but not for each of many: whoever sees our hello can send ever other cookies.
    if (now >= hurry_from_ || fault("every_cookie_hurries")) {
      due_ = now;
      hurry_from_ = now + kFirstWait;
    }
    return std::nullopt;
  }
  if (const auto versions = read_versions(datagram)) {
    const bool ours = std::find(versions->versions.begin(), versions->versions.end(),
                                kSealedVersion) != versions->versions.end();
    if (versions->echo != echo_ || ours) return std::nullopt;
    return VersionRefused{versions->versions};
  }
  if (const auto welcome = read_welcome(datagram)) return on_welcome(*welcome);
  return std::nullopt;
}

std::optional<InitiatorEvent> Initiator::on_welcome(const Welcome& welcome) const {
  if (welcome.client_id != id_) return std::nullopt;
  std::vector<std::uint8_t> payload;
  const auto keys = noise_->read_message2(welcome.noise, payload);
  if (!keys) return std::nullopt;
  const auto inside = read_welcome_payload(payload);
  if (!inside || inside->version != kSealedVersion) return std::nullopt;
  return Established{*keys, id_, inside->server_id, inside->reset};
}

}  // namespace hub::sealed
