// What every store does about accounts and sessions: the other half of contract_test.cpp.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;

using Lines = std::vector<std::string>;

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

namespace {

template <typename E>
std::size_t count(const std::vector<Event>& events) {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [](const Event& e) { return std::holds_alternative<E>(e); }));
}

bool ends_sessions_of(const StoreVerbs& verbs, AccountId account) {
  if (count<SessionsEnded>(verbs.events()) != 1) return false;
  return std::any_of(verbs.events().begin(), verbs.events().end(), [&](const Event& event) {
    const auto* ended = std::get_if<SessionsEnded>(&event);
    return ended != nullptr && ended->account == account;
  });
}

}  // namespace

CONTRACT("client IDs are one without regard to case and keep their spelling") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("Ann_1");
  REQUIRE(refusal_in(world->ask(control::AddUser{"aNN_1", dummy_verifier()})) == Refusal::kExists);
  REQUIRE(refusal_in(world->ask(control::AddUser{"Ann_1", dummy_verifier()})) == Refusal::kExists);
  REQUIRE(world->id("ANN_1") == ann);
  const auto account = *world->reader().account("ann_1");
  REQUIRE(account->name == "Ann_1");
  REQUIRE(account->verifier == dummy_verifier());
  REQUIRE_FALSE(account->disabled);
  REQUIRE(account->created <= world->now());
  REQUIRE(account->created > world->now() - std::chrono::seconds(10));
  REQUIRE_FALSE(world->reader().account("ann")->has_value());
  REQUIRE_FALSE(world->reader().account("not an id")->has_value());
}

CONTRACT("what is no client ID or no verifier is refused as invalid") {
  StoreWorld<TestType> world;
  for (const char* name : {"", "a&b", "a#b", "\x07", "a b", "0123456789012345678901234567890_"}) {
    CAPTURE(name);
    REQUIRE(refusal_in(world->ask(control::AddUser{name, dummy_verifier()})) == Refusal::kInvalid);
  }
  Verifier weak = dummy_verifier();
  weak.kdf.memory_bytes = kMinKdfMemory - 1;
  REQUIRE(refusal_in(world->ask(control::AddUser{"ann", weak})) == Refusal::kInvalid);
  world->add("ann");
  REQUIRE(refusal_in(world->ask(control::SetPassword{"ann", weak})) == Refusal::kInvalid);
  REQUIRE((*world->reader().account("ann"))->verifier == dummy_verifier());
}

CONTRACT("every command about an account refuses one that is not there") {
  StoreWorld<TestType> world;
  for (const std::string name : {"nobody", "", "\x1b[2J"}) {
    REQUIRE(refusal_in(world->ask(control::SetPassword{name, dummy_verifier()})) ==
            Refusal::kNotFound);
    REQUIRE(refusal_in(world->ask(control::DisableUser{name})) == Refusal::kNotFound);
    REQUIRE(refusal_in(world->ask(control::EnableUser{name})) == Refusal::kNotFound);
    REQUIRE(refusal_in(world->ask(control::DeleteUser{name})) == Refusal::kNotFound);
    REQUIRE(refusal_in(world->ask(control::EndSession{name})) == Refusal::kNotFound);
    const auto reply = world->ask(control::DeleteUser{name});
    REQUIRE(std::get<control::Refused>(reply).message.find('\x1b') == std::string::npos);
  }
}

CONTRACT("a session is stored whole, with whom its account follows at that point of the batch") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("Ann");
  const AccountId bob = world->add("bob");
  const StoredSession asked = world->session("ann", 0xFFFFFFFF);
  const auto replies =
      world->run({OpenSession{asked, {}}, Follow{ann, "bob"}, OpenSession{asked, {}}});
  REQUIRE(std::get<SessionOpened>(replies[0]).followees.empty());
  REQUIRE(accounts_of(std::get<SessionOpened>(replies[2]).followees) ==
          std::vector<AccountId>{bob});

  const auto stored = *world->reader().sessions({}, 10);
  REQUIRE(stored.size() == 1);
  REQUIRE(stored[0].account == ann);
  REQUIRE(stored[0].name == "Ann");
  REQUIRE(stored[0].framing == asked.framing);
  REQUIRE(stored[0].token == asked.token);
  REQUIRE(stored[0].remote == asked.remote);
  REQUIRE(stored[0].local == asked.local);
  REQUIRE(stored[0].magic == asked.magic);
  REQUIRE(stored[0].online_since == asked.online_since);
}

CONTRACT("a login replaces the account's session; closing asks for the right token") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->open_session("ann", 1);
  world->open_session("bob", 1);
  world->open_session("ann", 2);
  REQUIRE(world->reader().sessions({}, 10)->size() == 2);
  REQUIRE(is_done(world->ask(CloseSession{ann, 1})));
  REQUIRE(world->reader().sessions({}, 10)->at(0).token == 2);
  REQUIRE(is_done(world->ask(CloseSession{ann, 2})));
  REQUIRE(is_done(world->ask(CloseSession{ann, 2})));
  REQUIRE(world->events().empty());
  REQUIRE(world->reader().sessions({}, 10)->size() == 1);
}

