#include "client/core/sealed_link.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "client/core/session.hpp"
#include "protocol/crypto/hash.hpp"
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
constexpr Duration kTryAgain = 5s;
/// So long a hub with our key has to welcome us, when something says that there is none.
constexpr Duration kDoubt = 1s;
constexpr std::size_t kMaxWaiting = 1000;

void keep_earliest(std::optional<TimePoint>& earliest, std::optional<TimePoint> other) {
  if (other && (!earliest || *other < *earliest)) earliest = other;
}

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
  if (message.opcode == Opcode::kForwardAck) {
    mark_ = std::max(mark_, message.id);
    if (connection_ && !fault("forwards_not_marked")) connection_->channel().mark(mark_);
    flush(now);
    return;
  }
  if (message.opcode == Opcode::kLogin) {
    const auto credentials = split_credentials(message.payload);
    const auto id = credentials ? ClientId::parse(credentials->id) : std::nullopt;
    if (!id) return;
    wanted_ = Wanted{*id, std::string(credentials->password)};
    wants_online_ = true;
    wanting_since_ = now;
    if (connection_ && !connection_->is_closed()) begin_login(now);
  } else {
    if (message.opcode == Opcode::kLogout || message.opcode == Opcode::kSessionReset) {
      login_.forget();
      wants_online_ = false;
    }
    if (waiting_.size() < kMaxWaiting) waiting_.push_back(message);
    if (!wanting_since_) wanting_since_ = now;
  }
  want_connection(now);
  send_waiting(now);
  flush(now);
}

void SealedLink::want_connection(TimePoint now) {
  if (connection_ || initiator_ || asking_ || try_again_ || distrusted_) return;
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
  if (wanted_ || login_.may_resume()) begin_login(now);
  send_waiting(now);
}

bool SealedLink::on_connection_datagram(Bytes datagram, TimePoint now) {
  const auto header = sealed::read_transport_header(datagram);
  if (!header || !connection_) return header.has_value();
  const auto taken = connection_->on_datagram(kTheWay, *header, datagram, now);
  using Taken = sealed::Connection::Taken;
  if (taken == Taken::kForged || taken == Taken::kReplayed) return true;
  liveness_.on_heard(now);
  unanswered_since_.reset();
  elsewhere_at_.reset();
  initiator_.reset();  // the old connection answers after all
  if (std::exchange(said_silent_, false)) note("the hub answers again");
  if (taken == Taken::kClosed) {
    on_closed(connection_->close_reason(), now);
    return true;
  }
  if (taken == Taken::kViolation) {
    flush(now);
    end_session(now);
    return true;
  }
  for (const channel::Delivered& delivered : connection_->take_delivered()) {
    const auto message = sealed::read_message(delivered.bytes);
    if (message) on_message(*message, now);
    if (!connection_ || distrusted_) return true;
  }
  send_waiting(now);
  return true;
}

void SealedLink::on_message(const sealed::Message& message, TimePoint now) {
  switch (message.opcode) {
    case Opcode::kLoginChallenge:
    case Opcode::kLoginOk:
    case Opcode::kLoginFailed:
      follow(login_.on_message(message.opcode, message.payload), now);
      return;
    case Opcode::kForward:
      break;
    case Opcode::kRetrieveAck:  // more is to come
      if (wanting_since_) wanting_since_ = now;
      break;
    default:
      wanting_since_.reset();
      asked_ = false;
  }
  if (message.opcode == Opcode::kLogoutAck || message.opcode == Opcode::kMustLoginFirst) {
    online_ = wants_online_ = false;
    login_.forget();
  }
  outputs_.push_back(Deliver{{message.opcode, 0, message.id, std::string(message.payload)}});
}

// --- Login ---

void SealedLink::begin_login(TimePoint now) {
  online_ = false;
  const Key& hash = connection_->handshake_hash();
  follow(wanted_ ? login_.start(wanted_->id, wanted_->password, hash) : login_.resume(hash, mark_),
         now);
}

void SealedLink::follow(const LoginExchange::Step& step, TimePoint now) {
  if (const auto* message = std::get_if<LoginExchange::SendMessage>(&step)) {
    hand_over(message->opcode, 0, message->payload);
  } else if (const auto* stretch = std::get_if<LoginExchange::Stretch>(&step)) {
    outputs_.push_back(StretchPassword{*stretch});
  } else if (const auto* logged_in = std::get_if<LoginExchange::LoggedIn>(&step)) {
    on_logged_in(*logged_in, now);
  } else if (const auto* failed = std::get_if<LoginExchange::Failed>(&step)) {
    on_login_refused(failed->why, now);
  } else if (const auto* distrusted = std::get_if<LoginExchange::Distrusted>(&step)) {
    connection_->close(sealed::CloseReason::kGoodbye);
    flush(now);
    distrusted_ = true;
    outputs_.push_back(Distrust{kExitWrongKey, distrusted->word, distrusted->text});
  }
}

