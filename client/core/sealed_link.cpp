#include "client/core/sealed_link.hpp"

#include <algorithm>
#include <utility>

#include "client/core/session.hpp"
#include "protocol/deadline.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

using namespace std::chrono_literals;

namespace {

/// A connection that owes an answer for so long is tried elsewhere, and again after so long.
constexpr Duration kElsewhere = 3s;
/// For so long: a new one is tried beside it. Long enough for a link to be dark for a while.
constexpr Duration kAnew = 20s;
/// Handshake datagrams to one address before the next one is tried.
constexpr int kSendsAnAddress = 3;
/// So long a hub with our key has to welcome us, when something says that there is none.
constexpr Duration kDoubt = 1s;
constexpr std::size_t kMaxWaiting = 1000;

/// The socket knows where it sends to: the client has but one way at a time.
const Path kTheWay;

}  // namespace

SealedLink::SealedLink(const LinkConfig& config, FirstContact contact, Random& random)
    : config_(config),
      contact_(std::move(contact)),
      random_(random),
      login_(config.login, random),
      liveness_(config.liveness, random) {}

// --- What the session wants ---

void SealedLink::send(const Message& message, TimePoint now) {
  if (distrusted_) return;
  if (message.opcode == Opcode::kForwardAck) return on_shown(message.id, now);
  if (message.opcode == Opcode::kLogin) {
    want_login(message.payload, now);
  } else if (sealed::is_numbered(message.opcode) && wants_online_ && device_) {
    ask(message);
    if (!wanting_since_) wanting_since_ = now;
  } else {
    if (message.opcode == Opcode::kSessionReset) wants_online_ = false;
    if (waiting_.size() < kMaxWaiting) waiting_.push_back(message);
    if (!wanting_since_) wanting_since_ = now;
  }
  if (opening_device_) return;
  want_connection(now);
  send_waiting(now);
  flush(now);
}

void SealedLink::want_connection(TimePoint now) {
  if (connection_ || initiator_ || asking_ || try_again_ || distrusted_ || !has_business()) return;
  follow(contact_.begin(), now);
}

void SealedLink::follow(const ContactStep& step, TimePoint now) {
  if (const auto* use = std::get_if<UseKey>(&step)) {
    start_handshake(use->key, now);
  } else if (std::holds_alternative<RequestKeys>(step)) {
    start_handshake(std::nullopt, now);
  } else if (const auto* ask = std::get_if<AskPerson>(&step)) {
    initiator_.reset();
    asking_ = true;
    outputs_.push_back(AskAboutKey{ask->text});
  } else if (const auto* refuse = std::get_if<RefuseKey>(&step)) {
    initiator_.reset();
    distrusted_ = true;
    outputs_.push_back(Distrust{kExitWrongKey, refuse->word, refuse->text});
  }
}

void SealedLink::start_handshake(const std::optional<Key>& key, TimePoint now) {
  initiator_.emplace(key, random_, now);
  greeting_ = key.has_value();
  doubt_.reset();
  sends_here_ = 0;
  flush(now);
}

void SealedLink::on_answer(const std::optional<std::string>& typed, TimePoint now) {
  if (!std::exchange(asking_, false)) return;
  follow(contact_.on_answer(typed.value_or("")), now);
  flush(now);
}

// --- What arrives ---

void SealedLink::on_datagram(Bytes datagram, TimePoint now) {
  if (distrusted_ || datagram.empty()) return;
  if (const auto reset = sealed::read_reset(datagram)) {
    on_reset(*reset, now);
  } else if (!on_connection_datagram(datagram, now) && initiator_) {
    const auto event = initiator_->on_datagram(datagram, now);
    if (event) on_handshake(*event, now);
  }
  flush(now);
}

void SealedLink::on_handshake(const sealed::InitiatorEvent& event, TimePoint now) {
  if (const auto* made = std::get_if<sealed::Established>(&event)) {
    on_established(*made, now);
  } else if (!greeting_) {
    believe(event, now);  // without a key there is nothing else to go by
  } else {
    // Nothing vouches for it: whoever sees our hello can say so. A welcome still counts for more.
    doubt_ = Doubt{doubt_ ? doubt_->until : now + kDoubt, event};
    if (fault("refusal_believed_at_once")) believe(event, now);
  }
}

/// What the hub says, or somebody in its name, who cannot or will not shake hands with us.
void SealedLink::believe(const sealed::InitiatorEvent& event, TimePoint now) {
  if (const auto* offered = std::get_if<sealed::KeysOffered>(&event)) {
    follow(contact_.on_offer(offered->keys), now);
    return;
  }
  distrusted_ = true;
  initiator_.reset();
  outputs_.push_back(Distrust{kExitFailure, "other_version",
                              "the hub speaks another version of the protocol than this spoke; "
                              "update the older one"});
}

void SealedLink::on_established(const sealed::Established& made, TimePoint now) {
  initiator_.reset();
  if (connection_ != nullptr) {
    // Perhaps it gets through: then the hub does not keep two sessions of ours.
    connection_->close(sealed::CloseReason::kGoodbye);
    flush(now);
    lose_connection(now);
  }
  connection_ =
      std::make_unique<sealed::Connection>(sealed::Side::kClient, made, kTheWay, random_, now);
  // The hub takes nobody for connected before the first datagram of the connection itself.
  connection_->channel().ping();
  liveness_.begin(now);
  unanswered_since_.reset();
  if (wants_online_) begin_login(now);
  send_waiting(now);
}

