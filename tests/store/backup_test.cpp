// Copies of a database in use.
#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "store/maintenance.hpp"
#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

std::size_t files_in(const TempDirectory& directory) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(directory.path()), {}));
}

}  // namespace

TEST_CASE("a backup is the whole database, one private file") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  const MessageId last = world->post("ann", "hello");
  TempDirectory elsewhere;
  const auto copy = elsewhere / "copy.db";
  const BackupReport report = backup(world.kind().file(), copy);
  REQUIRE(report.last_post == last);
  REQUIRE(report.bytes == std::filesystem::file_size(copy));
  REQUIRE(files_in(elsewhere) == 1);
  struct stat status {};
  REQUIRE(::stat(copy.c_str(), &status) == 0);
  REQUIRE((status.st_mode & 07777) == 0600);

  const auto state = describe(world->reader());
  world->post("ann", "after the backup");
  REQUIRE(check(copy).empty());
  const auto restored = SqliteStore::open(copy);
  StoreVerbs verbs(*restored);
  REQUIRE(difference(describe(verbs.reader()), state) == "");
  REQUIRE(verbs.post("ann", "goes on") == last + 1);
}

TEST_CASE("a backup that is put in place begins another history, without sessions, each time") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->open_session("ann", 1);
  const auto device = *world->open_sealed("ann", 2).device;
  const std::uint64_t history = world->reader().info()->history_id;
  TempDirectory elsewhere;
  backup(world.kind().file(), elsewhere / "copy.db");
  REQUIRE(world->reader().counts()->sessions == 2);

  std::set<std::uint64_t> histories{history};
  for (int i = 0; i < 3; ++i) {
    const auto place = elsewhere / std::to_string(i);
    std::filesystem::copy_file(elsewhere / "copy.db", place);
    {
      AdminReader only_reads(place);  // which changes nothing
      REQUIRE(only_reads.reader().info()->history_id == history);
    }
    std::uint64_t begun = 0;
    for (int start = 0; start < 2; ++start) {
      const auto restored = SqliteStore::open(place);
      StoreVerbs verbs(*restored);
      if (start == 0) begun = verbs.reader().info()->history_id;
      REQUIRE(verbs.reader().info()->history_id == begun);
      REQUIRE(verbs.reader().counts()->sessions == static_cast<std::uint64_t>(start));
      const auto known = *find_device(verbs.reader(), "ann", dummy_device(2));
      REQUIRE(known->device.resume_key == device.resume_key);  // and with it comes back
      verbs.open_sealed("ann", 2);
    }
    REQUIRE(histories.insert(begun).second);
    REQUIRE(check(place).empty());
  }
  world.reopen();
  REQUIRE(world->reader().info()->history_id == history);
  REQUIRE(world->reader().counts()->sessions == 2);
}

TEST_CASE("a backup of a backup begins another history as well") {
  TempDirectory directory;
  make_database(directory / "hub.db");
  backup(directory / "hub.db", directory / "copy.db");
  const auto history = SqliteStore::open(directory / "copy.db")->open_reader()->info()->history_id;
  backup(directory / "copy.db", directory / "again.db");
  const auto again = SqliteStore::open(directory / "again.db")->open_reader()->info()->history_id;
  REQUIRE(history != again);
}

TEST_CASE("a backup during writes holds every post up to one, and none after it") {
  StoreWorld<OnDisk> world;
  const AccountId ann = world->add("ann");
  world->follow("ann", "ann");
  std::atomic<bool> writing{true};
  std::atomic<MessageId> newest{0};
  std::thread writer([&] {
    while (writing) {
      const Request post{1, AppendPost{ann, "ann", std::string(500, 'x')}};
      const auto out = apply(world->store(), {post});
      newest = std::get<Posted>(std::get<Reply>(out[0]).body).id;
    }
  });
  TempDirectory elsewhere;
  for (int i = 0; i < 10; ++i) {
    const MessageId before = newest;
    const auto copy = elsewhere / std::to_string(i);
    const BackupReport report = backup(world.kind().file(), copy);
    REQUIRE(report.last_post >= before);
    RawDatabase raw(copy);
    REQUIRE(raw.number("SELECT count(*) FROM posts") ==
            static_cast<std::int64_t>(report.last_post));
    REQUIRE(raw.number("SELECT ifnull(max(id), 0) FROM posts") ==
            static_cast<std::int64_t>(report.last_post));
  }
  writing = false;
  writer.join();
  for (int i = 0; i < 10; ++i) REQUIRE(check(elsewhere / std::to_string(i)).empty());
}

TEST_CASE("a backup never replaces a file and says where it cannot be written") {
  StoreWorld<OnDisk> world;
  TempDirectory elsewhere;
  const auto copy = elsewhere / "copy.db";
  const auto message = [&](const std::filesystem::path& to) -> std::string {
    try {
      backup(world.kind().file(), to);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "it was written";
  };
  std::ofstream(copy) << "precious";
  REQUIRE(message(copy).find("already") != std::string::npos);
  REQUIRE(std::filesystem::file_size(copy) == 8);
  REQUIRE(message(elsewhere / "no/such/copy.db").find("No such file") != std::string::npos);
  REQUIRE(message(elsewhere.path()).find("already") != std::string::npos);
  REQUIRE(files_in(elsewhere) == 1);
}

TEST_CASE("a backup that finds no room leaves nothing behind and the database alone") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  TempDirectory elsewhere;
  const auto failure = GENERATE(FaultyDisk::Failure::kFull, FaultyDisk::Failure::kWriteError);
  for (const std::uint64_t k : {0u, 1u, 5u}) {
    world.kind().disk().fail_after(k, failure, true);
    try {
      backup(world.kind().file(), elsewhere / "copy.db");
      FAIL("it was written");
    } catch (const std::runtime_error& error) {
      const std::string line = error.what();
      CAPTURE(line);
      REQUIRE((line.find("no room") != std::string::npos) ==
              (failure == FaultyDisk::Failure::kFull));
    }
    world.kind().disk().repair();
    REQUIRE(files_in(elsewhere) == 0);
  }
  backup(world.kind().file(), elsewhere / "copy.db");
  REQUIRE(check(elsewhere / "copy.db").empty());
}