void SealedLink::on_stretched(std::uint64_t ticket, const std::optional<Key>& salted,
                              TimePoint now) {
  if (!connection_) return;
  follow(login_.stretched(ticket, salted), now);
  flush(now);
}

void SealedLink::on_logged_in(const LoginExchange::LoggedIn& logged_in, TimePoint now) {
  const bool was_asked = wanted_.has_value();
  if (was_asked) mark_ = logged_in.newest_post;
  wanted_.reset();
  online_ = wants_online_ = true;
  wanting_since_.reset();
  connection_->widen();
  liveness_.set_session_timeout(logged_in.session_timeout, now);
  contact_.remember(logged_in.next_key);
  outputs_.push_back(HubProved{logged_in.next_key});
  if (was_asked) {
    outputs_.push_back(Deliver{{Opcode::kLoginOk, 0, 0, {}}});
  } else {
    note("back online");
  }
  send_waiting(now);
}

void SealedLink::on_login_refused(LoginRefusal why, TimePoint now) {
  wanting_since_.reset();
  if (wanted_) {
    wanted_.reset();
    wants_online_ = false;
    if (why == LoginRefusal::kTooManyTries) {
      note("too many tries at this account from here: wait a minute");
    } else if (why == LoginRefusal::kNoRoom) {
      note("the hub has no room just now: try again later");
    }
    outputs_.push_back(Deliver{{Opcode::kLoginFailed, 0, 0, {}}});
  } else if (why == LoginRefusal::kWrong) {
    end_session(now);  // the password was changed, or the account disabled
  } else {
    lose_connection(now);
    try_again_ = now + kTryAgain;
  }
}

// --- The ways to lose a connection ---

void SealedLink::on_reset(const sealed::Reset& reset, TimePoint now) {
  const bool ours = connection_ && reset.id == connection_->peer_id() &&
                    equal_constant_time(reset.token, connection_->expected_reset());
  if (!ours && !(connection_ && fault("any_reset_accepted"))) return;
  lose_connection(now);
  if (wants_online_) note("the hub was restarted; reconnecting…");
  if (has_business()) want_connection(now);
}

void SealedLink::on_closed(sealed::CloseReason why, TimePoint now) {
  switch (why) {
    case sealed::CloseReason::kTimeout:
    case sealed::CloseReason::kNoLogin:
    case sealed::CloseReason::kGoodbye:
      lose_connection(now);
      if (has_business()) want_connection(now);
      return;
    case sealed::CloseReason::kBusy:
      lose_connection(now);
      if (has_business()) try_again_ = now + kTryAgain;
      return;
    default:
      if (fault("ended_comes_back")) {
        lose_connection(now);
        return want_connection(now);
      }
      end_session(now);
  }
}

/// The hub ended the session for good: no way back but a login of the person.
void SealedLink::end_session(TimePoint now) {
  login_.forget();
  wanted_.reset();
  wants_online_ = false;
  waiting_.clear();
  asked_ = false;  // the reset answers whatever was asked
  lose_connection(now);
  outputs_.push_back(Deliver{{Opcode::kSessionReset, 0, 0, {}}});
}

void SealedLink::lose_connection(TimePoint now) {
  connection_.reset();
  initiator_.reset();
  if (fault("waiting_lost_with_connection")) waiting_.clear();
  login_.abandon();
  online_ = false;
  unanswered_since_.reset();
  elsewhere_at_.reset();
  if (wants_online_ && !wanting_since_) wanting_since_ = now;
  if (std::exchange(asked_, false)) outputs_.push_back(Lost{});
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
    say_once("the hub does not answer; reconnecting…");
    outputs_.push_back(NextAddress{});
  }
  if (now >= *unanswered_since_ + kAnew && !initiator_ && contact_.in_use()) {
    start_handshake(contact_.in_use(), now);
  }
}

/// Nobody is there to wait: what was asked stays unanswered.
void SealedLink::give_up(TimePoint now) {
  wanting_since_.reset();
  wanted_.reset();
  waiting_.clear();
  wants_online_ = false;
  login_.forget();
  asked_ = true;
  lose_connection(now);
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
  while (!waiting_.empty() &&
         hand_over(waiting_.front().opcode, waiting_.front().id, waiting_.front().payload)) {
    asked_ = true;
    waiting_.pop_front();
  }
}

bool SealedLink::hand_over(Opcode opcode, MessageId id, std::string_view payload) {
  return connection_->channel().send_talk(sealed::write_message({opcode, id, payload}));
}

void SealedLink::flush(TimePoint now) {
  std::vector<std::uint8_t> bytes;
  if (initiator_ && initiator_->poll_transmit(now, bytes)) {
    if (++sends_here_ > kSendsAnAddress) {
      sends_here_ = 1;
      say_once("the hub does not answer; trying again…");
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

void SealedLink::say_once(std::string text) {
  if (!std::exchange(said_silent_, true)) note(std::move(text));
}

}  // namespace hub::client
