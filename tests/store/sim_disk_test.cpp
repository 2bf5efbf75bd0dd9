// The disk in memory is worth something only if it is a bad one: SQLite without its syncs must lose
// data on it, and with them nothing, wherever the power goes.
#include "tests/support/sim_disk.hpp"

#include <optional>
#include <set>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "tests/support/raw_database.hpp"
#include "tests/support/trials.hpp"

using namespace hub;
using namespace hub::test;
using Failure = SimDisk::Failure;
using Crash = SimDisk::Crash;

namespace {

const std::string kFile = "rows.db";
constexpr int kBatches = 12;

void make(SimDisk& disk) {
  {
    RawDatabase db(kFile);
    db.run("PRAGMA journal_mode = WAL");
    db.run("CREATE TABLE rows (id INTEGER PRIMARY KEY, batch INTEGER, text TEXT)");
    db.run("CREATE INDEX by_text ON rows (text)");
  }
  disk.settle();
}

/// Three rows a transaction, with a checkpoint now and then; the batches committed by the time the
/// disk stopped.
int fill(const std::string& synchronous) {
  int committed = 0;
  try {
    RawDatabase db(kFile);
    db.run("PRAGMA synchronous = " + synchronous);
    db.run("PRAGMA wal_autocheckpoint = 10");
    for (int batch = 0; batch < kBatches; ++batch) {
      db.run("BEGIN IMMEDIATE");
      for (int i = 0; i < 3; ++i) {
        db.run("INSERT INTO rows (batch, text) VALUES (" + std::to_string(batch) +
               ", hex(randomblob(" + std::to_string(200 + 700 * i) + ")))");
      }
      db.run("COMMIT");
      ++committed;
    }
  } catch (const std::runtime_error&) {
    // The disk stopped.
  }
  return committed;
}

/// Nothing is wrong with the file, each batch is whole, and the first `committed` are there.
bool is_sound(int committed) {
  try {
    RawDatabase db(kFile);
    return db.text("PRAGMA integrity_check") == "ok" &&
           db.number(
               "SELECT count(*) FROM (SELECT 1 FROM rows GROUP BY batch HAVING count(*) <> 3)") ==
               0 &&
           db.number("SELECT count(DISTINCT batch) FROM rows WHERE batch < " +
                     std::to_string(committed)) == committed;
  } catch (const std::runtime_error&) {
    return false;
  }
}

struct Trials {
  int all = 0;
  int unsound = 0;
};

/// Ends the machine before each operation in turn.
Trials crash_everywhere(std::uint64_t seed, Crash crash, const std::string& synchronous,
                        bool ignores_syncs) {
  Trials trials;
  for (std::uint64_t k = 0;; ++k) {
    SimDisk disk(seed * 1000 + k);
    make(disk);
    disk.ignore_syncs(ignores_syncs);
    bool stopped = false;
    disk.stop_after(k, [&] { stopped = true; });
    const int committed = fill(synchronous);
    if (!stopped) return trials;
    disk.restart(crash);
    ++trials.all;
    if (!is_sound(committed)) ++trials.unsound;
  }
}

}  // namespace

TEST_CASE("simulated disk: with every sync, no cut of the power loses what was committed") {
  const auto seed = GENERATE(range(1u, trials(6u, 2u)));
  CAPTURE(seed);
  const Trials trials = crash_everywhere(seed, Crash::kPowerCut, "FULL", false);
  REQUIRE(trials.all > 100);
  REQUIRE(trials.unsound == 0);
}

TEST_CASE("simulated disk: without syncs, cuts of the power lose or break what was committed") {
  const auto seed = GENERATE(range(1u, trials(4u, 2u)));
  CAPTURE(seed);
  CHECK(crash_everywhere(seed, Crash::kPowerCut, "OFF", false).unsound > 30);
  CHECK(crash_everywhere(seed, Crash::kPowerCut, "FULL", true).unsound > 30);
  // NORMAL syncs at checkpoints only: never broken, but the newest transactions may be gone.
  CHECK(crash_everywhere(seed, Crash::kPowerCut, "NORMAL", false).unsound > 10);
}

TEST_CASE("simulated disk: a killed process loses nothing, synced or not") {
  const Trials trials = crash_everywhere(1, Crash::kKill, "OFF", false);
  REQUIRE(trials.all > 50);
  REQUIRE(trials.unsound == 0);
}

TEST_CASE("simulated disk: two connections see each other's commits and keep out of their way") {
  SimDisk disk(1);
  make(disk);
  RawDatabase writer(kFile);
  RawDatabase reader(kFile);
  reader.run("BEGIN");
  REQUIRE(reader.number("SELECT count(*) FROM rows") == 0);
  writer.run("INSERT INTO rows VALUES (1, 1, 'one')");
  REQUIRE(reader.number("SELECT count(*) FROM rows") == 0);  // its snapshot
  reader.run("COMMIT");
  REQUIRE(reader.number("SELECT count(*) FROM rows") == 1);
  writer.run("BEGIN IMMEDIATE");
  REQUIRE_THROWS(reader.run("INSERT INTO rows VALUES (2, 2, 'two')"));
  writer.run("COMMIT");
}

TEST_CASE("simulated disk: whichever operation fails, the database goes on soundly after it") {
  const auto failure =
      GENERATE(Failure::kFull, Failure::kWriteError, Failure::kShortWrite, Failure::kSyncError);
  const bool lasting = GENERATE(false, true);
  CAPTURE(static_cast<int>(failure), lasting);
  std::uint64_t k = 0;
  for (bool failed = true; failed; k += trials(1u, 4u)) {
    CAPTURE(k);
    SimDisk disk(k);
    make(disk);
    disk.fail_after(k, failure, lasting);
    const int committed = fill("FULL");
    failed = disk.failures() > 0;
    disk.repair();
    REQUIRE((failed || committed == kBatches));
    disk.restart(Crash::kKill);
    REQUIRE(is_sound(committed));
  }
  REQUIRE(k > kBatches);
}

TEST_CASE("simulated disk: who was alive at a crash gets errors and harms nobody") {
  SimDisk disk(1);
  make(disk);
  std::optional<RawDatabase> before(kFile);
  before->run("INSERT INTO rows VALUES (1, 1, 'one')");
  before->run("BEGIN IMMEDIATE");
  disk.restart(Crash::kKill);
  RawDatabase after(kFile);
  after.run("INSERT INTO rows VALUES (2, 2, 'two')");
  before->run("INSERT INTO rows VALUES (3, 3, 'three')");  // in its own memory
  CHECK_THROWS(before->run("COMMIT"));
  CHECK_THROWS(before->run("BEGIN IMMEDIATE"));
  before.reset();
  CHECK(after.number("SELECT count(*) FROM rows") == 2);
}

TEST_CASE("simulated disk: the same seed leaves the same after a cut, another one something else") {
  const auto remains = [](std::uint64_t seed) {
    SimDisk disk(seed);
    make(disk);
    disk.ignore_syncs(true);
    fill("FULL");
    disk.restart(Crash::kPowerCut);
    return *disk.contents(kFile);
  };
  std::set<SimDisk::Contents> different;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto contents = remains(seed);
    REQUIRE(contents == remains(seed));
    different.insert(contents);
  }
  REQUIRE(different.size() > 3);
}
