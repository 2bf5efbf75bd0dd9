#include "client/core/first_contact.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/text.hpp"

namespace hub::client {

namespace {

constexpr std::size_t kMaxOffered = 2;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

}  // namespace

FirstContact::FirstContact(HubName hub, const KnownHubs& known, std::optional<Key> invited,
                           ContactOptions options)
    : hub_(std::move(hub)),
      known_(known.find(hub_)),
      invited_(invited),
      options_(std::move(options)) {
  if (fault("link_beats_known_hubs") && invited_) known_.reset();
}

ContactStep FirstContact::begin() {
  if (known_ && known_->keys.empty()) return refuse_unreadable();
  if (known_) return use(known_->keys.front());
  if (invited_) return use(*invited_);
  return RequestKeys{};
}

ContactStep FirstContact::on_offer(std::span<const Key> offered) {
  offered = offered.first(std::min(offered.size(), kMaxOffered));
  if (known_ && known_->keys.empty()) return refuse_unreadable();
  if (offered.empty()) return refuse_nothing();
  // The key in use comes first: whoever offers it again has changed nothing.
  if (in_use_ && std::find(offered.begin(), offered.end(), *in_use_) != offered.end()) {
    return UseKey{*in_use_};
  }
  for (const Key& key : offered) {
    if (is_believed(key)) return use(key);
  }
  if (fault("accept_new_accepts_changed") && options_.accept_new) return use(offered.front());
  if (known_ || invited_) return refuse_changed(offered.front());
  return judge_new(offered.front());
}

bool FirstContact::is_believed(const Key& key) const {
  if (known_) return known_->compare(key) == KeyMatch::kKnown;
  return invited_ == key;
}

ContactStep FirstContact::judge_new(const Key& offered) {
  if (options_.accept_new) return use(offered);
  if (!options_.can_ask) return refuse_unknown(offered);
  asked_ = offered;
  return ask(offered);
}

ContactStep FirstContact::on_answer(std::string_view typed) {
  if (!asked_) return refuse_nothing();
  const std::string answer = lower(typed);
  if (answer == "yes" || is_fingerprint_of(typed, *asked_)) return use(*std::exchange(asked_, {}));
  if (answer == "no" || answer == "n" || answer.empty()) {
    asked_.reset();
    return RefuseKey{
        "untrusted_key",
        fmt::format("the key of {} was not trusted; nothing was sent to it", to_string(hub_))};
  }
  if (answer.find('-') != std::string::npos) {
    return AskPerson{
        "That is not its fingerprint: do not trust it unless you know why.\n"
        "Trust it? Type yes, no or the fingerprint: "};
  }
  return AskPerson{"Type yes, no or the fingerprint: "};
}

std::optional<Key> FirstContact::expected() const {
  if (in_use_) return in_use_;
  if (known_) return known_->keys.empty() ? std::nullopt : std::optional(known_->keys.front());
  return invited_;
}

std::optional<Key> FirstContact::other_than(const Key& key) const {
  if (!known_ || known_->keys.size() < 2) return std::nullopt;
  return known_->keys[0] == key ? known_->keys[1] : known_->keys[0];
}

ContactStep FirstContact::use(const Key& key) {
  in_use_ = key;
  return UseKey{key};
}

tl::expected<void, std::string> FirstContact::on_proof(KnownHubs& known) const {
  if (!in_use_) return tl::unexpected(std::string("no key is in use"));
  return known.record_proof(hub_, *in_use_);
}

void FirstContact::remember(const std::optional<Key>& next) {
  if (!in_use_ || fault("proof_not_remembered")) return;
  const std::size_t line = known_ ? known_->line : 0;
  std::vector<Key> keys = {*in_use_};
  if (next && *next != *in_use_) keys.push_back(*next);
  // What was announced before and is not now may be announced again: nobody else can say so.
  if (known_ && !next && known_->keys.size() == 2 && known_->keys.front() == *in_use_) {
    keys = known_->keys;
  }
  known_ = KnownHubs::Known{std::move(keys), line};
}

// --- What people read ---

AskPerson FirstContact::ask(const Key& offered) const {
  return {
      fmt::format("{} is not known yet. The fingerprint of its key is\n"
                  "  {}\n"
                  "Compare it with what its operator gives you (hubadmin show-key prints it).\n"
                  "Trust it? Type yes, no or the fingerprint: ",
                  to_string(hub_), fingerprint_of(offered))};
}

RefuseKey FirstContact::refuse_unknown(const Key& offered) const {
  return {
      "unknown_key",
      fmt::format("{} is not known, and nobody can be asked whether its key is right:\n"
                  "  {}\n"
                  "Nothing was sent to it. Give the hub's invite link (hub://…/#KEY) instead of "
                  "its name, or\n"
                  "--accept-new to trust the key that is offered now.",
                  to_string(hub_), fingerprint_of(offered))};
}

RefuseKey FirstContact::refuse_changed(const Key& offered) const {
  std::string right;
  const std::vector<Key> keys = known_ ? known_->keys : std::vector<Key>{*invited_};
  for (const Key& key : keys) right += fmt::format("  {}\n", fingerprint_of(key));
  // A hub that was met only now has a line in the file, and we do not know which.
  const std::string line = known_ && known_->line > 0 ? fmt::format("line {}", known_->line)
                                                      : std::string("the line of this hub");
  const std::string where = known_ ? fmt::format("{} of {}", line, printable(options_.file))
                                   : std::string("the invite link");
  std::string remedy =
      known_ ? fmt::format("Only if the offered one is right, remove {} and connect again.", where)
             : std::string("If the offered one is right, the link is old: ask for a new one.");
  if (known_ && invited_ == offered) remedy += "\n(The link that you gave names the offered key.)";
  return {"changed_key",
          fmt::format("*** THE KEY OF {} HAS CHANGED ***\n"
                      "Nothing was sent to it: no name, no password, no post.\n"
                      "According to {} its key has the fingerprint\n"
                      "{}"
                      "but what answers there offers\n"
                      "  {}\n"
                      "Either somebody between you and the hub poses as it, or the hub has a new "
                      "key that it\n"
                      "could not announce to you: it was set up anew, or you were away for long.\n"
                      "Ask its operator for the fingerprint, by telephone or in person (hubadmin "
                      "show-key\n"
                      "prints it). {}",
                      to_string(hub_), where, right, fingerprint_of(offered), remedy)};
}

RefuseKey FirstContact::refuse_unreadable() const {
  return {"unreadable_key",
          fmt::format("line {} of {} is about {}, but cannot be read.\n"
                      "Nothing was sent. Mend the line (HOST:PORT KEY), or remove it to be asked "
                      "about the hub's key.",
                      known_->line, printable(options_.file), to_string(hub_))};
}

RefuseKey FirstContact::refuse_nothing() const {
  return {"unknown_key", fmt::format("{} offers no key; nothing was sent to it", to_string(hub_))};
}

}  // namespace hub::client
