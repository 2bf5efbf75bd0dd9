#include "client/core/first_contact.hpp"

#include <array>

#include <catch2/catch.hpp>

#include "protocol/fingerprint.hpp"

namespace hub::client {
namespace {

using Catch::Matchers::Contains;

const HubName kHub{"hub.example", 32000};
constexpr const char* kFile = "/home/ann/.local/state/spoke/known_hubs";

Key key(std::uint8_t n) {
  Key out{};
  out.fill(n);
  return out;
}

KnownHubs nobody() { return {}; }

KnownHubs knowing(const std::vector<Key>& keys) {
  std::string text = "# mine\n\nhub.example:32000";
  for (const Key& each : keys) text += " " + key_text(each);
  return KnownHubs::parse(text + "\n").value();
}

ContactOptions at_terminal() { return {true, false, kFile}; }
ContactOptions in_script() { return {false, false, kFile}; }
ContactOptions accept_new() { return {false, true, kFile}; }

ContactStep offer(FirstContact& contact, const std::vector<Key>& keys) {
  return contact.on_offer(keys);
}

void check_uses(const ContactStep& step, const Key& expected) {
  REQUIRE(std::holds_alternative<UseKey>(step));
  CHECK(std::get<UseKey>(step).key == expected);
}

RefuseKey refusal(const ContactStep& step) {
  REQUIRE(std::holds_alternative<RefuseKey>(step));
  return std::get<RefuseKey>(step);
}

}  // namespace

TEST_CASE("first contact: a known hub is met with its key, unasked") {
  for (const ContactOptions& options : {at_terminal(), in_script(), accept_new()}) {
    FirstContact contact(kHub, knowing({key(1), key(2)}), std::nullopt, options);
    check_uses(contact.begin(), key(1));
    // The hub has only the announced one by now; which is believed from now on.
    check_uses(offer(contact, {key(2)}), key(2));
    CHECK(contact.in_use() == key(2));
    KnownHubs known = knowing({key(1), key(2)});
    REQUIRE(contact.on_proof(known));
    CHECK(known.find(kHub)->keys == std::vector{key(2)});
  }
}

TEST_CASE("first contact: in a rotation that the client has not heard of, the old key goes on") {
  FirstContact contact(kHub, knowing({key(1)}), std::nullopt, in_script());
  check_uses(contact.begin(), key(1));
  check_uses(offer(contact, {key(1), key(2)}), key(1));
  check_uses(offer(contact, {key(2), key(1)}), key(1));
}

TEST_CASE("first contact: a changed key is refused loudly whatever the options") {
  for (const ContactOptions& options :
       {at_terminal(), in_script(), accept_new(), ContactOptions{true, true, kFile}}) {
    FirstContact contact(kHub, knowing({key(1), key(2)}), std::nullopt, options);
    contact.begin();
    const RefuseKey refused = refusal(offer(contact, {key(3)}));
    CHECK(refused.word == "changed_key");
    CHECK_THAT(refused.text, Contains("HAS CHANGED") && Contains("hub.example:32000") &&
                                 Contains("line 3 of " + std::string(kFile)) &&
                                 Contains(fingerprint_of(key(1))) &&
                                 Contains(fingerprint_of(key(2))) &&
                                 Contains(fingerprint_of(key(3))) && Contains("Nothing was sent"));
  }
}

TEST_CASE("first contact: the key of an invite link counts as known") {
  FirstContact contact(kHub, nobody(), key(1), in_script());
  check_uses(contact.begin(), key(1));
  check_uses(offer(contact, {key(2), key(1)}), key(1));
  KnownHubs known = nobody();
  REQUIRE(contact.on_proof(known));
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kKnown);
}

TEST_CASE("first contact: a hub that has another key than the link says is refused") {
  for (const ContactOptions& options : {at_terminal(), accept_new()}) {
    FirstContact contact(kHub, nobody(), key(1), options);
    contact.begin();
    const RefuseKey refused = refusal(offer(contact, {key(2)}));
    CHECK(refused.word == "changed_key");
    CHECK_THAT(refused.text, Contains("invite link") && Contains("ask for a new one"));
  }
}

TEST_CASE("first contact: a link does not overrule what is known") {
  FirstContact contact(kHub, knowing({key(1)}), key(2), accept_new());
  check_uses(contact.begin(), key(1));
  const RefuseKey refused = refusal(offer(contact, {key(2)}));
  CHECK(refused.word == "changed_key");
  CHECK_THAT(refused.text, Contains("The link that you gave names the offered key"));
}