CONTRACT("sealed sessions of one account stand beside each other and its classic one") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->open_session("ann", 7);
  world->open_sealed("ann", 7);
  auto high = world->sealed_login("ann", 8, DeviceLogin::Proof::kPassword);
  high.session.token = std::uint64_t{1} << 63;
  REQUIRE(std::holds_alternative<SessionOpened>(world->ask(high)));
  REQUIRE(world->reader().sessions({}, 10)->size() == 3);
  REQUIRE(is_done(world->ask(CloseSession{ann, 7, Framing::kSealed, 0, false})));
  const auto left = *world->reader().sessions({}, 10);
  REQUIRE(left.size() == 2);
  REQUIRE(left[0].framing == Framing::kClassic);
  REQUIRE(left[1].token == std::uint64_t{1} << 63);
}

CONTRACT("sessions and accounts are listed in pages") {
  StoreWorld<TestType> world;
  for (const char* name : {"c", "B", "a", "E", "d"}) {
    world->add(name);
    world->open_session(name, 1);
  }
  Lines names;
  std::string after;
  for (;;) {
    const auto page = *world->reader().accounts(after, 2);
    if (page.empty()) break;
    REQUIRE(page.size() <= 2);
    for (const Account& account : page) names.push_back(account.name);
    after = page.back().name;
  }
  REQUIRE(names == Lines{"a", "B", "c", "d", "E"});

  std::vector<AccountId> ids;
  for (SessionKey last;;) {
    const auto page = *world->reader().sessions(last, 2);
    if (page.empty()) break;
    for (const StoredSession& session : page) ids.push_back(session.account);
    last = {page.back().account, page.back().framing, page.back().token};
  }
  REQUIRE(ids.size() == 5);
  REQUIRE(std::is_sorted(ids.begin(), ids.end()));
}

CONTRACT("a new password is stored and ends the sessions of the account") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->open_session("ann", 1);
  REQUIRE(is_done(world->ask(control::SetPassword{"ANN", dummy_verifier(9)})));
  REQUIRE(ends_sessions_of(world.verbs(), ann));
  REQUIRE(world->reader().sessions({}, 10)->empty());
  REQUIRE((*world->reader().account("ann"))->verifier == dummy_verifier(9));
}

CONTRACT("ending the sessions of an account needs one") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  REQUIRE(refusal_in(world->ask(control::EndSession{"ann"})) == Refusal::kNotFound);
  REQUIRE(world->events().empty());
  world->open_session("ann", 1);
  REQUIRE(is_done(world->ask(control::EndSession{"ann"})));
  REQUIRE(ends_sessions_of(world.verbs(), ann));
  REQUIRE(refusal_in(world->ask(control::EndSession{"ann"})) == Refusal::kNotFound);
}

CONTRACT("a disabled account does nothing, shows nothing and is followed by nobody new") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  const AccountId bob = world->add("bob");
  world->add("carol");
  world->follow("ann", "bob");
  world->follow("bob", "ann");
  world->post("bob", "hidden");
  const StoredSession session = world->session("bob", 5);
  world->open_session("bob", 4);

  REQUIRE(is_done(world->ask(control::DisableUser{"Bob"})));
  REQUIRE(ends_sessions_of(world.verbs(), bob));
  REQUIRE(count<PostsHidden>(world->events()) == 1);
  REQUIRE(std::get<PostsHidden>(world->events()[0]).author == bob);
  REQUIRE(world->reader().sessions({}, 10)->empty());
  REQUIRE(world->reader().counts()->disabled_accounts == 1);
  REQUIRE(world->feed("ann").empty());
  for (const auto& reply : world->run({AppendPost{bob, "bob", "no"}, Follow{bob, "carol"},
                                       Unfollow{bob, "ann"}, OpenSession{session, {}}})) {
    REQUIRE(refusal_in(reply) == Refusal::kDisabled);
  }
  REQUIRE(refusal_in(world->ask(Follow{world->id("carol"), "bob"})) == Refusal::kNotFound);
  REQUIRE(is_done(world->ask(control::DisableUser{"bob"})));

  world.reopen();
  REQUIRE(world->feed("ann").empty());
  REQUIRE(is_done(world->ask(control::EnableUser{"bob"})));
  REQUIRE(is_done(world->ask(control::EnableUser{"bob"})));
  REQUIRE(world->events().size() == 1);
  REQUIRE(std::get<PostsShown>(world->events()[0]).author == bob);
  REQUIRE(world->feed("ann") == Lines{"<bob>hidden"});
  world->post("bob", "back");
  REQUIRE(world->feed("ann") == Lines{"<bob>back", "<bob>hidden"});
  REQUIRE(accounts_of(*world->reader().followees(ann)) == std::vector<AccountId>{bob});
}

