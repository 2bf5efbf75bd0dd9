// The device that this program is, of one account at one hub: who it is, up to where it has shown
// what came, and what it asked and was not answered. Pure: what is to be kept comes out as
// outputs, in the order in which it must be on disk.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "client/core/device.hpp"
#include "client/core/outbox.hpp"
#include "protocol/random.hpp"

namespace hub::client {

/// What the files of a device's slot hold; nothing, or no bytes, where there is no such file.
struct DeviceFiles {
  std::optional<std::string> device;
  std::vector<std::uint8_t> mark;
  std::optional<std::string> outbox;
  std::string place;  // for people: where these files are, without what follows the slot
};

// What is to be kept. A failure is told by the carrier (sealed_link.hpp says to whom).

/// The device's file, whole and synced.
struct KeepDevice {
  std::string text;
};
/// One line behind the outbox's others; synced where something is sent only once it is on disk.
struct AppendOutbox {
  std::string line;
  bool sync = false;
};
/// The outbox anew, whole and synced. `keep_old`: the file before stays beside it, under another
/// name, for its requests were not sent.
struct ReplaceOutbox {
  std::string text;
  bool keep_old = false;
};
/// One record in its place in the mark's file; synced where the history is a new one, so that a
/// loss of power makes a mark older, not none.
struct KeepMark {
  MarkRecord record;
  bool sync = false;
};
using KeepOutput = std::variant<KeepDevice, AppendOutbox, ReplaceOutbox, KeepMark>;

class OwnDevice {
 public:
  /// A device without files is a new one. The error says which file is damaged and how.
  static tl::expected<OwnDevice, std::string> open(const DeviceFiles& files, Random& random,
                                                   std::vector<KeepOutput>& out);

  const DeviceId& id() const { return identity_.id; }
  bool can_resume() const { return identity_.secret.has_value(); }
  const std::optional<Key>& secret() const { return identity_.secret; }
  const sealed::Mark& mark() const { return mark_.mark(); }
  const Outbox& outbox() const { return outbox_; }

  /// A secret for the login that is about to prove the password; the one there is, if there is one.
  void make_secret(Random& random);
  /// What a login or a resume is to use: the one just made, or the one there is.
  Key login_secret() const { return new_secret_.value_or(identity_.secret.value_or(Key{})); }
  /// The login was right: the secret lasts.
  void keep_secret(std::vector<KeepOutput>& out);
  void forget_secret(std::vector<KeepOutput>& out);

  /// What login ok says. False: these files are older than they were, or the hub has forgotten the
  /// device, so that its numbers can no longer be trusted: renew() it. `resumed`: the hub knew the
  /// device; after a password it may be that it has just met it.
  bool agrees(const sealed::Mark& theirs, std::uint64_t done, bool resumed = true) const;
  /// What login ok says, taken where this device has no mark of this history: the hub is one that
  /// it has not met, or was restored from a backup, and has done no more than `done`.
  void take_mark(const sealed::Mark& theirs, std::uint64_t done, std::vector<KeepOutput>& out);
  /// Another device from now on, from the same mark on; gives what the old one had asked and not
  /// been answered.
  std::vector<Outbox::Request> renew(Random& random, std::vector<KeepOutput>& out);

  /// Everything up to this post was shown.
  void shown(MessageId post, std::vector<KeepOutput>& out);
  /// Gives its number. `held`: it must not be sent before release().
  std::uint64_t ask(Opcode opcode, std::string payload, std::vector<KeepOutput>& out,
                    bool held = false);
  /// All that was asked so far may be sent once this is on disk: then released(), with the number.
  std::uint64_t release(std::vector<KeepOutput>& out);
  void released(std::uint64_t number) { outbox_.released(number); }
  /// Nothing where no such request waits.
  std::optional<Outbox::Request> answered(std::uint64_t number, bool was_done,
                                          std::vector<KeepOutput>& out);

 private:
  DeviceIdentity identity_;
  std::optional<Key> new_secret_;  // told to the hub, which has not said yet that it is right
  MarkFile mark_;
  Outbox outbox_;
};

}  // namespace hub::client
