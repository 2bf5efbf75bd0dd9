// What every store does about devices and their sessions: one suite for the one that lasts and the
// one in memory.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;
using Proof = DeviceLogin::Proof;

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

namespace {

Device device_of(StoreVerbs& verbs, const std::string& name, std::uint8_t seed) {
  const auto devices = *verbs.reader().devices(verbs.id(name));
  for (const Device& device : devices) {
    if (device.id == dummy_device(seed)) return device;
  }
  FAIL(name << " has no device " << int{seed});
  return {};
}

std::vector<int> seeds_of(StoreVerbs& verbs, const std::string& name) {
  std::vector<int> out;
  const auto devices = *verbs.reader().devices(verbs.id(name));
  for (const Device& device : devices) out.push_back(device.id[0]);
  return out;
}

std::vector<DeviceEnded> devices_ended(const StoreVerbs& verbs) {
  std::vector<DeviceEnded> out;
  for (const Event& event : verbs.events()) {
    if (const auto* ended = std::get_if<DeviceEnded>(&event)) out.push_back(*ended);
  }
  return out;
}

bool can_resume(StoreVerbs& verbs, const std::string& name, std::uint8_t seed) {
  const auto reply = verbs.ask(verbs.sealed_login(name, seed, Proof::kResumeKey));
  if (std::holds_alternative<SessionOpened>(reply)) return true;
  REQUIRE(refusal_in(reply) == Refusal::kNotFound);
  return false;
}

StoreOptions two_devices() {
  StoreOptions options;
  options.max_devices = 2;
  return options;
}

}  // namespace

CONTRACT("a login by password makes a device that starts at the newest post") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("Ann");
  const MessageId newest = world->post("Ann", "before");
  REQUIRE_FALSE(find_device(world->reader(), "ann", dummy_device(1))->has_value());
  const SessionOpened opened = world->open_sealed("Ann", 1);
  REQUIRE(opened.device.has_value());
  REQUIRE(opened.session.device == opened.device->number);
  REQUIRE(opened.device->number > 0);
  REQUIRE(opened.device->account == ann);
  REQUIRE(opened.device->mark == newest);
  REQUIRE(opened.device->done == 0);
  REQUIRE(opened.device->created == world->now());

  world.reopen();
  const auto known = *find_device(world->reader(), "aNN", dummy_device(1));
  REQUIRE(known.has_value());
  REQUIRE(known->account == ann);
  REQUIRE(known->name == "Ann");
  REQUIRE(known->device.number == opened.device->number);
  REQUIRE(known->device.resume_key == dummy_resume_key(1));
  REQUIRE(known->device.mark == newest);
  const auto sessions = *world->reader().sessions({}, 10);
  REQUIRE(sessions.size() == 1);
  REQUIRE(sessions[0].device == opened.device->number);
  REQUIRE(sessions[0].framing == Framing::kSealed);

  for (const char* nobody : {"nobody", "", "a&b"}) {
    REQUIRE_FALSE(find_device(world->reader(), nobody, dummy_device(1))->has_value());
  }
  REQUIRE_FALSE(find_device(world->reader(), "ann", dummy_device(2))->has_value());
  REQUIRE(world->reader().devices(ann + 1)->empty());
}

CONTRACT("many devices are found at once, in the order of their names") {
  StoreWorld<TestType> world;
  for (const char* name : {"ann", "bob"}) world->add(name);
  const auto ann = world->open_sealed("ann", 1);
  const auto bob = world->open_sealed("bob", 1);
  const std::vector<DeviceName> names = {{"BOB", dummy_device(1)},
                                         {"nobody", dummy_device(1)},
                                         {"ann", dummy_device(1)},
                                         {"ann", dummy_device(2)},
                                         {"bob", dummy_device(1)}};
  const auto found = *world->reader().find_devices(names);
  REQUIRE(found.size() == 5);
  REQUIRE((found[0] && found[2] && found[4]));
  REQUIRE(found[0]->name == "bob");
  REQUIRE(found[0]->device.number == bob.device->number);
  REQUIRE_FALSE(found[1]);
  REQUIRE(found[2]->name == "ann");
  REQUIRE(found[2]->device.number == ann.device->number);
  REQUIRE_FALSE(found[3]);
  REQUIRE(found[4]->device.number == bob.device->number);
  REQUIRE(world->reader().find_devices({})->empty());
}

CONTRACT("two accounts may have a device of the same ID; they are two") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->add("bob");
  const auto ann = world->open_sealed("ann", 1);
  const auto bob = world->open_sealed("bob", 1);
  REQUIRE(ann.device->number != bob.device->number);
  world->ask(control::ForgetDevice{"ann", dummy_device(1)});
  REQUIRE(can_resume(world.verbs(), "bob", 1));
}

