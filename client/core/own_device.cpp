#include "client/core/own_device.hpp"

#include <utility>

#include <fmt/format.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"

namespace hub::client {

namespace {

std::string damaged(const DeviceFiles& files, std::string_view kind, std::string_view why) {
  return fmt::format(
      "{0}.{1} is damaged: {2}. To log in as a new device, by the password, move {0}.* away",
      files.place, kind, why);
}

void forget(std::optional<Key>& secret) {
  if (secret) wipe(*secret);
  secret.reset();
}

}  // namespace

tl::expected<OwnDevice, std::string> OwnDevice::open(const DeviceFiles& files, Random& random,
                                                     std::vector<KeepOutput>& out) {
  OwnDevice device;
  device.mark_ = MarkFile(files.mark);
  if (files.device) {
    const auto identity = read_device(*files.device);
    if (!identity) return tl::unexpected(damaged(files, "device", identity.error()));
    device.identity_ = *identity;
    // Which numbers were given out is not known without it.
    if (!files.outbox) return tl::unexpected(damaged(files, "outbox", "it is missing"));
    auto outbox = Outbox::read(*files.outbox);
    if (!outbox) return tl::unexpected(damaged(files, "outbox", outbox.error()));
    device.outbox_ = std::move(*outbox);
  }
  if (!files.device) {
    // The outbox first: a device without one is a damaged one. Another device's is set aside.
    random.fill(device.identity_.id);
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
  forget(new_secret_);
  if (!identity_.secret || fault("secret_kept_after_logout")) return;
  forget(identity_.secret);
  out.push_back(KeepDevice{write_device(identity_)});
}

bool OwnDevice::agrees(const sealed::Mark& theirs, std::uint64_t done, bool resumed) const {
  // What was never sent the hub cannot have done.
  const std::uint64_t possible = fault("unsent_counts_as_sent") ? outbox_.given() : outbox_.sent();
  if (done > possible && !fault("rollback_not_noticed")) return false;
  // A hub that was restored from a backup knows less, and says so by another history. Where ours is
  // not known, its file did not survive: that is no reason to trust the numbers.
  const bool other_history = mark().history != 0 && theirs.history != mark().history &&
                             !fault("restored_hub_is_forgetful");
  if (other_history) return true;
  // A hub that forgot the device would take its numbers once more, now or after another loss here.
  if (done < outbox_.acknowledged() && !fault("forgetful_hub_believed")) return false;
  if (outbox_.waiting().empty()) return true;
  const bool may_be_done = outbox_.waiting().front().number <= outbox_.sent();
  const bool may_be_new = !resumed && done == 0 && !fault("stranger_taken_for_known");
  return !(may_be_done && may_be_new);
}

void OwnDevice::take_mark(const sealed::Mark& theirs, std::uint64_t done,
                          std::vector<KeepOutput>& out) {
  if (mark().history == theirs.history ||
      (mark().history != 0 && fault("history_ignored_by_client"))) {
    return;
  }
  // The outbox first: what the old history had done must not be looked for in the new one.
  if (outbox_.acknowledged() > done && !fault("old_acks_of_new_history")) {
    outbox_.restored(done);
    out.push_back(ReplaceOutbox{outbox_.text(), false});
  }
  out.push_back(KeepMark{mark_.set(theirs, true), true});
}

std::vector<Outbox::Request> OwnDevice::renew(Random& random, std::vector<KeepOutput>& out) {
  std::vector<Outbox::Request> unsent(outbox_.waiting().begin(), outbox_.waiting().end());
  outbox_ = Outbox();
  forget(new_secret_);
  forget(identity_.secret);
  random.fill(identity_.id);
  // The hub has no mark of the new device: only its own file has.
  if (mark().history != 0) out.push_back(KeepMark{mark_.set(mark(), true), true});
  out.push_back(ReplaceOutbox{outbox_.text(), !unsent.empty()});
  out.push_back(KeepDevice{write_device(identity_)});
  return unsent;
}

void OwnDevice::shown(MessageId post, std::vector<KeepOutput>& out) {
  if (post <= mark().post) return;
  out.push_back(KeepMark{mark_.set({mark().history, post})});
}

std::uint64_t OwnDevice::ask(Opcode opcode, std::string payload, std::vector<KeepOutput>& out,
                             bool held) {
  out.push_back(AppendOutbox{outbox_.add(opcode, std::move(payload), held), true});
  return outbox_.given();
}

std::uint64_t OwnDevice::release(std::vector<KeepOutput>& out) {
  out.push_back(AppendOutbox{outbox_.release(), true});
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
