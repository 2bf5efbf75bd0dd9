// What happens to a simulated world: who is in it, how good its network is, and a list of actions,
// each at a time of its own. Made from the seed before the run, so that a run is the same every
// time and actions can be taken out of it one by one when it fails.
//
// An action that breaks something carries how long it stays broken: taking it out mends it too.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/support/hub_host.hpp"
#include "tests/support/sim_disk.hpp"
#include "tests/support/sim_net.hpp"

namespace hub::test {

enum class Deed : std::uint8_t {
  // What a person types.
  kPost,  // `count` lines, one after the other
  kSubscribe,
  kUnsubscribe,
  kRetrieve,
  kLogout,  // for `lasts`
  // What becomes of a client.
  kRebind,      // its NAT gives it another address
  kMove,        // it goes to another address, and knows
  kCut,         // nothing gets through to it or from it for `lasts`
  kLeave,       // the program ends properly, and runs again after `lasts`
  kKillClient,  // after `count` more of its outputs; it runs again after `lasts`
  kCutClient,   // the same, but the power of its machine goes
  kRewind,      // the same, and its files are those of an earlier moment
  kFillClient,  // its disk is full for `lasts`
  // What becomes of all.
  kWeather,  // `faults` for `lasts`
  // What becomes of the hub.
  kKillHub,   // after `count` more of what `where` says; it runs again after `lasts`
  kCutHub,    // the same, but the power goes
  kFailDisk,  // `failure` after `count` more operations, for `lasts`
  // What an administrator does.
  kDisable,  // for `lasts`
  kSetPassword,
  kEndSessions,
  kForgetDevice,  // the `count`th of them, or so
  kDeleteUser,    // one of the strangers
  kDeletePost,    // one of the newest `count`
  kBackUp,
  kRestore,  // the last backup
  kImport,   // `count` posts at once, by another writer
  kCount
};
const char* name_of(Deed deed);

/// Where in the course of its work a hub is hit.
enum class Where : std::uint8_t { kNow, kDisk, kNetwork };

struct Action {
  int number = 0;  // its place in the script as it was made
  Duration at{};   // since the beginning
  Deed deed = Deed::kPost;
  int client = 0;
  std::string text;  // of a post; or a client ID
  std::uint64_t count = 0;
  Duration lasts{};
  Where where = Where::kNow;
  LinkFaults faults;
  SimDisk::Failure failure = SimDisk::Failure::kFull;
  bool lasting = false;
};

struct Cast {
  std::vector<std::string> accounts;
  std::vector<std::string> strangers;  // accounts without a client: followed, imported, deleted
  std::vector<int> account_of;         // of each client
  std::vector<bool> queues;            // likewise: it is used at a terminal
};

struct Script {
  std::uint64_t seed = 0;
  Duration length{};
  Cast cast;
  LinkFaults weather;  // where no action says otherwise
  HostDelays delays;
  server::HubConfig config;
  std::uint32_t heads_interval = 0;
  std::uint32_t max_devices = 0;
  std::uint32_t delete_step = 0;
  std::vector<Action> actions;  // in the order of time
};

Script make_script(std::uint64_t seed, Duration length);

/// "12.345 s  client 2 (bob): post#t17, 3 lines", for people.
std::string describe(const Action& action, const Script& script);
std::string describe(const LinkFaults& faults);
/// The `index`th line that a post action types.
std::string text_of(const Action& action, std::uint64_t index);

}  // namespace hub::test