CONTRACT("a device comes back by its resume key, and by no other") {
  StoreWorld<TestType> world;
  world->add("ann");
  const auto first = world->open_sealed("ann", 1);
  world->post("ann", "meanwhile");
  REQUIRE(can_resume(world.verbs(), "ann", 1));
  const Device back = device_of(world.verbs(), "ann", 1);
  REQUIRE(back.number == first.device->number);
  REQUIRE(back.mark == first.device->mark);
  REQUIRE(back.created == first.device->created);
  REQUIRE(back.last_seen == world->now());

  auto wrong = world->sealed_login("ann", 1, Proof::kResumeKey);
  wrong.device->resume_key[31] ^= 1;
  const auto state = describe(world->reader());
  REQUIRE(refusal_in(world->ask(wrong)) == Refusal::kNotFound);
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 2));
  REQUIRE(difference(describe(world->reader()), state) == "");
}

CONTRACT("a login by password gives a known device its new key, and it goes on where it was") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  const MessageId first = world->post("ann", "x");
  const auto before = world->open_sealed("ann", 1);
  world->post("ann", "y");
  world->ask(AppendPost{ann, "ann", "z", {before.device->number, 5}});
  auto again = world->sealed_login("ann", 1, Proof::kPassword);
  again.device->resume_key = dummy_resume_key(77);
  const auto opened = std::get<SessionOpened>(world->ask(again));
  REQUIRE(opened.device->number == before.device->number);
  REQUIRE(opened.device->mark == first);
  REQUIRE(opened.device->done == 5);
  REQUIRE(opened.device->resume_key == dummy_resume_key(77));
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 1));
  REQUIRE(device_of(world.verbs(), "ann", 1).resume_key == dummy_resume_key(77));
}

CONTRACT("a login by a password that was replaced meanwhile leaves no device") {
  StoreWorld<TestType> world;
  world->add("ann");
  auto login = world->sealed_login("ann", 1, Proof::kPassword);
  login.device->verified_by = dummy_verifier().stored_key;
  const auto replies = world->run({control::SetPassword{"ann", dummy_verifier(9)}, login});
  REQUIRE(refusal_in(replies[1]) == Refusal::kInvalid);
  REQUIRE(world->reader().devices(world->id("ann"))->empty());
  login.device->verified_by = dummy_verifier(9).stored_key;
  REQUIRE(std::holds_alternative<SessionOpened>(world->ask(login)));
}

CONTRACT("a session names a device exactly where it is sealed") {
  StoreWorld<TestType> world;
  world->add("ann");
  auto sealed = world->sealed_login("ann", 1, Proof::kPassword);
  sealed.device.reset();
  REQUIRE(refusal_in(world->ask(sealed)) == Refusal::kInvalid);
  auto classic = world->sealed_login("ann", 1, Proof::kPassword);
  classic.session.framing = Framing::kClassic;
  REQUIRE(refusal_in(world->ask(classic)) == Refusal::kInvalid);
  REQUIRE(world->reader().counts()->sessions == 0);
  REQUIRE(world->reader().devices(world->id("ann"))->empty());
}

CONTRACT("a device has one session, whose place its next one takes") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->open_session("ann", 1);
  world->open_sealed("ann", 1);
  world->open_sealed("ann", 2);
  auto login = world->sealed_login("ann", 1, Proof::kResumeKey);
  login.session.token = 50;
  world->ask(login);
  std::vector<std::uint64_t> tokens;
  const auto sessions = *world->reader().sessions({}, 10);
  for (const auto& session : sessions) tokens.push_back(session.token);
  REQUIRE(tokens == std::vector<std::uint64_t>{1, 2, 50});
  // That it was replaced is said nowhere: closing it changes nothing.
  world->ask(CloseSession{ann, 1, Framing::kSealed, 0, true});
  REQUIRE(world->reader().counts()->sessions == 3);
  REQUIRE(can_resume(world.verbs(), "ann", 1));
}

