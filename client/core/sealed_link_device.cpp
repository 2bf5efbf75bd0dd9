// SealedLink's third part: the device that is logged in, and what it asks under its numbers.
#include <algorithm>
#include <utility>

#include "client/core/sealed_link.hpp"
#include "client/core/sealed_link_keeping.hpp"
#include "client/core/session.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"

namespace hub::client {

namespace {
/// Stands among the requests that are not on disk yet for what lets the held ones go.
constexpr std::uint64_t kRelease = 0;
}  // namespace

// --- Login ---

void SealedLink::want_login(std::string_view payload, TimePoint now) {
  const auto credentials = split_credentials(payload);
  const auto id = ClientId::parse(credentials ? credentials->id : payload);
  if (!id) return;
  wanted_ = Wanted{*id, std::nullopt};
  if (credentials) wanted_->password = std::string(credentials->password);
  wants_online_ = true;
  wanting_since_ = now;
  if (connection_ && !connection_->is_closed()) return begin_login(now);
  // Even before the hub answers, what its device is asked can be kept.
  if (const auto key = contact_.expected()) {
    open_device(*id, *key);
  } else if (!credentials) {
    need_password();  // a hub that is not known has never seen a device of ours
  }
}

/// True where the device of this account is open; else on_device() is to come.
bool SealedLink::open_device(const ClientId& id, const Key& hub_key) {
  if (device_ && account_ && account_->key() == id.key()) return true;
  if (opening_device_) return false;
  device_.reset();
  tags_.clear();
  unkept_.clear();
  handed_ = 0;
  account_ = id;
  opening_device_ = true;
  outputs_.push_back(OpenDevice{id.key(), hub_key, contact_.other_than(hub_key)});
  return false;
}

void SealedLink::on_device(const tl::expected<DeviceFiles, std::string>& files, TimePoint now) {
  if (!std::exchange(opening_device_, false) || distrusted_) return;
  tl::expected<OwnDevice, std::string> opened = tl::unexpected(std::string());
  if (files) {
    opened = keeping([&](auto& out) { return OwnDevice::open(*files, random_, out); });
  } else {
    opened = tl::unexpected(files.error());
  }
  if (!opened) {
    distrusted_ = true;
    initiator_.reset();
    connection_.reset();
    outputs_.push_back(Distrust{kExitFailure, "device_files", opened.error()});
    return;
  }
  device_.emplace(std::move(*opened));
  if (wanted_ && !wanted_->password && !device_->can_resume()) {
    need_password();
  } else if (connection_ && !connection_->is_closed()) {
    begin_login(now);
  }
  want_connection(now);
  send_waiting(now);
  flush(now);
}

void SealedLink::begin_login(TimePoint now) {
  online_ = false;
  const ClientId id = wanted_ ? wanted_->id : *account_;
  if (!open_device(id, *contact_.in_use())) return;
  const Key& hash = connection_->handshake_hash();
  if (wanted_ && wanted_->password) {
    device_->make_secret(random_);
    follow(login_.start(id, *wanted_->password, login_device(), hash), now);
  } else if (device_->can_resume()) {
    follow(login_.resume(id, login_device(), hash), now);
  } else if (wanted_) {
    need_password();
  } else {
    end_session(now);
  }
}

LoginExchange::Device SealedLink::login_device() const {
  return {device_->id(), device_->login_secret(), device_->mark()};
}

void SealedLink::need_password() {
  tags_.clear();  // the session is offline: what the outbox has is of an earlier one
  wanted_.reset();
  wants_online_ = away_ = false;
  wanting_since_.reset();
  outputs_.push_back(NeedPassword{});
}

/// The hub knows more of this device than its files, or has forgotten it: what its next number
/// would mean is not known. As another device it begins anew; what was not answered is for a person
/// to judge.
void SealedLink::become_new_device(const LoginExchange::LoggedIn& old, TimePoint now) {
  const auto unsent = keeping([&](auto& out) {
    device_->take_mark(old.mark, old.done, out);  // the new one goes on where the old one was
    return device_->renew(random_, out);
  });
  note(
      "this device's files are older than what the hub knows of it, or the hub has forgotten it: "
      "it is a new device now");
  for (const Outbox::Request& request : unsent) {
    const auto tag = tags_.find(request.number);
    outputs_.push_back(NotSent{request, tag != tags_.end() ? tag->second : 0});
  }
  tags_.clear();
  unkept_.clear();
  handed_ = 0;
  if (login_.may_try_again()) {
    renewing_ = true;
    device_->make_secret(random_);
    follow(login_.again(login_device(), connection_->handshake_hash()), now);
  } else {
    // The hub takes this connection for one of the device that there was.
    connection_->close(sealed::CloseReason::kGoodbye);
    flush(now);
    if (!wanted_) return end_session(now);
    need_password();
    lose_connection(now);
  }
}

// --- What was shown ---

void SealedLink::on_shown(MessageId post, TimePoint now) {
  shown_ = std::max(shown_.value_or(0), post);
  if (fault("ack_before_mark")) {
    if (connection_) connection_->channel().mark(post);
    return;
  }
  if (connection_ && !fault("forwards_not_marked")) connection_->channel().mark(post);
  flush(now);
}

/// On disk before a datagram says so. What was shown is shown, whoever is logged in meanwhile.
void SealedLink::keep_mark() {
  if (!shown_ || !device_) return;
  const MessageId post = *std::exchange(shown_, std::nullopt);
  if (!fault("mark_not_kept")) keeping([&](auto& out) { device_->shown(post, out); });
}

// --- Requests ---

void SealedLink::ask(const Message& message) {
  const std::uint64_t number = keeping(
      [&](auto& out) { return device_->ask(message.opcode, message.payload, out, !online_); });
  tags_.emplace(number, message.id);
  unkept_.push_back(number);
}

void SealedLink::on_kept(bool is_on_disk, TimePoint now) {
  if (unkept_.empty() || !device_) return;
  const std::uint64_t number = unkept_.front();
  unkept_.pop_front();
  if (number == kRelease) {
    if (!is_on_disk && !fault("release_not_kept")) return;  // the next turn tries again
    device_->released(releasing_);
    is_on_disk = true;
  }
  if (is_on_disk) {
    // A hub that is known not to answer is not waited for once more.
    if (gave_up_ && config_.patience) outputs_.push_back(GaveUp{true});
    send_waiting(now);
    flush(now);
    return;
  }
  // It must not be sent: after a loss of power its number would be given out again.
  std::vector<KeepOutput> nothing;
  const auto request = device_->answered(number, false, nothing);
  const auto tag = tags_.extract(number);
  if (!request || tag.empty()) return;
  outputs_.push_back(Deliver{
      {Opcode::kRefused, 0, tag.mapped(), sealed::write_refusal({request->opcode, "not_saved"})}});
}

/// In the order of their numbers, and those that a connection before this one had, again.
void SealedLink::send_outbox() {
  if (!online_ || !device_) return;
  const bool is_releasing = std::find(unkept_.begin(), unkept_.end(), kRelease) != unkept_.end();
  if (device_->outbox().has_held() && !is_releasing) {
    releasing_ = keeping([&](auto& out) { return device_->release(out); });
    unkept_.push_back(kRelease);
  }
  const auto first = std::find_if(unkept_.begin(), unkept_.end(),
                                  [](std::uint64_t number) { return number != kRelease; });
  const std::uint64_t on_disk = std::min(
      first == unkept_.end() ? device_->outbox().given() : *first - 1, device_->outbox().sent());
  std::size_t under_way = 0;
  for (const Outbox::Request& request : device_->outbox().waiting()) {
    if (under_way >= kRememberedRequests || request.number > on_disk) return;
    ++under_way;
    if (request.number <= handed_) continue;
    if (!hand_over(request.opcode, request.number, request.payload)) return;
    handed_ = request.number;
  }
}

/// False where no request of ours has this number.
bool SealedLink::settle(const sealed::Message& reply, TimePoint now) {
  if (!device_) return false;
  const bool was_done = reply.opcode != Opcode::kRefused;
  const std::uint64_t number = reply.id;
  const auto request = keeping([&](auto& out) { return device_->answered(number, was_done, out); });
  if (!request) return false;
  const auto tag = tags_.extract(number);
  Message answer{reply.opcode, 0, tag.empty() ? 0 : tag.mapped(), std::string(reply.payload)};
  if (tag.empty()) {
    outputs_.push_back(Settled{*request, std::move(answer)});
  } else {
    outputs_.push_back(Deliver{std::move(answer)});
  }
  wanting_since_.reset();
  if (!device_->outbox().waiting().empty() || !waiting_.empty() || asked_) wanting_since_ = now;
  return true;
}

/// Also where the connection may yet come back: until then nothing that is asked must wait in
/// memory alone.
void SealedLink::go_away() {
  if (!wants_online_ || !device_ || (online_ && fault("silence_is_not_away"))) return;
  if (!std::exchange(away_, true)) outputs_.push_back(Away{});
}

void SealedLink::come_back() {
  if (online_ && std::exchange(away_, false)) outputs_.push_back(Back{});
}

}  // namespace hub::client
