// Several resumes looked up with one read: one that fails does not fail the others.
#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "protocol/random.hpp"
#include "server/net/read_server.hpp"
#include "store/sqlite_store.hpp"
#include "tests/support/raw_database.hpp"
#include "tests/support/store_verbs.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::server;
using namespace hub::test;

TEST_CASE("a device whose row is damaged fails its own resume, and no other") {
  const TempDirectory directory;
  const auto file = directory / "hub.db";
  SystemRandom random;
  store::create_database(file, {kMinKdfMemory, kMinKdfPasses}, random);
  const auto database = store::SqliteStore::open(file);
  StoreVerbs verbs(*database);
  const std::vector<std::string> names = {"ann", "bob", "cat"};
  for (const std::string& name : names) {
    verbs.add(name);
    verbs.open_sealed(name, 1);
  }
  ReadServer server(database->open_reader(), {});
  const std::vector<DeviceJob> jobs = {{1, {"ann", dummy_device(1)}},
                                       {2, {"bob", dummy_device(1)}},
                                       {3, {"cat", dummy_device(1)}},
                                       {4, {"dan", dummy_device(1)}}};
  const auto expect = [&](bool is_bob_damaged) {
    const auto results = server.find_devices(jobs);
    REQUIRE(results.size() == jobs.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      CAPTURE(i);
      const auto& found = std::get<DeviceFound>(results[i]);
      CHECK(found.tag == jobs[i].tag);
      const bool is_damaged = is_bob_damaged && i == 1;
      CHECK(found.failed == is_damaged);
      REQUIRE(found.device.has_value() == (i < names.size() && !is_damaged));
      if (found.device) CHECK(found.device->name == names[i]);
    }
  };
  expect(false);
  RawDatabase(file).run("UPDATE devices SET resume_key = x'00' WHERE account = " +
                        std::to_string(verbs.id("bob")));
  expect(true);
}