CONTRACT("a device too many takes the place of the one seen least recently") {
  StoreWorld<TestType> world(two_devices());
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->open_sealed("bob", 9);
  const auto first = world->open_sealed("ann", 1);
  const auto second = world->open_sealed("ann", 2);
  REQUIRE(devices_ended(world.verbs()).empty());
  REQUIRE(can_resume(world.verbs(), "ann", 1));
  const auto third = world->open_sealed("ann", 3);
  const auto ended = devices_ended(world.verbs());
  REQUIRE(ended.size() == 1);
  REQUIRE(ended[0].account == ann);
  REQUIRE(ended[0].device == second.device->number);
  REQUIRE(ended[0].replaced);
  REQUIRE(seeds_of(world.verbs(), "ann") == std::vector<int>{1, 3});
  REQUIRE(world->reader().counts()->sessions == 3);
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 2));
  REQUIRE(seeds_of(world.verbs(), "bob") == std::vector<int>{9});

  // It comes back as another one, and what its number said is forgotten.
  REQUIRE(refusal_in(world->ask(AppendPost{ann, "ann", "x", {second.device->number, 1}})) ==
          Refusal::kNotFound);
  const auto again = world->open_sealed("ann", 2);
  REQUIRE(again.device->number > third.device->number);
  REQUIRE(devices_ended(world.verbs())[0].device == first.device->number);
  REQUIRE(seeds_of(world.verbs(), "ann") == std::vector<int>{3, 2});
}

CONTRACT("a device that is online is not the one that makes room while another is not") {
  StoreWorld<TestType> world(two_devices());
  const AccountId ann = world->add("ann");
  const auto first = world->open_sealed("ann", 1);
  const auto second = world->open_sealed("ann", 2);
  world->ask(CloseSession{ann, 2, Framing::kSealed, 0, false});  // seen last, and gone
  world->open_sealed("ann", 3);
  REQUIRE(devices_ended(world.verbs()).at(0).device == second.device->number);
  REQUIRE(seeds_of(world.verbs(), "ann") == std::vector<int>{1, 3});
  world->open_session("ann", 5);  // a classic one says nothing of any device
  world->ask(SaveProgress{ann, 1, 0, {}, {}});
  world->open_sealed("ann", 4);  // all are online: the least recently seen
  REQUIRE(seeds_of(world.verbs(), "ann") == std::vector<int>{1, 4});
  REQUIRE(devices_ended(world.verbs()).at(0).device > first.device->number);
}

CONTRACT("more devices than are allowed by now go together") {
  StoreOptions none;
  none.max_devices = 0;
  StoreWorld<TestType> world(none);
  world->add("ann");
  world->open_sealed("ann", 1);
  REQUIRE(devices_ended(world.verbs()).empty());
  world->open_sealed("ann", 2);
  REQUIRE(seeds_of(world.verbs(), "ann") == std::vector<int>{2});
}

CONTRACT("a logout erases the resume key, an end of another kind does not") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  for (int i = 0; i < 9; ++i) world->post("ann", "x");
  for (const std::uint8_t seed : {std::uint8_t{1}, std::uint8_t{2}})
    world->open_sealed("ann", seed);
  for (int i = 0; i < 9; ++i) world->post("ann", "x");
  REQUIRE(is_done(world->ask(CloseSession{ann, 1, Framing::kSealed, 12, false})));
  REQUIRE(is_done(world->ask(CloseSession{ann, 2, Framing::kSealed, 13, true})));
  REQUIRE(world->events().empty());
  REQUIRE(world->reader().counts()->sessions == 0);
  REQUIRE(device_of(world.verbs(), "ann", 1).mark == 12);
  REQUIRE(device_of(world.verbs(), "ann", 2).mark == 13);
  REQUIRE(device_of(world.verbs(), "ann", 2).last_seen == world->now());
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 2));
  REQUIRE(can_resume(world.verbs(), "ann", 1));
  // With its password the device goes on where it was.
  REQUIRE(world->open_sealed("ann", 2).device->mark == 13);
}

CONTRACT("a session's progress is saved while it is the device's") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->open_session("ann", 5);
  world->open_sealed("ann", 1);
  for (int i = 0; i < 9; ++i) world->post("ann", "x");
  SaveProgress progress{ann, 1, 4, world->session("ann", 0).local, world->session("ann", 0).remote};
  REQUIRE(is_done(world->ask(progress)));
  REQUIRE(device_of(world.verbs(), "ann", 1).mark == 4);
  REQUIRE(device_of(world.verbs(), "ann", 1).last_seen == world->now());
  const auto stored = world->reader().sessions({}, 10)->at(1);
  REQUIRE(stored.remote == progress.remote);
  REQUIRE(stored.local == progress.local);
  REQUIRE(stored.token == 1);

  progress.mark = 3;  // never back
  world->ask(progress);
  REQUIRE(device_of(world.verbs(), "ann", 1).mark == 4);
  for (const std::uint64_t beyond : {std::uint64_t{10}, ~std::uint64_t{0}}) {
    progress.mark = beyond;  // never beyond what there is
    world->ask(progress);
    REQUIRE(device_of(world.verbs(), "ann", 1).mark == 9);
  }
  const auto state = describe(world->reader());
  progress.token = 2;
  REQUIRE(is_done(world->ask(progress)));
  progress = {ann + 1, 1, 9, {}, {}};
  REQUIRE(is_done(world->ask(progress)));
  progress = {ann, 5, 9, {}, {}};  // the classic one's name
  REQUIRE(is_done(world->ask(progress)));
  REQUIRE(difference(describe(world->reader()), state) == "");
}

