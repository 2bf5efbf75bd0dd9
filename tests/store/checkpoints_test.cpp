// The write-ahead log is written back between batches, and stays small whoever reads.
#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "store/write_back.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/simulated_reserve.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

StoreOptions with(std::uint32_t pages, std::uint64_t bound, bool on_thread = false) {
  StoreOptions options;
  options.checkpoints = {pages, bound, on_thread};
  return options;
}

constexpr std::uint64_t kUsualLog = 32 + 125 * (24 + 4096);  // of the next

StoreOptions preallocated() {
  StoreOptions options = with(100, 10'000'000);
  options.checkpoints.preallocate = true;
  return options;
}

/// ann, who posts `count` texts of 900 bytes in one batch.
struct Poster {
  explicit Poster(const StoreOptions& options) : world(options) {
    ann = world->add("ann");
    world->follow("ann", "ann");
  }
  void post(int count) {
    std::vector<decltype(Request::body)> posts;
    for (int i = 0; i < count; ++i) {
      posts.push_back(AppendPost{ann, "ann", std::string(900, 'x'), {}});
    }
    for (const auto& reply : world->run(posts)) REQUIRE(std::holds_alternative<Posted>(reply));
  }
  void maintain() { world->store().maintain(world->now()); }
  Health health() { return world->store().health(); }
  /// Until the thread has done its part and what was left is done, too.
  void maintain_until_written_back() {
    const auto before = health().checkpoints;
    while (health().checkpoints == before && health().writing == Health::Writing::kAll) {
      maintain();
      std::this_thread::yield();
    }
  }

  StoreWorld<OnDisk> world;
  AccountId ann = 0;
};

}  // namespace

TEST_CASE("the log is written back between batches, not inside one") {
  Poster w(with(100, 10'000'000));
  w.post(300);
  w.post(300);
  CHECK(w.health().checkpoints == 0);
  const auto before = w.world.kind().disk().operations();
  w.maintain();
  CHECK(w.world.kind().disk().operations() > before + 100);
  CHECK(w.health().checkpoints == 1);
  CHECK(w.health().checkpoints_blocked == 0);
  CHECK_FALSE(w.health().is_restless);
  // Once is enough: the next commit begins the log anew.
  const auto long_log = w.health().log_bytes;
  w.maintain();
  CHECK(w.health().checkpoints == 1);
  w.post(10);
  w.maintain();
  CHECK(w.health().checkpoints == 1);
  CHECK(w.health().log_bytes == long_log);
}

TEST_CASE("a log that nobody writes back is written back by a later batch") {
  Poster w(with(100, 10'000'000));
  for (int i = 0; i < 50; ++i) w.post(100);  // 25 pages each
  CHECK(w.health().checkpoints >= 2);
  w.maintain();
  CHECK(w.health().log_bytes < 600 * 4120);
}

