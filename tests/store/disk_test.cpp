// A disk that fails or loses power, at every operation that changes a file. A full one:
// full_disk_test.cpp.
#include <random>

#include <catch2/catch.hpp>

#include "tests/store/stores.hpp"
#include "tests/store/workload.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;

namespace {

using Failure = FaultyDisk::Failure;

/// One run with the failure after `k` operations; false where it came after the end.
bool run_with_failure(const Workload& work, const std::filesystem::path& fresh, Failure failure,
                      bool lasting, std::uint64_t k) {
  CAPTURE(static_cast<int>(failure), lasting, k);
  FaultyDisk disk;
  TempDirectory directory;
  const auto file = directory / "hub.db";
  std::filesystem::copy_file(fresh, file);
  Workload::Answers answers;
  {
    const auto store = SqliteStore::open(file, busy_options());
    const auto reader = store->open_reader();
    disk.fail_after(k, failure, lasting);
    work.run(*store, answers);
    REQUIRE(work.facts(*reader) == Workload::done(answers));  // reads go on, and see no more
    if (failure != Failure::kFull && disk.failures() > 0) {
      REQUIRE(store->health().writing == Health::Writing::kFailed);
      REQUIRE(StoreVerbs(*store).reader().counts().has_value());
    }
  }
  const bool failed = disk.failures() > 0;
  disk.repair();
  if (!failed) REQUIRE(Workload::done(answers).size() == answers.size());
  work.require_sound(file, answers);
  return failed;
}

}  // namespace

TEST_CASE("whichever operation fails, only what is on disk is acknowledged") {
  const auto failure =
      GENERATE(Failure::kFull, Failure::kWriteError, Failure::kShortWrite, Failure::kSyncError);
  const bool lasting = GENERATE(false, true);
  const Workload work;
  TempDirectory directory;
  work.set_up(directory / "fresh.db");
  std::uint64_t k = 0;
  while (run_with_failure(work, directory / "fresh.db", failure, lasting, k)) k += trials(1u, 4u);
  REQUIRE(k >= 100);  // it was not over before it began
}

TEST_CASE("a disk that fails while a long log is written back loses nothing either") {
  const auto seed = GENERATE(range(1u, 9u));
  std::mt19937_64 random(seed);
  const auto failure = seed % 2 == 0 ? Failure::kFull : Failure::kSyncError;
  const Workload work({.batches = 6, .text_size = 900, .posts = 300});
  TempDirectory directory;
  work.set_up(directory / "fresh.db");
  run_with_failure(work, directory / "fresh.db", failure, seed % 4 < 2,
                   random() % (failure == Failure::kFull ? 1500 : 15));
}

TEST_CASE("whenever the power goes, what was acknowledged is there afterwards") {
  const auto seed = GENERATE(1u, 2u, 3u, 4u);
  CAPTURE(seed);
  StoreOptions options = busy_options();
  if (seed % 2 == 0) options.checkpoints.bound = 1;  // each checkpoint cuts the log
  options.checkpoints.preallocate = seed > 2;
  std::mt19937_64 random(seed);
  const Workload work({.batches = 6});
  TempDirectory remains;
  std::vector<std::pair<std::filesystem::path, Workload::Answers>> cuts;
  std::uint64_t checkpoints = 0;
  {
    FaultyDisk disk;
    TempDirectory directory;
    work.set_up(directory / "hub.db");
    Workload::Answers answers;
    disk.watch([&] {
      const auto place = remains.path() / std::to_string(cuts.size());
      std::filesystem::create_directory(place);
      disk.cut_power(place, random);
      cuts.emplace_back(place / "hub.db", answers);
    });
    const auto store = SqliteStore::open(directory / "hub.db", options);
    work.run(*store, answers);
    disk.watch({});
    checkpoints = store->health().checkpoints;
  }
  REQUIRE(checkpoints >= 3);
  REQUIRE(cuts.size() > 100);
  for (const auto& [cut, then] : cuts) {
    CAPTURE(cut.string());
    FaultyDisk sound;  // it need not sync
    work.require_sound(cut, then);
  }
}

TEST_CASE("a database that another program has locked is busy, not broken") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  RawDatabase raw(world.kind().file());
  raw.run("BEGIN IMMEDIATE");
  REQUIRE(refusal_in(world->ask(world->append("ann", "later"))) == Refusal::kBusy);
  REQUIRE(world->feed("ann").empty());
  raw.run("COMMIT");
  REQUIRE(world->post("ann", "later") == 1);
}

TEST_CASE("a row that cannot be written fails alone") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  RawDatabase(world.kind().file())
      .run(
          "CREATE TRIGGER no_eve BEFORE INSERT ON admin_log WHEN NEW.target = 'eve'"
          " BEGIN SELECT raise(ABORT, 'not eve'); END");
  const auto replies =
      world->run({world->append("ann", "one"), control::AddUser{"eve", dummy_verifier()},
                  control::AddUser{"bob", dummy_verifier()}, world->append("ann", "two")});
  REQUIRE(refusal_in(replies[1]) == Refusal::kInvalid);
  REQUIRE(is_done(replies[2]));
  REQUIRE(world->feed("ann") == std::vector<std::string>{"<ann>two", "<ann>one"});
  REQUIRE_FALSE(world->reader().account("eve")->has_value());
  REQUIRE(world->id("bob") > 0);
}