// --- Time ---

std::optional<TimePoint> SealedLink::next_timeout() const {
  std::optional<TimePoint> next;
  if (distrusted_) return next;
  if (initiator_) {
    keep_earliest(next, initiator_->next_timeout());
    if (doubt_) keep_earliest(next, doubt_->until);
  }
  if (connection_) {
    keep_earliest(next, connection_->next_timeout());
    keep_earliest(next, liveness_.next_timeout());
    keep_earliest(next, elsewhere_at_);
    if (unanswered_since_ && !initiator_) keep_earliest(next, *unanswered_since_ + kAnew);
  }
  if (config_.patience && wanting_since_ && !asking_) {
    keep_earliest(next, *wanting_since_ + *config_.patience);
  }
  keep_earliest(next, try_again_);
  return next;
}

void SealedLink::on_timeout(TimePoint now) {
  if (distrusted_) return;
  if (try_again_ && now >= *try_again_) {
    try_again_.reset();
    want_connection(now);
  }
  if (initiator_ && doubt_ && now >= doubt_->until) {
    believe(std::exchange(doubt_, std::nullopt)->what, now);
  }
  if (connection_) {
    connection_->on_timeout(now);
    if (liveness_.on_timeout(now)) connection_->channel().ping();
    check_silence(now);
  }
  if (config_.patience && wanting_since_ && !asking_ &&
      now >= *wanting_since_ + *config_.patience) {
    give_up(now);
  }
  flush(now);
}

/// What was sent goes unanswered: the way may be gone, or the hub, or our address.
void SealedLink::check_silence(TimePoint now) {
  if (!unanswered_since_) return;
  if (elsewhere_at_ && now >= *elsewhere_at_) {
    elsewhere_at_ = now + kElsewhere;
    say_silent("the hub does not answer; reconnecting…");
    outputs_.push_back(NextAddress{});
  }
  if (now >= *unanswered_since_ + kAnew && !initiator_ && contact_.in_use()) {
    start_handshake(contact_.in_use(), now);
  }
}

/// Nobody is there to wait: what was asked stays unanswered. Who needs no password for it goes on
/// trying to be logged in all the same, for what was kept and for what is to be shown.
void SealedLink::give_up(TimePoint now) {
  if (wanted_ && !(device_ && device_->can_resume())) wants_online_ = false;
  wanted_.reset();
  waiting_.clear();
  const bool was_sent = std::exchange(asked_, false);
  away_ = gave_up_ = true;
  lose_connection(now);
  wanting_since_.reset();
  outputs_.push_back(GaveUp{device_ && wants_online_, was_sent});
  if (!fault("gives_up_for_good")) want_connection(now);
}

void SealedLink::on_path_changed(TimePoint now) {
  if (connection_) connection_->set_path(kTheWay, now);
  flush(now);
}

void SealedLink::leave(TimePoint now) {
  if (connection_ && !fault("goodbye_not_said")) connection_->close(sealed::CloseReason::kGoodbye);
  initiator_.reset();
  flush(now);
}

// --- What goes out ---

/// What waits goes into the connection: requests of a session only once it is logged in.
void SealedLink::send_waiting(TimePoint) {
  if (!connection_ || connection_->is_closed() || login_.under_way()) return;
  if (wants_online_ && !online_) return;
  if (initiator_) return;  // the connection is in doubt
  send_outbox();
  while (!waiting_.empty() && hand_over(waiting_.front().opcode, 0, waiting_.front().payload)) {
    asked_ = true;
    waiting_.pop_front();
  }
}

bool SealedLink::hand_over(Opcode opcode, MessageId id, std::string_view payload) {
  return connection_->channel().send_talk(sealed::write_message({opcode, id, payload}));
}

void SealedLink::flush(TimePoint now) {
  keep_mark();
  std::vector<std::uint8_t> bytes;
  if (initiator_ && initiator_->poll_transmit(now, bytes)) {
    if (++sends_here_ > kSendsAnAddress) {
      sends_here_ = 1;
      say_silent("the hub does not answer; trying again…");
      outputs_.push_back(NextAddress{});
    }
    outputs_.push_back(SendDatagram{std::exchange(bytes, {})});
  }
  while (connection_ && connection_->poll_transmit(now, bytes)) {
    liveness_.on_sent(now);
    outputs_.push_back(SendDatagram{std::exchange(bytes, {})});
  }
  const bool awaits_answer = connection_ && connection_->awaits_answer();
  if (awaits_answer && !unanswered_since_) {
    unanswered_since_ = now;
    elsewhere_at_ = now + kElsewhere;
  } else if (!awaits_answer && !fault("lost_ping_is_silence")) {
    // A ping that got lost, and was overtaken, is not asked about again.
    unanswered_since_.reset();
    elsewhere_at_.reset();
  }
}

void SealedLink::say_silent(std::string text) {
  if (!std::exchange(said_silent_, true)) note(std::move(text));
  go_away();
}

}  // namespace hub::client
