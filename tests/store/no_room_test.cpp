// What is made as a whole finds no room, at whatever point: nothing is half-made, and the sentence
// says why.
#include <fstream>
#include <set>

#include <catch2/catch.hpp>

#include "store/hub_keys.hpp"
#include "store/maintenance.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/size_limit.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using Catch::Matchers::Contains;

namespace {

std::set<std::string> names_in(const std::filesystem::path& directory) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    out.insert(entry.path().filename());
  }
  return out;
}

/// What `make` throws as the disk has ever more room, until it succeeds; each time `undone` looks.
template <typename Make, typename Undone>
void with_ever_more_room(FaultyDisk& disk, Make&& make, Undone&& undone) {
  int failed = 0;
  for (std::uint64_t left = 0;; left += 4096) {
    CAPTURE(left);
    disk.leave_free(left);
    std::string why;
    try {
      make();
    } catch (const std::runtime_error& error) {
      why = error.what();
    }
    disk.make_room();
    if (why.empty()) break;
    ++failed;
    CHECK_THAT(why, Contains("full") || Contains("room"));
    undone();
  }
  CHECK(failed >= 5);
}

}  // namespace

TEST_CASE("a database that finds no room is not made at all") {
  FaultyDisk disk;
  TempDirectory directory;
  with_ever_more_room(
      disk, [&] { make_database(directory / "hub.db"); },
      [&] { CHECK(names_in(directory.path()).empty()); });
  CHECK(check(directory / "hub.db").empty());
}

TEST_CASE("a database that finds no room to be upgraded stays as it was, without a copy") {
  TempDirectory directory;
  const auto file = directory / "hub.db";
  {
    SystemRandom random;
    create_database(file, kCheapKdf, random, embedded_migrations().first(1));
    RawDatabase raw(file);
    raw.run(
        "INSERT INTO accounts (key, name, salt, kdf_memory, kdf_passes, stored_key, server_key,"
        " created) VALUES ('ann', 'ann', zeroblob(16), 8192, 1, zeroblob(32), zeroblob(32), 5)");
    for (int i = 1; i <= 50; ++i) {
      const std::string id = std::to_string(i);
      raw.run("INSERT INTO posts VALUES (" + id + ", 1, " + std::to_string(i - 1) + ", " + id +
              ", '" + std::string(900, 'x') + "')");
    }
  }
  FaultyDisk disk;
  int version = 1;
  with_ever_more_room(
      disk, [&] { migrate(file); },
      [&] {
        const int now = static_cast<int>(RawDatabase(file).number("PRAGMA user_version"));
        CHECK(now >= version);
        CHECK(RawDatabase(file).number("SELECT count(*) FROM posts") == 50);
        std::set<std::string> left = names_in(directory.path());
        std::erase_if(left,
                      [](const std::string& name) { return name.find(".db-") < name.size(); });
        // A copy is there exactly where a step was done that it undoes.
        CHECK(left.size() == (now > version ? 2u : 1u));
        if (now > version)
          std::filesystem::remove(file.string() + ".v" + std::to_string(version) + ".bak");
        version = now;
      });
  CHECK(check(file).empty());
}

TEST_CASE("a backup that finds no room is not there") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  for (int i = 0; i < 50; ++i) world->post("ann", std::string(900, 'x'));
  TempDirectory elsewhere;
  with_ever_more_room(
      world.kind().disk(), [&] { backup(world.kind().file(), elsewhere / "copy.db"); },
      [&] { CHECK(names_in(elsewhere.path()).empty()); });
  CHECK(check(elsewhere / "copy.db").empty());
}

TEST_CASE("a key that finds no room is not replaced, and a start goes on") {
  TempDirectory temp;
  const DataDirectory directory(temp.path());
  SystemRandom random;
  const auto no_room = [&](auto&& call) {
    const SizeLimit limit(10);
    try {
      call();
      FAIL("it found room");
    } catch (const KeyFileError& error) {
      CHECK(error.why() == KeyFileError::Why::kNoRoom);
      CHECK_THAT(error.what(), Contains("cannot write"));
    }
  };
  no_room([&] { create_hub_keys(directory, random); });
  no_room([&] { next_reset_key(directory, random); });
  CHECK(names_in(temp.path()).empty());
  const HubKeys keys = create_hub_keys(directory, random);
  const ResetKey reset = next_reset_key(directory, random);
  no_room([&] { begin_rotation(directory, random); });
  no_room([&] { next_reset_key(directory, random); });
  CHECK(load_hub_keys(directory).current.public_key == keys.current.public_key);
  CHECK_FALSE(load_hub_keys(directory).next);
  begin_rotation(directory, random);
  no_room([&] { finish_rotation(directory); });
  CHECK(load_hub_keys(directory).next);
  CHECK(next_reset_key(directory, random).generation == reset.generation + 1);
  CHECK(names_in(temp.path()) == std::set<std::string>{"hub.key", "reset.key"});
}

TEST_CASE("the directory's lock is held on a full disk, too") {
  TempDirectory temp;
  const DataDirectory directory(temp.path());
  { const auto before = DirectoryLock::take(directory, "hubd"); }
  const SizeLimit limit(0);
  const auto held = DirectoryLock::take(directory, "hubadmin");
  REQUIRE(held);
  CHECK_FALSE(DirectoryLock::take(directory, "hubd"));
  CHECK(DirectoryLock::holder(directory) == "another program");
}