TEST_CASE("a reader that does not end makes the log grow, which is told, and ends with it") {
  Poster w(with(50, 1'000'000));
  w.post(300);
  w.maintain();
  RawDatabase reader(w.world.kind().file());
  reader.run("BEGIN");
  REQUIRE(reader.number("SELECT count(*) FROM posts") == 300);
  for (int i = 0; i < 20; ++i) {
    w.post(100);
    w.maintain();
  }
  REQUIRE(reader.number("SELECT count(*) FROM posts") == 300);
  CHECK(w.health().log_bytes > 2'000'000);
  CHECK(w.health().log_is_long);
  CHECK(w.health().is_restless);
  CHECK(w.health().checkpoints_blocked > 3);
  CHECK(w.health().writing == Health::Writing::kAll);

  // Many batches a second do not make many tries a second.
  const auto blocked = w.health().checkpoints_blocked;
  for (int i = 0; i < 1000; ++i) w.maintain();
  CHECK(w.health().checkpoints_blocked <= blocked + 1);

  reader.run("COMMIT");
  w.world->store().maintain(w.world->now() + std::chrono::seconds(1));  // nobody posts
  CHECK(w.health().log_bytes == 0);
  CHECK_FALSE(w.health().log_is_long);
  CHECK_FALSE(w.health().is_restless);
  w.post(100);
  CHECK(w.world->feed("ann", 10'000).size() == 2400);
}

TEST_CASE("under readers that never stop, one after the other, the log is cut all the same") {
  constexpr std::uint64_t kBound = 1'000'000;
  Poster w(with(50, kBound));
  w.post(1000);
  RawDatabase readers[2] = {RawDatabase(w.world.kind().file()), RawDatabase(w.world.kind().file())};
  int turn = 0;
  const auto begin = [&](int which) {
    readers[which].run("BEGIN");
    readers[which].number("SELECT max(id) FROM posts");
  };
  // At every moment one of the two is reading: each ends only when the other has begun.
  const auto take_turns = [&] {
    begin(1 - turn);
    readers[turn].run("COMMIT");
    turn = 1 - turn;
  };
  int second = 0;
  const auto post_and_maintain = [&] {
    w.post(50);  // 13 pages
    w.world->store().maintain(w.world->now() + std::chrono::seconds(++second));
  };
  begin(turn);
  // Whoever reads began before the newest post.
  while (second < 500 && w.health().log_bytes < 2 * kBound) {
    post_and_maintain();
    take_turns();
  }
  REQUIRE(w.health().log_bytes >= 2 * kBound);
  // How soon the file is cut depends on the machine; that it is does not.
  std::atomic<bool> posting{true};
  std::thread relay([&] {
    while (posting) take_turns();
  });
  bool is_cut = false;
  for (int i = 0; i < 5000 && !is_cut; ++i) {
    post_and_maintain();
    is_cut = w.health().log_bytes < kBound / 2;
  }
  posting = false;
  relay.join();
  CHECK(is_cut);
}

TEST_CASE("a log that a crash left long is cut without a batch") {
  Poster w(with(1'000'000, 100'000));
  w.post(500);
  TempDirectory elsewhere;
  const auto copy = crash_copy(w.world.kind().file(), elsewhere);
  const auto store = SqliteStore::open(copy, with(1000, 100'000));
  REQUIRE(store->health().is_restless);
  store->maintain({});
  CHECK(store->health().log_bytes == 0);
  CHECK_FALSE(store->health().is_restless);
}

TEST_CASE("a log that has its size from the start does not grow, nor is it cut") {
  Poster w(preallocated());
  CHECK(w.health().log_bytes == kUsualLog);
  for (int i = 0; i < 20; ++i) {
    w.post(100);  // 25 pages
    w.maintain();
    CHECK(w.health().log_bytes == kUsualLog);
  }
  CHECK(w.health().checkpoints >= 4);
}

TEST_CASE("what a crash left in the log stays there when it is given its size") {
  Poster w(with(1'000'000, 1'000'000'000));
  w.post(100);
  TempDirectory elsewhere;
  const auto copy = crash_copy(w.world.kind().file(), elsewhere);
  const auto store = SqliteStore::open(copy, preallocated());
  CHECK(store->health().log_bytes == kUsualLog);
  TempDirectory again;
  const auto second = crash_copy(copy, again);
  CHECK(RawDatabase(second).number("SELECT count(*) FROM posts") == 100);
  CHECK(check(second).empty());
}

TEST_CASE("what a crash left in the log by halves is not made whole when it is given its size") {
  TempDirectory directory;
  TempDirectory elsewhere;
  make_database(directory / "hub.db");
  RawDatabase writer(directory / "hub.db");
  writer.run("CREATE TABLE halved (what)");
  writer.run("INSERT INTO halved VALUES (zeroblob(2000))");  // one page, zeros to its end
  const auto copy = crash_copy(directory / "hub.db", elsewhere);
  const std::filesystem::path log = copy.string() + "-wal";
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 1500);
  const auto store = SqliteStore::open(copy, preallocated());
  REQUIRE(store->health().log_bytes == kUsualLog);
  TempDirectory again;
  const auto second = crash_copy(copy, again);
  CHECK(RawDatabase(second).number("SELECT count(*) FROM halved") == 0);
}

TEST_CASE("where the log cannot be given its size it is left as it was") {
  FaultyDisk disk;
  TempDirectory directory;
  make_database(directory / "hub.db");
  const auto failure = GENERATE(as<FaultyDisk::Failure>(), FaultyDisk::Failure::kFull,
                                FaultyDisk::Failure::kWriteError, FaultyDisk::Failure::kShortWrite);
  if (failure == FaultyDisk::Failure::kFull) {
    disk.leave_free(300'000);
  } else {
    disk.fail_after(2, failure, false);
  }
  const auto before = disk.operations();
  const auto store = SqliteStore::open(directory / "hub.db", preallocated());
  CHECK(disk.operations() > before + 3);
  CHECK(store->health().log_bytes == 0);
  CHECK(store->health().writing == Health::Writing::kAll);
}

TEST_CASE("a log gets its size only where there is plenty of room") {
  FaultyDisk disk;
  TempDirectory directory;
  make_database(directory / "hub.db");
  StoreOptions options = preallocated();
  std::uint64_t reserve = 0;
  SECTION("the disk is full by its reserve, whose room is for what people do") {
    reserve = 1'000'000;
    disk.leave_free(reserve);
  }
  SECTION("not as much is free as the log's size, and as much again") {
    options = with(2'000'000'000, std::uint64_t{1} << 60);  // no disk has that
    options.checkpoints.preallocate = true;
    disk.leave_free(10'000'000);
  }
  const auto before = disk.operations();
  const auto store = SqliteStore::open(directory / "hub.db", options,
                                       std::make_unique<SimulatedReserve>(disk, reserve));
  CHECK(disk.operations() == before);
  CHECK(store->health().log_bytes == 0);
}

TEST_CASE("a thread writes the log back while batches are committed") {
  Poster w(with(100, 10'000'000, true));
  w.post(300);
  w.post(300);
  w.maintain();
  CHECK(w.health().checkpoints == 0);  // the thread has begun
  CHECK(w.health().is_restless);
  w.post(10);
  w.maintain_until_written_back();
  CHECK(w.health().checkpoints_blocked == 0);
  CHECK_FALSE(w.health().is_restless);
  const auto long_log = w.health().log_bytes;
  w.post(10);  // begins the log anew
  w.maintain();
  CHECK(w.health().log_bytes == long_log);
  w.world.reopen();
  CHECK(w.world->feed("ann", 10'000).size() == 620);
}

TEST_CASE("what the thread that writes the log back leaves is what was committed meanwhile") {
  Poster w(with(1'000'000, 1'000'000'000));
  w.post(300);
  RawDatabase db(w.world.kind().file());
  REQUIRE(db.number("SELECT count(*) FROM posts") == 300);
  const auto operations = [&] { return w.world.kind().disk().operations(); };
  {
    WriteBackThread thread(w.world.kind().file());
    const auto before = operations();
    thread.start();
    CHECK(thread.wait().result == WriteBack::Result::kWhole);
    CHECK_FALSE(thread.is_running());
    CHECK(operations() > before + 50);
  }
  const auto before = operations();
  db.number("PRAGMA wal_checkpoint(PASSIVE)");
  CHECK(operations() <= before + 2);
}

TEST_CASE("the thread that writes the log back syncs it, though something is committed meanwhile") {
  Poster w(with(1'000'000, 1'000'000'000));
  w.post(300);
  WriteBackThread thread(w.world.kind().file());
  FaultyDisk& disk = w.world.kind().disk();
  int operations = 0;
  disk.watch([&] {
    if (++operations != 2) return;  // the log is synced, the first page about to be written
    w.post(1);
    disk.fail_after(0, FaultyDisk::Failure::kSyncError, false);
  });
  thread.start();
  CHECK(thread.wait().result == WriteBack::Result::kFailed);
  disk.watch({});
  CHECK(disk.failures() == 1);
}

TEST_CASE("a log that grows faster than the thread writes it back is waited for") {
  Poster w(with(100, 10'000'000, true));
  for (int i = 0; i < 200; ++i) w.post(100);  // 25 pages each
  CHECK(w.health().log_bytes < 600 * 4120);
}

TEST_CASE("a disk that fails under the thread that writes the log back stops the writing") {
  Poster w(with(100, 10'000'000, true));
  w.post(600);
  w.world.kind().disk().fail_after(20, FaultyDisk::Failure::kWriteError, false);
  w.maintain_until_written_back();
  CHECK(w.health().writing == Health::Writing::kFailed);
  CHECK(w.health().checkpoints == 0);
  CHECK_FALSE(w.health().said.empty());
}
