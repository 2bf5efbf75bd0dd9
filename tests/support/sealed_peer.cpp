#include "tests/support/sealed_peer.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

#include "protocol/client_id.hpp"
#include "protocol/deadline.hpp"

namespace hub::test {

SealedPeer::SealedPeer(SimNet& net, const Endpoint& at, const Endpoint& hub, const Key& hub_key,
                       std::uint64_t seed)
    : net_(net),
      at_(at),
      hub_(hub),
      hub_key_(hub_key),
      random_(net.seed() * 7919 + seed * 31 + at.port) {
  random_.fill(device.id);
  random_.fill(device.secret);
  attach();
}

SealedPeer::~SealedPeer() { net_.detach(at_); }

void SealedPeer::attach() {
  net_.attach(at_, [this](const Endpoint& from, const Endpoint&, Bytes bytes) {
    if (from != hub_) return;
    if (on_receive) on_receive(bytes);
    on_datagram(bytes);
    pump();
  });
}

void SealedPeer::rebind(const Endpoint& at) {
  net_.detach(at_);
  at_ = at;
  attach();
}

void SealedPeer::begin() {
  connection_.reset();
  closed_.reset();
  was_reset_ = false;
  login_ok_.reset();
  refusal_.reset();
  initiator_.emplace(hub_key_, random_, net_.now().mono);
  pump();
}

bool SealedPeer::connect(Duration limit) {
  resumes_at_once_ = false;
  begin();
  return net_.run_until([&] { return connection_ && !connection_->awaits_answer(); }, limit);
}

bool SealedPeer::log_in(const std::string& name, const std::string& password,
                        std::optional<MessageId> mark, Duration limit) {
  if (!connection_ && !connect(limit)) return false;
  name_ = name;
  password_ = password;
  presented_ = mark;
  transcript_ = {};
  transcript_.handshake_hash = connection_->handshake_hash();
  transcript_.id_key = ClientId::parse(name)->key();
  random_.fill(transcript_.client_nonce);
  say(Opcode::kLoginStart, sealed::write_login_start({transcript_.client_nonce, name}));
  return await_login(limit);
}

bool SealedPeer::resume(const std::string& name, std::optional<MessageId> mark, Duration limit) {
  if (!connection_ && !connect(limit)) return false;
  name_ = name;
  password_.clear();
  wanted_signature_ =
      resume_signature(resume_key_of(device.secret), connection_->handshake_hash(), device.id);
  say(Opcode::kResume, resume_payload(name, mark));
  return await_login(limit);
}

void SealedPeer::come_back(const std::string& name, std::optional<MessageId> mark) {
  name_ = name;
  password_.clear();
  presented_ = mark;
  resumes_at_once_ = true;
  begin();
}

void SealedPeer::live_as(const std::string& name) {
  name_ = name;
  lives_ = true;
}

bool SealedPeer::await_login(Duration limit) {
  login_ok_.reset();
  refusal_.reset();
  pump();
  net_.run_until([&] { return login_ok_ || refusal_ || closed_ || was_reset_; }, limit);
  return login_ok_.has_value();
}

sealed::Mark SealedPeer::mark_of(std::optional<MessageId> mark) const {
  return mark ? sealed::Mark{device.history, *mark} : sealed::Mark{};
}

std::string SealedPeer::resume_payload(const std::string& name, std::optional<MessageId> mark) {
  wanted_signature_ =
      resume_signature(resume_key_of(device.secret), connection_->handshake_hash(), device.id);
  const Key proof = resume_proof(device.secret, connection_->handshake_hash(), device.id);
  return sealed::write_resume({device.id, proof, mark_of(mark), name});
}

void SealedPeer::say(Opcode opcode, const std::string& payload) {
  connection_->channel().send_talk(sealed::write_message({opcode, 0, payload}));
}

bool SealedPeer::send(Opcode opcode, std::string_view payload, MessageId id) {
  if (!connection_) return false;
  const bool taken = connection_->channel().send_talk(sealed::write_message({opcode, id, payload}));
  pump();
  return taken;
}

void SealedPeer::ping() {
  connection_->channel().ping();
  pump();
}

void SealedPeer::mark(MessageId id) {
  connection_->channel().mark(id);
  ping();
}

void SealedPeer::go_on_reading() {
  reading_ = true;
  if (connection_) on_messages();
  pump();
}

bool SealedPeer::gets(Opcode opcode, std::size_t times, Duration limit) {
  return net_.run_until([&] { return count(opcode) >= times; }, limit);
}

std::size_t SealedPeer::count(Opcode opcode) const {
  return static_cast<std::size_t>(
      std::count_if(received_.begin(), received_.end(),
                    [&](const Message& message) { return message.opcode == opcode; }));
}

std::vector<std::string> SealedPeer::forwards() const {
  std::vector<std::string> out;
  for (const Message& message : received_) {
    if (message.opcode == Opcode::kForward) out.push_back(message.payload);
  }
  return out;
}

MessageId SealedPeer::newest_forward() const {
  MessageId newest = 0;
  for (const Message& message : received_) {
    if (message.opcode == Opcode::kForward) newest = std::max(newest, message.id);
  }
  return newest;
}

void SealedPeer::on_datagram(Bytes datagram) {
  const TimePoint now = net_.now().mono;
  if (const auto reset = sealed::read_reset(datagram)) {
    if (connection_ && reset->token == connection_->expected_reset()) {
      connection_.reset();
      was_reset_ = true;
      if (lives_) come_back(name_, shown_);
    }
    return;
  }
  if (const auto header = sealed::read_transport_header(datagram)) {
    if (!connection_) return;
    const auto taken = connection_->on_datagram({at_, hub_}, *header, datagram, now);
    if (taken == sealed::Connection::Taken::kClosed) {
      closed_ = connection_->close_reason();
      connection_.reset();
    } else if (reading_) {
      on_messages();
    }
    return;
  }
  if (!initiator_) return;
  const auto event = initiator_->on_datagram(datagram, now);
  const auto* made = event ? std::get_if<sealed::Established>(&*event) : nullptr;
  if (made == nullptr) return;
  connection_ = std::make_unique<sealed::Connection>(sealed::Side::kClient, *made, Path{at_, hub_},
                                                     random_, now);
  initiator_.reset();
  if (std::exchange(resumes_at_once_, false)) {
    wanted_signature_ =
        resume_signature(resume_key_of(device.secret), connection_->handshake_hash(), device.id);
    say(Opcode::kResume, resume_payload(name_, presented_));
  } else {
    connection_->channel().ping();
  }
}

void SealedPeer::on_messages() {
  for (const auto& delivered : connection_->take_delivered()) {
    const auto message = sealed::read_message(delivered.bytes);
    if (!message) continue;
    received_.push_back(
        {message->opcode, message->id, std::string(message->payload), net_.now().mono});
    switch (message->opcode) {
      case Opcode::kLoginChallenge:
        on_challenge(message->payload);
        break;
      case Opcode::kLoginOk:
        on_login_ok(message->payload);
        break;
      case Opcode::kLoginFailed:
        on_login_failed(message->payload);
        break;
      case Opcode::kForward:
      case Opcode::kEarlierPosts:
        if (lives_) connection_->channel().mark(shown_ = message->id);
        break;
      default:
        break;
    }
    if (on_message) on_message(received_.back());
    if (!connection_) return;
  }
}

void SealedPeer::on_challenge(std::string_view payload) {
  const auto challenge = sealed::read_login_challenge(payload);
  if (!challenge || password_.empty()) return;
  transcript_.server_nonce = challenge->nonce;
  transcript_.salt = challenge->salt;
  transcript_.kdf = challenge->kdf;
  const auto salted = stretch_password(password_, challenge->salt, challenge->kdf);
  if (!salted) throw std::runtime_error("no memory to stretch a password");
  const ScramKeys keys = scram_keys(*salted);
  const auto auth = auth_message(transcript_);
  wanted_signature_ = server_signature(keys.server_key, auth);
  say(Opcode::kLoginProof,
      sealed::write_login_proof({client_proof(keys, auth), device.id, resume_key_of(device.secret),
                                 mark_of(presented_)}));
}

void SealedPeer::on_login_ok(std::string_view payload) {
  const auto ok = sealed::read_login_ok(payload);
  if (!ok) throw std::runtime_error("a login ok that is none");
  if (ok->signature != wanted_signature_) throw std::runtime_error("the hub's proof is wrong");
  login_ok_ = ok;
  device.history = ok->mark.history;
  shown_ = std::max(shown_, ok->mark.post);
  connection_->widen();
}

void SealedPeer::on_login_failed(std::string_view payload) {
  refusal_ = payload.empty() ? LoginRefusal::kWrong : static_cast<LoginRefusal>(payload[0]);
  if (!lives_ || refusal_ == LoginRefusal::kWrong) return;
  net_.after(std::chrono::seconds(5), [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired() && !login_ok_) come_back(name_, shown_);
  });
}

void SealedPeer::pump() {
  const TimePoint now = net_.now().mono;
  std::vector<std::uint8_t> bytes;
  const auto out = [&] {
    if (!on_send || on_send(bytes)) net_.send(at_, hub_, bytes);
    bytes.clear();
  };
  while (initiator_ && initiator_->poll_transmit(now, bytes)) out();
  while (connection_ && connection_->poll_transmit(now, bytes)) out();
  arm();
}

void SealedPeer::arm() {
  std::optional<TimePoint> next;
  if (initiator_) next = initiator_->next_timeout();
  if (connection_) keep_earliest(next, connection_->next_timeout());
  if (!next || (armed_ && *armed_ <= *next && *armed_ >= net_.now().mono)) return;
  armed_ = next;
  net_.at(*next, [this, when = *next, alive = std::weak_ptr(alive_)] {
    if (alive.expired() || armed_ != when) return;
    armed_.reset();
    if (connection_) connection_->on_timeout(net_.now().mono);
    pump();
  });
}

}  // namespace hub::test
