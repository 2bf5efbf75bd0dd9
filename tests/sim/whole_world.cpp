#include "tests/sim/whole_world.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "protocol/limits.hpp"
#include "tests/sim/whole_hub.hpp"
#include "tests/sim/whole_person.hpp"

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

/// How long it may take at the end until everybody is where they want to be.
constexpr Duration kCalmingDown = 3min;
/// What may still come then, comes within this: a client that the hub does not find asks for itself
/// with its next keep-alive.
constexpr Duration kQuiet = 40s;
constexpr Duration kForAnAnswer = 10s;
constexpr std::uint32_t kLastRetrieve = 50;

class World {
 public:
  explicit World(const Script& script)
      : script_(script),
        net_(script.seed, script.weather),
        log_(net_),
        hub_(net_, script, log_),
        random_(script.seed ^ 0x9A55) {
    for (std::size_t i = 0; i < script.cast.account_of.size(); ++i) {
      PersonTraits traits;
      traits.number = static_cast<int>(i);
      traits.account = script.cast.accounts[static_cast<std::size_t>(script.cast.account_of[i])];
      traits.hub = hub_.endpoint();
      traits.hub_key = hub_.public_key();
      traits.seed = script.seed;
      traits.queues = script.cast.queues[i];
      history_.account_of.push_back(traits.account);
      people_.push_back(std::make_unique<Person>(
          net_, log_, traits,
          [this](const std::string& account) { return passwords_of(account); }));
    }
    history_.devices = true;
    // Who was disabled when the backup was made is so again.
    hub_.on_restored = [this] {
      for (const auto& accounts : {script_.cast.accounts, script_.cast.strangers}) {
        for (const std::string& account : accounts) {
          order(control::EnableUser{account}, "enable " + account);
        }
      }
    };
    log_weather();
  }

  History play() {
    for (const Action& action : script_.actions) {
      net_.at(log_.begin() + action.at, [this, &action] { act(action); });
    }
    net_.run_for(script_.length);
    calm();
    net_.run_for(kQuiet);
    const bool all_well = net_.run_until([&] { return are_well(); }, kCalmingDown);
    if (!all_well) note_trouble();
    net_.run_for(kForAnAnswer);
    for (auto& person : people_) person->type(fmt::format("retrieve#{}", kLastRetrieve));
    net_.run_for(kForAnAnswer);
    if (all_well && !net_.run_until([&] { return are_well(); }, kForAnAnswer)) note_trouble();
    history_.sights = log_.take();
    hub_.close(history_);
    return std::move(history_);
  }

 private:
  void act(const Action& action);
  void act_as_person(const Action& action, Person& person);
  void act_as_admin(const Action& action);
  void change_weather(const Action& action);
  void set_password(const std::string& account);

  std::vector<std::string> passwords_of(const std::string& account) {
    auto found = passwords_.find(account);
    if (found == passwords_.end()) return {first_password(account)};
    return found->second;
  }

  void log_weather() { log_.add(net_.faults().loss > 0 ? What::kFoul : What::kFair); }

  void calm() {
    calm_ = true;
    net_.faults() = script_.weather;
    log_weather();
    hub_.calm();
    for (auto& person : people_) person->calm();
  }

  bool are_well() const {
    return orders_ == 0 && hub_.is_up() && hub_.pending() == 0 &&
           std::all_of(people_.begin(), people_.end(), [](const auto& p) { return p->is_well(); });
  }

  void note_trouble() {
    if (!hub_.is_up()) {
      history_.stuck.push_back({-1, "the hub is not up"});
    } else if (hub_.pending() > 0) {
      history_.stuck.push_back(
          {-1, fmt::format("the hub has {} requests under way", hub_.pending())});
    }
    for (std::size_t i = 0; i < people_.size(); ++i) {
      const std::string trouble = people_[i]->trouble();
      if (!trouble.empty()) {
        history_.stuck.push_back({static_cast<int>(i), fmt::format("client {} {}", i, trouble)});
      }
    }
    if (orders_ > 0) history_.stuck.push_back({-1, "an administrator waits for an answer"});
  }

