// What every store does: one suite for the one that lasts and the one in memory.
#include <algorithm>
#include <memory>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "store/sqlite_store.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/store_verbs.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;

namespace {

struct InMemory {
  explicit InMemory(const StoreOptions& options) : memory(options) {}
  Store& get() { return memory; }
  MemoryStore memory;
};

struct OnDisk {
  explicit OnDisk(const StoreOptions& options) {
    SystemRandom random;
    create_database(directory / "hub.db", {kMinKdfMemory, kMinKdfPasses}, random);
    sqlite = SqliteStore::open(directory / "hub.db", options);
  }
  Store& get() { return *sqlite; }
  TempDirectory directory;
  std::unique_ptr<SqliteStore> sqlite;
};

template <typename Kind>
struct World : StoreVerbs {
  explicit World(const StoreOptions& options = {}) : World(std::make_unique<Kind>(options)) {}
  explicit World(std::unique_ptr<Kind> made) : StoreVerbs(made->get()), kind(std::move(made)) {}
  ~World() { drop_reader(); }

  std::unique_ptr<Kind> kind;
};

template <typename E>
std::vector<E> only(const std::vector<Event>& events) {
  std::vector<E> out;
  for (const Event& event : events) {
    if (const auto* e = std::get_if<E>(&event)) out.push_back(*e);
  }
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

#define CONTRACT(name) TEMPLATE_TEST_CASE(name, "", InMemory, OnDisk)

CONTRACT("a post reaches its author's followers, newest first, and nobody else") {
  World<TestType> world;
  world.add("ann");
  world.add("Bob");
  world.add("carol");
  world.post("Bob", "before the follow");
  world.follow("ann", "bob");
  const MessageId id = world.post("Bob", "after it");

  REQUIRE(world.feed("ann") == Lines{"<Bob>after it", "<Bob>before the follow"});
  REQUIRE(world.feed("ann", 1) == Lines{"<Bob>after it"});
  REQUIRE(world.feed("ann", 20, id) == Lines{"<Bob>before the follow"});
  REQUIRE(world.feed("ann", 0).empty());
  REQUIRE(world.feed("Bob").empty());
  REQUIRE(world.feed("carol").empty());
}
