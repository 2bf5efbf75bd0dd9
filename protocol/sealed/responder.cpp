#include "protocol/sealed/responder.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/wire.hpp"

namespace hub::sealed {

namespace {

constexpr std::chrono::seconds kHalfOpenLife{5};
constexpr std::chrono::seconds kCookieLife{60};  // of a secret; the one before still counts
constexpr std::size_t kRateSlots = 4096;

}  // namespace

std::size_t Responder::HelloHash::operator()(const Key& hash) const {
  return wire::Reader(hash).u64();
}

Responder::Responder(const ResponderConfig& config, std::vector<KeyPair> keys, const Key& reset_key,
                     std::uint32_t generation, Random& random)
    : config_(config),
      keys_(std::move(keys)),
      reset_key_(reset_key),
      ids_(generation, random),
      random_(random),
      hello_rate_(kRateSlots, random),
      proven_rate_(kRateSlots, random),
      cookie_rate_(kRateSlots, random),
      answer_rate_(kRateSlots, random) {
  random_.fill(cookie_secret_);
  random_.fill(previous_cookie_secret_);
}

Answer Responder::on_stranger(const Endpoint& from, Bytes datagram, TimePoint now,
                              std::vector<std::uint8_t>& out) {
  on_timeout(now);
  turn_cookie_secret(now);
  if (const auto hello = read_hello(datagram)) return on_hello(from, *hello, now, out);
  const auto nonce = read_key_request(datagram);
  if (!nonce) return Answer::kNothingMalformed;
  if (!answer_rate_.take(from.ip, config_.answers_per_second, now)) return Answer::kNothingRate;
  KeyAnswer answer{*nonce, {}};
  for (const KeyPair& pair : keys_) answer.keys.push_back(pair.public_key);
  write_key_answer(answer, out);
  return Answer::kKeys;
}

// From cheap to dear: version, key, cookie, table, and only then X25519.
Answer Responder::on_hello(const Endpoint& from, const Hello& hello, TimePoint now,
                           std::vector<std::uint8_t>& out) {
  const auto may_answer = [&] {
    return answer_rate_.take(from.ip, config_.answers_per_second, now);
  };
  if (hello.version != kSealedVersion) {
    if (!may_answer()) return Answer::kNothingRate;
    write_versions({hello.echo, {kSealedVersion}}, out);
    return Answer::kVersions;
  }
  if (key_with(hello.key_id) == nullptr) {
    if (!may_answer()) return Answer::kNothingRate;
    KeyAnswer answer{hello.echo, {}};
    for (const KeyPair& pair : keys_) answer.keys.push_back(pair.public_key);
    write_key_answer(answer, out);
    return Answer::kKeys;
  }
  if (hello.cookie == Cookie{}) {
    const bool calm = half_open_.size() < config_.half_open_calm;
    // Over all sources together as well: a forged hello costs an X25519 and leaves no half-open
    // connection, and addresses without number are easily made up.
    if (!calm || !hello_rate_.take(from.ip, config_.hellos_per_second, now) ||
        (!calm_rate_.take(config_.calm_hellos_per_second, now) &&
         !fault("only_prefixes_are_limited"))) {
      if (!cookie_rate_.take(from.ip, config_.cookies_per_second, now)) return Answer::kNothingRate;
      write_cookie({hello.echo, cookie_for(from, cookie_secret_)}, out);
      return Answer::kCookie;
    }
  } else if (!is_valid(hello.cookie, from)) {
    return Answer::kNothingCookie;
  }
  return greet(from, hello, now, out);
}

Answer Responder::greet(const Endpoint& from, const Hello& hello, TimePoint now,
                        std::vector<std::uint8_t>& out) {
  const Key hash = sha256({hello.noise});
  const auto again = by_hello_.find(hash);
  if (again != by_hello_.end() && !fault("hello_repeat_is_new")) {
    const auto& welcome = half_open_.at(again->second).welcome;
    out.insert(out.end(), welcome.begin(), welcome.end());
    return Answer::kWelcome;
  }
  // A cookie proves an address, not good will: no prefix takes all the room or all the time.
  if (hello.cookie != Cookie{} &&
      !proven_rate_.take(from.ip, config_.proven_hellos_per_second, now) && !is_expected(from.ip) &&
      !fault("cookie_lifts_all_limits")) {
    return Answer::kNothingRate;
  }
  if (half_open_.size() >= config_.half_open && !fault("half_open_unbounded")) {
    return Answer::kNothingFull;
  }
  std::vector<std::uint8_t> inside;
  const auto noise = NoiseResponder::read_message1(prologue(hello.version, hello.key_id),
                                                   *key_with(hello.key_id), hello.noise, inside);
  if (!noise) return Answer::kNothingForged;
  const auto payload = read_hello_payload(inside);
  if (!payload || payload->versions.empty() ||
      // A client that speaks a better one would have used it: somebody changed its hello.
      *std::max_element(payload->versions.begin(), payload->versions.end()) < kSealedVersion) {
    return Answer::kNothingForged;
  }
  HalfOpen made;
  made.connection.from = from;
  Established& established = made.connection.established;
  established.ours = ids_.next();
  established.theirs = payload->client_id;
  established.reset = reset_token_of(established.ours);
  std::vector<std::uint8_t> message;
  established.keys = noise->write_message2(
      generate_key_pair(random_),
      welcome_payload({established.ours, established.reset, kSealedVersion}), message);
  write_welcome(payload->client_id, message, made.welcome);
  made.hello = hash;
  made.until = now + kHalfOpenLife;
  out.insert(out.end(), made.welcome.begin(), made.welcome.end());
  const ConnectionId id = established.ours;
  by_hello_.emplace(hash, id);
  oldest_first_.push_back(id);
  half_open_.emplace(id, std::move(made));
  return Answer::kWelcome;
}

bool Responder::is_expected(const IpAddress& source) {
  const auto expected = expected_.find(source.prefix());
  if (expected == expected_.end() || expected->second == 0) return false;
  if (half_open_.size() >= config_.half_open - config_.half_open / 4) return false;
  --expected->second;
  return true;
}

const HalfOpenConnection* Responder::find(ConnectionId id, TimePoint now) const {
  const auto found = half_open_.find(id);
  if (found == half_open_.end() || now >= found->second.until) {
    return nullptr;
  }
  return &found->second.connection;
}

HalfOpenConnection Responder::take(ConnectionId id) {
  const auto found = half_open_.find(id);
  HalfOpenConnection out = found->second.connection;
  by_hello_.erase(found->second.hello);
  half_open_.erase(found);
  while (!oldest_first_.empty() && half_open_.count(oldest_first_.front()) == 0) {
    oldest_first_.pop_front();
  }
  return out;
}

std::optional<TimePoint> Responder::next_timeout() const {
  // take() and on_timeout() leave the oldest one that is still there in front.
  if (oldest_first_.empty()) return std::nullopt;
  return half_open_.at(oldest_first_.front()).until;
}

void Responder::on_timeout(TimePoint now) {
  while (!oldest_first_.empty()) {
    const auto found = half_open_.find(oldest_first_.front());
    if (found != half_open_.end()) {
      if (now < found->second.until) return;
      by_hello_.erase(found->second.hello);
      half_open_.erase(found);
    }
    oldest_first_.pop_front();
  }
}

Cookie Responder::cookie_for(const Endpoint& from, const Key& secret) const {
  const std::array<std::uint8_t, 2> port = {static_cast<std::uint8_t>(from.port >> 8),
                                            static_cast<std::uint8_t>(from.port)};
  if (fault("cookie_for_any_port")) {
    return wire::Reader(hmac_sha256(secret, {Bytes(from.ip.bytes)})).array<16>();
  }
  return wire::Reader(hmac_sha256(secret, {Bytes(from.ip.bytes), Bytes(port)})).array<16>();
}

bool Responder::is_valid(const Cookie& cookie, const Endpoint& from) const {
  if (fault("any_cookie_is_valid")) return true;
  return equal_constant_time(cookie, cookie_for(from, cookie_secret_)) ||
         equal_constant_time(cookie, cookie_for(from, previous_cookie_secret_));
}

void Responder::turn_cookie_secret(TimePoint now) {
  if (now - cookie_since_ < kCookieLife || fault("cookies_never_expire")) return;
  const bool long_ago = now - cookie_since_ >= 2 * kCookieLife;
  previous_cookie_secret_ = cookie_secret_;
  if (long_ago) random_.fill(previous_cookie_secret_);
  random_.fill(cookie_secret_);
  cookie_since_ = now;
}

const KeyPair* Responder::key_with(const KeyId& id) const {
  for (const KeyPair& pair : keys_) {
    if (key_id_of(pair.public_key) == id) return &pair;
  }
  return nullptr;
}

}  // namespace hub::sealed
