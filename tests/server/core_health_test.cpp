// How the store is, as the hub's log and figures say it.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/support/world.hpp"

using namespace hub;
using namespace hub::test;
using Writing = store::Health::Writing;

namespace {

std::int64_t figure(World& w, const std::string& name) {
  const auto reply = w.host.ask(control::Stats{});
  for (const auto& [each, value] : std::get<control::Figures>(reply).numbers) {
    if (each == name) return value;
  }
  FAIL("no figure " + name);
  return 0;
}

long lines(const World& w, const std::string& what) {
  return std::count_if(w.host.log().begin(), w.host.log().end(), [&](const std::string& line) {
    return line.find(what) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("a change of what is written is said once, and stands in the figures while it is so") {
  World w;
  CHECK(figure(w, "disk_tight") == 0);
  CHECK(figure(w, "store_failed") == 0);
  store::Health health;
  health.writing = Writing::kTight;
  health.said = "no room at all";
  health.reserve_bytes = 5;
  for (int i = 1; i <= 3; ++i) {
    health.refused = static_cast<std::uint64_t>(i);
    w.host.hub().on_store_health(health);
  }
  w.settle();
  CHECK(figure(w, "disk_tight") == 1);
  CHECK(figure(w, "requests_refused_disk_full") == 3);
  CHECK(figure(w, "disk_reserve_bytes") == 5);
  CHECK(lines(w, "no room at all") == 1);
  CHECK(figure(w, "store_failed") == 0);

  health.writing = Writing::kAll;
  health.said = "room again";
  w.host.hub().on_store_health(health);
  CHECK(figure(w, "disk_tight") == 0);
  CHECK(lines(w, "room again") == 1);

  health.writing = Writing::kFailed;
  health.said = "smoke";
  w.host.hub().on_store_health(health);
  CHECK(figure(w, "disk_tight") == 0);
  CHECK(figure(w, "store_failed") == 1);
  CHECK(lines(w, "smoke") == 1);
}

TEST_CASE("a log that a reader holds up is said, and when it is written back") {
  World w;
  store::Health health;
  health.log_bytes = 70 << 20;
  health.checkpoints = 3;
  health.checkpoints_blocked = 9;
  health.log_is_long = true;
  w.host.hub().on_store_health(health);
  w.host.hub().on_store_health(health);
  CHECK(figure(w, "wal_bytes") == 70 << 20);
  CHECK(figure(w, "wal_checkpoints") == 3);
  CHECK(figure(w, "wal_checkpoints_blocked") == 9);
  CHECK(lines(w, "70 MiB") == 1);
  health.log_bytes = 0;
  health.log_is_long = false;
  w.host.hub().on_store_health(health);
  CHECK(figure(w, "wal_bytes") == 0);
  CHECK(lines(w, "written back again") == 1);
}