TEST_CASE("first contact: the key of a new hub is asked about, with its fingerprint") {
  const auto row = GENERATE(table<std::string, bool>({{"yes", true},
                                                      {"YES", true},
                                                      {fingerprint_of(key(1)), true},
                                                      {"no", false},
                                                      {"", false},
                                                      {"n", false}}));
  CAPTURE(std::get<0>(row));
  FirstContact contact(kHub, nobody(), std::nullopt, at_terminal());
  REQUIRE(std::holds_alternative<RequestKeys>(contact.begin()));
  const ContactStep asked = offer(contact, {key(1), key(2)});
  REQUIRE(std::holds_alternative<AskPerson>(asked));
  CHECK_THAT(std::get<AskPerson>(asked).text,
             Contains(fingerprint_of(key(1))) && Contains("hub.example:32000"));
  CHECK_FALSE(contact.in_use());
  const ContactStep answered = contact.on_answer(std::get<0>(row));
  if (std::get<1>(row)) {
    check_uses(answered, key(1));
  } else {
    CHECK(refusal(answered).word == "untrusted_key");
    CHECK_FALSE(contact.in_use());
  }
}

TEST_CASE("first contact: only yes or the right fingerprint is consent") {
  for (const std::string& typed :
       {std::string("y"), std::string("ja"), std::string("yes!"), fingerprint_of(key(2)),
        fingerprint_of(key(1)).substr(0, 24), std::string("\x1b[31m")}) {
    CAPTURE(typed);
    FirstContact contact(kHub, nobody(), std::nullopt, at_terminal());
    contact.begin();
    offer(contact, {key(1)});
    CHECK(std::holds_alternative<AskPerson>(contact.on_answer(typed)));
    CHECK_FALSE(contact.in_use());
    CHECK(refusal(contact.on_answer("no")).word == "untrusted_key");
    CHECK(std::holds_alternative<RefuseKey>(contact.on_answer("yes")));  // too late
  }
}

TEST_CASE("first contact: where nobody can be asked a new hub is refused, or accepted on demand") {
  FirstContact script(kHub, nobody(), std::nullopt, in_script());
  REQUIRE(std::holds_alternative<RequestKeys>(script.begin()));
  const RefuseKey refused = refusal(offer(script, {key(1)}));
  CHECK(refused.word == "unknown_key");
  CHECK_THAT(refused.text, Contains(fingerprint_of(key(1))) && Contains("--accept-new"));
  FirstContact accepting(kHub, nobody(), std::nullopt, accept_new());
  accepting.begin();
  check_uses(offer(accepting, {key(1)}), key(1));
}

TEST_CASE("first contact: nothing is written before the hub's proof, nor over what came first") {
  FirstContact contact(kHub, nobody(), std::nullopt, accept_new());
  contact.begin();
  KnownHubs known = nobody();
  CHECK_FALSE(contact.on_proof(known));
  offer(contact, {key(1)});
  CHECK(known.text().empty());
  KnownHubs meanwhile = knowing({key(2)});
  CHECK_FALSE(contact.on_proof(meanwhile));
  CHECK(meanwhile.find(kHub)->keys == std::vector{key(2)});
  REQUIRE(contact.on_proof(known));
  CHECK(known.compare(kHub, key(1)) == KeyMatch::kKnown);
}

TEST_CASE("first contact: a line that cannot be read is no first contact") {
  const auto known = KnownHubs::parse("hub.example:32000 damaged\n");
  FirstContact contact(kHub, *known, key(1), accept_new());
  const RefuseKey refused = refusal(contact.begin());
  CHECK(refused.word == "unreadable_key");
  CHECK_THAT(refused.text, Contains("line 1 of " + std::string(kFile)));
  CHECK(refusal(offer(contact, {key(1)})).word == "unreadable_key");
}

TEST_CASE(
    "first contact: an offer of nothing is refused, and more than two keys are not looked at") {
  FirstContact contact(kHub, nobody(), std::nullopt, accept_new());
  contact.begin();
  CHECK(refusal(offer(contact, {})).word == "unknown_key");
  FirstContact known(kHub, knowing({key(3)}), std::nullopt, accept_new());
  known.begin();
  CHECK(refusal(offer(known, {key(1), key(2), key(3)})).word == "changed_key");
}

TEST_CASE("first contact: what stands in messages cannot reach into the terminal") {
  FirstContact contact(kHub, knowing({key(1)}), std::nullopt, {true, false, "/x/\x1b[31m"});
  contact.begin();
  CHECK(refusal(offer(contact, {key(2)})).text.find('\x1b') == std::string::npos);
}

}  // namespace hub::client