CONTRACT("whoever is disabled can still be unfollowed") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  world->follow("ann", "bob");
  world->ask(control::DisableUser{"bob"});
  world->unfollow("ann", "bob");
  REQUIRE(world->reader().counts()->follows == 0);
}

CONTRACT("a deleted post is gone, its neighbours stay, and it is deleted once") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->follow("ann", "ann");
  std::vector<MessageId> ids;
  for (const char* text : {"one", "two", "three", "four"}) ids.push_back(world->post("ann", text));
  for (const std::size_t i : {std::size_t{1}, std::size_t{3}}) {
    REQUIRE(is_done(world->ask(control::DeletePost{ids[i]})));
    REQUIRE(world->events().size() == 1);
    REQUIRE(std::get<PostDeleted>(world->events()[0]).post == ids[i]);
    REQUIRE(refusal_in(world->ask(control::DeletePost{ids[i]})) == Refusal::kNotFound);
    REQUIRE(world->events().empty());
  }
  REQUIRE(refusal_in(world->ask(control::DeletePost{0})) == Refusal::kNotFound);
  REQUIRE(refusal_in(world->ask(control::DeletePost{~MessageId{0}})) == Refusal::kNotFound);
  REQUIRE(world->feed("ann") == Lines{"<ann>three", "<ann>one"});
  REQUIRE(world->feed("ann", 2) == Lines{"<ann>three", "<ann>one"});
  REQUIRE(world->post("ann", "five") == ids[3] + 1);
  world.reopen();
  REQUIRE(world->feed("ann") == Lines{"<ann>five", "<ann>three", "<ann>one"});
}

CONTRACT("deleting an account takes bounded steps and leaves nothing but the retired ID") {
  StoreOptions options;
  options.delete_step = 3;
  StoreWorld<TestType> world(options);
  const AccountId ann = world->add("ann");
  const AccountId bob = world->add("Bob");
  world->follow("ann", "bob");
  world->follow("bob", "ann");
  world->post("ann", "stays");
  for (int i = 0; i < 7; ++i) world->post("bob", "goes");
  world->open_session("bob", 4);

  const auto first = world->ask(control::DeleteUser{"BOB"});
  REQUIRE(std::get<control::Progress>(first).remaining >= 1);
  REQUIRE(ends_sessions_of(world.verbs(), bob));
  REQUIRE(world->feed("ann").empty());
  REQUIRE(refusal_in(world->ask(AppendPost{bob, "bob", "no"})) == Refusal::kDisabled);
  REQUIRE((*world->reader().account("bob"))->disabled);
  world.reopen();

  world->remove("bob");
  REQUIRE(count<FollowRemoved>(world->events()) == 2);
  REQUIRE_FALSE(world->reader().account("bob")->has_value());
  REQUIRE(world->reader().followees(ann)->empty());
  REQUIRE(world->reader().counts()->accounts == 1);
  REQUIRE(world->reader().counts()->follows == 0);
  REQUIRE(refusal_in(world->ask(control::AddUser{"boB", dummy_verifier()})) == Refusal::kRetired);
  REQUIRE(refusal_in(world->ask(control::DeleteUser{"bob"})) == Refusal::kNotFound);
  REQUIRE(refusal_in(world->ask(AppendPost{bob, "bob", "no"})) == Refusal::kNotFound);
  REQUIRE(world->add("dora") > bob);
}

CONTRACT("the IDs of an account's posts are not given out again after its deletion") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  world->post("ann", "old");
  const MessageId highest = world->post("bob", "newest");
  world->remove("bob");
  REQUIRE(world->reader().counts()->last_post == highest);
  REQUIRE(*world->reader().last_post() == highest);
  world.reopen();
  REQUIRE(world->reader().counts()->last_post == highest);
  REQUIRE(world->post("ann", "new") == highest + 1);
}

CONTRACT("an account under deletion that is enabled again keeps what is left") {
  StoreOptions options;
  options.delete_step = 2;
  StoreWorld<TestType> world(options);
  world->add("ann");
  world->add("bob");
  world->follow("ann", "bob");
  for (const char* text : {"one", "two", "three"}) world->post("bob", text);
  world->ask(control::DeleteUser{"bob"});
  REQUIRE(count<PostsHidden>(world->events()) == 1);
  REQUIRE(count<PostsDeleted>(world->events()) == 1);
  for (const Event& event : world->events()) {
    if (const auto* gone = std::get_if<PostsDeleted>(&event)) REQUIRE(gone->above == 1);
  }
  REQUIRE(is_done(world->ask(control::EnableUser{"bob"})));
  REQUIRE(world->feed("ann") == Lines{"<bob>one"});
  world->post("bob", "four");
  REQUIRE(world->feed("ann") == Lines{"<bob>four", "<bob>one"});
}
