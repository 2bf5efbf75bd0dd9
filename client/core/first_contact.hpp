// Which of a hub's keys is believed: the decision before the first handshake. Pure; one owner.
//
//               known, or in the link                      refused by the hub: it offers others
//   begin() ------------------------------> Use  <--+---------------------------- Use
//      |                                            |  known                        |
//      | unknown                                    |                               v
//      +----------> Request --> on_offer() ---------+-------> Refuse <--- on_offer()
//                                   | unknown       |            ^   changed
//                                   v               |            |
//                                  Ask --> on_answer() ----------+
//
// A key is believed if known_hubs has it; where that says nothing of the hub, if the invite link
// has it (a link never overrules known_hubs); where neither says anything, if somebody at the
// terminal says so or --accept-new is given. It is written down only by on_proof(), once the hub
// has proved that it knows the account's verifier, so that nobody who merely answers can get a key
// pinned. A changed key is refused whatever the options are: nothing that the person typed is sent.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "client/core/known_hubs.hpp"
#include "protocol/hub_name.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct ContactOptions {
  bool can_ask = false;     // a person is at the terminal
  bool accept_new = false;  // --accept-new: the key of a hub that is not known is believed unasked
  std::string file;         // known_hubs, as messages call it
};

/// Shake hands with this key.
struct UseKey {
  Key key{};
};
/// Ask the hub which keys it has; on_offer() follows.
struct RequestKeys {};
/// Ask the person; on_answer() follows.
struct AskPerson {
  std::string text;  // several lines, the last the question, without a line end
};
/// It is over: exit with kExitWrongKey.
struct RefuseKey {
  std::string word;  // behind error#: changed_key, unknown_key, untrusted_key, unreadable_key
  std::string text;  // one or several lines for standard error, whoever reads it
};
using ContactStep = std::variant<UseKey, RequestKeys, AskPerson, RefuseKey>;

class FirstContact {
 public:
  /// `invited`: the key of the invite link, where there is one.
  FirstContact(HubName hub, const KnownHubs& known, std::optional<Key> invited,
               ContactOptions options);

  ContactStep begin();
  /// The hub says that these are its keys, the current one first (unauthenticated; whoever answers
  /// may say anything). At most two count. Also the answer to a handshake with a key that the hub
  /// no longer has.
  ContactStep on_offer(std::span<const Key> offered);
  /// "yes", the fingerprint, or anything else. Empty where the person went away.
  ContactStep on_answer(std::string_view typed);

  /// The hub has proved itself under the key in use: writes to `known` (which may have been read
  /// afresh) what is to be remembered. The error is a sentence, and the session must end.
  tl::expected<void, std::string> on_proof(KnownHubs& known) const;

  /// The same for as long as this process runs: the key in use is the hub's, and so is the one that
  /// it announced, if any. A connection that is lost is made anew with no other.
  void remember(const std::optional<Key>& next);

  /// The key that the hub is expected to have, as far as is known before it answers.
  std::optional<Key> expected() const;
  /// The hub's other key, while it changes from one to the other.
  std::optional<Key> other_than(const Key& key) const;

  /// What UseKey said last.
  const std::optional<Key>& in_use() const { return in_use_; }

 private:
  ContactStep use(const Key& key);
  bool is_believed(const Key& key) const;
  ContactStep judge_new(const Key& offered);
  AskPerson ask(const Key& offered) const;
  RefuseKey refuse_changed(const Key& offered) const;
  RefuseKey refuse_unreadable() const;
  RefuseKey refuse_unknown(const Key& offered) const;
  RefuseKey refuse_nothing() const;

  HubName hub_;
  std::optional<KnownHubs::Known> known_;  // of this hub
  std::optional<Key> invited_;
  ContactOptions options_;
  std::optional<Key> asked_;  // the person is asked about it
  std::optional<Key> in_use_;
};

}  // namespace hub::client
