#include "client/core/own_device.hpp"

#include <utility>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

tl::expected<OwnDevice, std::string> OwnDevice::open(const DeviceFiles& files, Random& random,
                                                     std::vector<KeepOutput>& out) {
  OwnDevice device;
  device.mark_ = MarkFile(files.mark);
  if (files.device) {
    const auto identity = read_device(*files.device);
    if (!identity) return tl::unexpected("the device's file cannot be read: " + identity.error());
    device.identity_ = *identity;
    if (!files.outbox) return tl::unexpected(std::string("the device's outbox is missing"));
  }
  if (files.outbox) {
    auto outbox = Outbox::read(*files.outbox);
    if (!outbox) return tl::unexpected("the device's outbox cannot be read: " + outbox.error());
    device.outbox_ = std::move(*outbox);
  }
  if (!files.device) {
    // The outbox first: a device without one is a damaged one.
    random.fill(device.identity_.id);
    device.outbox_ = Outbox();
    out.push_back(ReplaceOutbox{device.outbox_.text(), files.outbox.has_value()});
    out.push_back(KeepDevice{write_device(device.identity_)});
  } else if (device.outbox_.is_due_for_rewriting()) {
    out.push_back(ReplaceOutbox{device.outbox_.text(), false});
  }
  return device;
}

void OwnDevice::make_secret(Random& random) {
  if (identity_.secret || new_secret_) return;
  new_secret_.emplace();
  random.fill(*new_secret_);
}

void OwnDevice::keep_secret(std::vector<KeepOutput>& out) {
  if (!new_secret_) return;
  identity_.secret = std::exchange(new_secret_, std::nullopt);
  out.push_back(KeepDevice{write_device(identity_)});
}

void OwnDevice::forget_secret(std::vector<KeepOutput>& out) {
  new_secret_.reset();
  if (!identity_.secret || fault("secret_kept_after_logout")) return;
  wipe(*identity_.secret);
  identity_.secret.reset();
  out.push_back(KeepDevice{write_device(identity_)});
}

bool OwnDevice::agrees(const sealed::Mark& theirs, std::uint64_t done) const {
  if (done > outbox_.given() && !fault("rollback_not_noticed")) return false;
  const bool same_history = theirs.history == mark().history;
  return !same_history || done >= outbox_.acknowledged() || outbox_.waiting().empty();
}

void OwnDevice::take_mark(const sealed::Mark& theirs, std::vector<KeepOutput>& out) {
  if (mark().history == theirs.history || (mark().history != 0 && fault("history_not_taken"))) {
    return;
  }
  out.push_back(KeepMark{mark_.set(theirs)});
}

std::vector<Outbox::Request> OwnDevice::renew(Random& random, std::vector<KeepOutput>& out) {
  std::vector<Outbox::Request> unsent(outbox_.waiting().begin(), outbox_.waiting().end());
  outbox_ = Outbox();
  identity_ = {};
  new_secret_.reset();
  random.fill(identity_.id);
  out.push_back(ReplaceOutbox{outbox_.text(), !unsent.empty()});
  out.push_back(KeepDevice{write_device(identity_)});
  return unsent;
}

void OwnDevice::shown(MessageId post, std::vector<KeepOutput>& out) {
  if (post <= mark().post) return;
  out.push_back(KeepMark{mark_.set({mark().history, post})});
}

std::uint64_t OwnDevice::ask(Opcode opcode, std::string payload, std::vector<KeepOutput>& out) {
  out.push_back(AppendOutbox{outbox_.add(opcode, std::move(payload)), true});
  return outbox_.given();
}

std::optional<Outbox::Request> OwnDevice::answered(std::uint64_t number, bool was_done,
                                                   std::vector<KeepOutput>& out) {
  std::string line;
  auto request = outbox_.answered(number, was_done, line);
  if (!request) return std::nullopt;
  if (fault("answer_not_kept")) return request;
  out.push_back(AppendOutbox{std::move(line), false});
  if (outbox_.is_due_for_rewriting()) out.push_back(ReplaceOutbox{outbox_.text(), false});
  return request;
}

}  // namespace hub::client
