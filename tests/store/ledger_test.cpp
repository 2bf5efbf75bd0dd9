// Where it is written which numbered requests were done: what a post writes, what a start reads,
// and what is left when the program ends without notice.
#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using Outcome = Repeated::Outcome;

namespace {

StoreOptions interval(std::uint32_t posts) {
  StoreOptions options;
  options.heads_interval = posts;
  return options;
}

struct Ledger {
  explicit Ledger(const StoreOptions& options = {}) : world(options), raw(world.kind().file()) {
    ann = world->add("ann");
    for (const std::uint8_t seed : {std::uint8_t{1}, std::uint8_t{2}}) {
      devices[seed - 1] = world->open_sealed("ann", seed).device->number;
    }
  }
  AppendPost post(int device, std::uint64_t number) const {
    return {ann, "ann", "x", {devices[device], number}};
  }
  Unfollow failing(int device, std::uint64_t number) const {
    return {ann, "nobody", {devices[device], number}};
  }
  std::string rows() { return raw.text("SELECT done || ' ' || ok || ' ' || failed FROM devices"); }

  StoreWorld<OnDisk> world;
  RawDatabase raw;
  AccountId ann = 0;
  DeviceNumber devices[2] = {};
};

}  // namespace

TEST_CASE("a numbered post is one row, which names its device and number") {
  Ledger l;
  for (std::uint64_t number = 1; number <= 3; ++number) l.world->ask(l.post(0, number));
  l.world->ask(l.post(1, 9));
  l.world->post("ann", "not numbered");
  REQUIRE(l.raw.text("SELECT device || ':' || sequence FROM posts") == "1:1\n1:2\n1:3\n2:9\n0:0");
  REQUIRE(l.rows() == "0 0 0\n0 0 0");
}

TEST_CASE("a follow writes its device's row at once, with what the posts before it did") {
  Ledger l;
  l.world->ask(l.post(0, 1));
  l.world->ask(l.failing(0, 2));
  REQUIRE(l.rows() == "2 2 1\n0 0 0");
  l.world->ask(Follow{l.ann, "ann", {l.devices[0], 5}});
  REQUIRE(l.rows() == "5 17 8\n0 0 0");
}

TEST_CASE("the rows of devices are written with the newest posts, once an interval") {
  Ledger l(interval(4));
  for (std::uint64_t number = 1; number <= 3; ++number) l.world->ask(l.post(0, number));
  REQUIRE(l.rows() == "0 0 0\n0 0 0");
  l.world->ask(l.post(1, 2));
  REQUIRE(l.rows() == "3 7 0\n2 1 0");
  l.world->ask(l.post(1, 3));
  REQUIRE(l.rows() == "3 7 0\n2 1 0");
  l.world.reopen();
  REQUIRE(l.rows() == "3 7 0\n3 3 0");
  REQUIRE(repeated_in(l.world->ask(l.post(1, 1))) == Outcome::kRefused);
}

TEST_CASE("after an end without notice every number answers as before") {
  const auto requests = GENERATE(1u, 3u, 4u, 5u, 11u, 70u);
  CAPTURE(requests);
  Ledger l(interval(4));
  for (std::uint64_t number = 1; number <= requests; ++number) {
    for (int device = 0; device < 2; ++device) {
      const std::uint64_t its = device == 0 ? number : 3 * number;
      if (number % 5 == 2) {
        l.world->ask(l.failing(device, its));
      } else {
        l.world->ask(l.post(device, its));
      }
    }
  }
  TempDirectory elsewhere;
  const auto copy = crash_copy(l.world.kind().file(), elsewhere);
  REQUIRE(check(copy).empty());
  const auto reopened = SqliteStore::open(copy, interval(4));
  StoreVerbs verbs(*reopened);
  for (int device = 0; device < 2; ++device) {
    const auto seed = static_cast<std::uint8_t>(device + 1);
    const std::uint64_t done =
        find_device(verbs.reader(), "ann", dummy_device(seed))->value().device.done;
    REQUIRE(done == (device == 0 ? requests : 3 * requests));
    for (std::uint64_t number = 1; number <= done; ++number) {
      CAPTURE(device, number);
      const auto before = repeated_in(l.world->ask(l.post(device, number)));
      REQUIRE(before.has_value());
      REQUIRE(repeated_in(verbs.ask(l.post(device, number))) == before);
    }
    REQUIRE(std::holds_alternative<Posted>(verbs.ask(l.post(device, done + 1))));
  }
}

TEST_CASE("a start passes over posts of devices that are gone") {
  StoreOptions options = interval(1000);
  options.max_devices = 2;
  Ledger l(options);
  l.world->ask(l.post(0, 1));
  l.world->ask(l.post(1, 1));
  l.world->open_sealed("ann", 3);  // in the place of the first
  TempDirectory elsewhere;
  const auto copy = crash_copy(l.world.kind().file(), elsewhere);
  REQUIRE(check(copy).empty());
  const auto reopened = SqliteStore::open(copy, options);
  StoreVerbs verbs(*reopened);
  REQUIRE(refusal_in(verbs.ask(l.post(0, 2))) == control::Refusal::kNotFound);
  REQUIRE(repeated_in(verbs.ask(l.post(1, 1))) == Outcome::kOk);
}

TEST_CASE("what administrators do to devices is logged") {
  Ledger l;
  l.world->ask(control::ForgetDevice{"ANN", dummy_device(1)});
  l.world->ask(control::ForgetDevice{"ann", dummy_device(9)});
  REQUIRE(l.raw.text("SELECT command || ' ' || target FROM admin_log ORDER BY id") ==
          "add-user ann\nforget-device ann 01010101010101010101010101010101");
}