  /// `order`, counted while it is under way.
  void order(const control::Command& command, const std::string& name,
             std::function<void()> done = {}) {
    ++orders_;
    hub_.order(command, name, [this, done = std::move(done)] {
      --orders_;
      if (done) done();
    });
  }

  const Script& script_;
  SimNet net_;
  Log log_;
  HubMachine hub_;
  SeededRandom random_;
  std::vector<std::unique_ptr<Person>> people_;
  std::map<std::string, std::vector<std::string>> passwords_;
  History history_;
  int storms_ = 0;
  int orders_ = 0;
  bool calm_ = false;
};

void World::act(const Action& action) {
  if (action.deed < Deed::kWeather) {
    act_as_person(action, *people_.at(static_cast<std::size_t>(action.client)));
    return;
  }
  switch (action.deed) {
    case Deed::kWeather:
      return change_weather(action);
    case Deed::kKillHub:
    case Deed::kCutHub:
      return hub_.crash(action);
    case Deed::kFailDisk:
      return hub_.fail_disk(action);
    default:
      act_as_admin(action);
  }
}

void World::act_as_person(const Action& action, Person& person) {
  switch (action.deed) {
    case Deed::kPost:
      for (std::uint64_t i = 0; i < action.count; ++i) person.type("post#" + text_of(action, i));
      return;
    case Deed::kSubscribe:
      return person.type("subscribe#" + action.text);
    case Deed::kUnsubscribe:
      return person.type("unsubscribe#" + action.text);
    case Deed::kRetrieve:
      return person.type(fmt::format("retrieve#{}", action.count));
    case Deed::kLogout:
      return person.log_out(action.lasts);
    case Deed::kRebind:
      return person.rebind();
    case Deed::kMove:
      return person.move();
    case Deed::kCut:
      return person.cut(action.lasts);
    case Deed::kFillClient:
      return person.fill_disk(action.lasts);
    default:
      person.crash(action);
  }
}

void World::act_as_admin(const Action& action) {
  switch (action.deed) {
    case Deed::kDisable:
      order(control::DisableUser{action.text}, "disable " + action.text, [this, action] {
        ++orders_;
        net_.after(calm_ ? 1s : action.lasts, [this, action] {
          --orders_;
          order(control::EnableUser{action.text}, "enable " + action.text);
        });
      });
      return;
    case Deed::kSetPassword:
      return set_password(action.text);
    case Deed::kEndSessions:
      return order(control::EndSession{action.text}, "end-session " + action.text);
    case Deed::kForgetDevice:
      return hub_.forget_device(action.text, action.count);
    case Deed::kDeleteUser:
      return order(control::DeleteUser{action.text}, "delete-user " + action.text);
    case Deed::kDeletePost:
      return hub_.delete_post(action.count);
    case Deed::kBackUp:
      return hub_.back_up();
    case Deed::kRestore:
      return hub_.restore();
    case Deed::kImport: {
      std::vector<std::string> texts;
      for (std::uint64_t i = 0; i < action.count; ++i)
        texts.push_back(fmt::format("i{}.{}", action.number, i));
      return hub_.import(action.text, texts);
    }
    default:
      return;
  }
}

void World::change_weather(const Action& action) {
  log_.add(What::kFoul);
  net_.faults() = action.faults;
  net_.after(action.lasts, [this, storm = ++storms_] {
    if (storm != storms_) return;
    net_.faults() = script_.weather;
    log_weather();
  });
}

/// Until the hub has said so either may be right, and after a restore any.
void World::set_password(const std::string& account) {
  const std::string next = fmt::format("{}_{}", account, random_.u64() % 1'000'000);
  const auto verifier = make_verifier(next, {kMinKdfMemory, kMinKdfPasses}, random_);
  auto all = passwords_of(account);
  all.insert(all.begin(), next);
  passwords_[account] = std::move(all);
  order(control::SetPassword{account, verifier.value()}, "set-password " + account);
}

}  // namespace

void prepare_worlds() { HubMachine::prepare(); }

History run_world(const Script& script) {
  World world(script);
  return world.play();
}

}  // namespace hub::test
