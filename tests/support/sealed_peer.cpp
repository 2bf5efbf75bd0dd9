#include "tests/support/sealed_peer.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/client_id.hpp"

namespace hub::test {

using Exchange = client::LoginExchange;

SealedPeer::SealedPeer(SimNet& net, const Endpoint& at, const Endpoint& hub, const Key& hub_key,
                       std::uint64_t seed)
    : net_(net),
      at_(at),
      hub_(hub),
      hub_key_(hub_key),
      random_(net.seed() * 7919 + seed * 31 + at.port),
      login_({.allow_weak_kdf = true}, random_) {
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

bool SealedPeer::connect(Duration limit) {
  connection_.reset();
  closed_.reset();
  was_reset_ = false;
  initiator_.emplace(hub_key_, random_, net_.now().mono);
  pump();
  return net_.run_until([&] { return connection_ && !connection_->awaits_answer(); }, limit);
}

bool SealedPeer::log_in(const std::string& name, const std::string& password,
                        std::optional<MessageId> mark, Duration limit) {
  if (!connection_ && !connect(limit)) return false;
  logged_in_ = false;
  refusal_.reset();
  const Key hash = connection_->handshake_hash();
  follow(mark ? login_.resume(hash, mark) : login_.start(*ClientId::parse(name), password, hash));
  pump();
  net_.run_until([&] { return logged_in_ || refusal_ || closed_ || was_reset_; }, limit);
  return logged_in_;
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

bool SealedPeer::gets(Opcode opcode, std::size_t times, Duration limit) {
  return net_.run_until([&] { return count(opcode) >= times; }, limit);
}

std::size_t SealedPeer::count(Opcode opcode) const {
  return static_cast<std::size_t>(
      std::count_if(received_.begin(), received_.end(),
                    [&](const Message& message) { return message.opcode == opcode; }));
}

void SealedPeer::on_datagram(Bytes datagram) {
  const TimePoint now = net_.now().mono;
  if (const auto reset = sealed::read_reset(datagram)) {
    if (connection_ && reset->token == connection_->expected_reset()) {
      connection_.reset();
      was_reset_ = true;
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
  connection_->channel().ping();
  initiator_.reset();
}

void SealedPeer::on_messages() {
  for (const auto& delivered : connection_->take_delivered()) {
    const auto message = sealed::read_message(delivered.bytes);
    if (!message) continue;
    received_.push_back({message->opcode, message->id, std::string(message->payload)});
    follow(login_.on_message(message->opcode, message->payload));
  }
}

void SealedPeer::follow(const Exchange::Step& step) {
  if (const auto* out = std::get_if<Exchange::SendMessage>(&step)) {
    connection_->channel().send_talk(sealed::write_message({out->opcode, 0, out->payload}));
  } else if (const auto* job = std::get_if<Exchange::Stretch>(&step)) {
    follow(login_.stretched(job->ticket, stretch_password(job->password, job->salt, job->kdf)));
  } else if (std::holds_alternative<Exchange::LoggedIn>(step)) {
    logged_in_ = true;
    connection_->widen();
  } else if (const auto* failed = std::get_if<Exchange::Failed>(&step)) {
    refusal_ = failed->why;
  }
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
  if (connection_) {
    const auto other = connection_->next_timeout();
    if (other && (!next || *other < *next)) next = other;
  }
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