CONTRACT("a forgotten device loses its key and its session, and keeps the rest") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  const auto opened = world->open_sealed("ann", 1);
  world->open_sealed("ann", 2);
  world->ask(AppendPost{ann, "ann", "x", {opened.device->number, 7}});
  REQUIRE(is_done(world->ask(control::ForgetDevice{"ANN", dummy_device(1)})));
  const auto ended = devices_ended(world.verbs());
  REQUIRE(ended.size() == 1);
  REQUIRE(ended[0].account == ann);
  REQUIRE(ended[0].device == opened.device->number);
  REQUIRE_FALSE(ended[0].replaced);
  REQUIRE(world->reader().sessions({}, 10)->size() == 1);
  REQUIRE(world->reader().sessions({}, 10)->at(0).token == 2);
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 1));
  REQUIRE(can_resume(world.verbs(), "ann", 2));
  REQUIRE(is_done(world->ask(control::ForgetDevice{"ann", dummy_device(1)})));
  REQUIRE(devices_ended(world.verbs()).size() == 1);  // a resume may be on its way
  const auto back = world->open_sealed("ann", 1);
  REQUIRE(back.device->number == opened.device->number);
  REQUIRE(back.device->done == 7);

  REQUIRE(refusal_in(world->ask(control::ForgetDevice{"ann", dummy_device(3)})) ==
          Refusal::kNotFound);
  REQUIRE(refusal_in(world->ask(control::ForgetDevice{"nobody", dummy_device(1)})) ==
          Refusal::kNotFound);
  REQUIRE(world->events().empty());
}

CONTRACT("a new password and a disabled account leave no device its key") {
  StoreWorld<TestType> world;
  const AccountId ann = world->add("ann");
  world->add("bob");
  world->open_sealed("ann", 1);
  world->open_sealed("ann", 2);
  world->open_sealed("bob", 1);
  SECTION("a new password") { world->ask(control::SetPassword{"ann", dummy_verifier(9)}); }
  SECTION("disabled") {
    world->ask(control::DisableUser{"ann"});
    REQUIRE_FALSE(find_device(world->reader(), "ann", dummy_device(1))->has_value());
    REQUIRE(world->reader().devices(ann)->size() == 2);
    const auto login = world->sealed_login("ann", 1, Proof::kPassword);
    REQUIRE(refusal_in(world->ask(login)) == Refusal::kDisabled);
    world->ask(control::EnableUser{"ann"});
  }
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 1));
  REQUIRE_FALSE(can_resume(world.verbs(), "ann", 2));
  REQUIRE(can_resume(world.verbs(), "bob", 1));
  REQUIRE(world->reader().devices(ann)->size() == 2);
  REQUIRE(device_of(world.verbs(), "ann", 1).resume_key == std::nullopt);
}

CONTRACT("an ended session of an account takes no device its key") {
  StoreWorld<TestType> world;
  world->add("ann");
  world->open_sealed("ann", 1);
  REQUIRE(is_done(world->ask(control::EndSession{"ann"})));
  REQUIRE(world->reader().counts()->sessions == 0);
  REQUIRE(can_resume(world.verbs(), "ann", 1));
}

CONTRACT("the devices of a deleted account are gone from the first step on") {
  StoreOptions options;
  options.delete_step = 2;
  StoreWorld<TestType> world(options);
  const AccountId ann = world->add("ann");
  const auto opened = world->open_sealed("ann", 1);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    world->ask(AppendPost{ann, "ann", "x", {opened.device->number, i}});
  }
  REQUIRE(std::holds_alternative<control::Progress>(world->ask(control::DeleteUser{"ann"})));
  REQUIRE(world->reader().devices(ann)->empty());
  REQUIRE(is_done(world->ask(control::EnableUser{"ann"})));
  REQUIRE(refusal_in(world->ask(AppendPost{ann, "ann", "x", {opened.device->number, 6}})) ==
          Refusal::kNotFound);
  world.reopen();
  const auto again = world->open_sealed("ann", 1);
  REQUIRE(again.device->number != opened.device->number);
  REQUIRE(again.device->done == 0);
  world->remove("ann");
  REQUIRE(world->reader().devices(ann)->empty());
}
