// Random requests against three oracles: the store in memory, the database after a restart, and the
// plain SQL query that retrieve replaces.
#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;

namespace {

using Body = decltype(Request::body);

/// Makes requests over few accounts and few posts, so that every state is met often.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  AccountId account() { return static_cast<AccountId>(below(10)); }
  std::string name() {
    static const char* const kNames[] = {"ann", "Ann", "bob",  "carol", "dora",
                                         "eve", "EVE", "fred", "gina",  "no body"};
    return kNames[below(std::size(kNames))];
  }

  Body body() {
    const std::size_t roll = below(100);
    if (roll < 45) return AppendPost{account(), "name", "text " + std::to_string(random_())};
    if (roll < 60) return Follow{account(), name()};
    if (roll < 65) return Unfollow{account(), name()};
    if (roll < 72) return OpenSession{session(), {}};
    if (roll < 75) return CloseSession{account(), static_cast<Token>(below(3))};
    if (roll < 85) return control::AddUser{name(), dummy_verifier(small())};
    if (roll < 87) return control::SetPassword{name(), dummy_verifier(small())};
    if (roll < 89) return control::DisableUser{name()};
    if (roll < 93) return control::EnableUser{name()};
    if (roll < 94) return control::DeleteUser{name()};
    if (roll < 98) return control::DeletePost{below(300)};
    return control::EndSession{name()};
  }

  std::vector<Request> batch() {
    std::vector<Request> out(1 + below(20));
    for (Request& request : out) request = {below(1000), body()};
    return out;
  }

 private:
  std::uint8_t small() { return static_cast<std::uint8_t>(below(200)); }
  StoredSession session() {
    StoredSession s;
    s.account = account();
    s.token = static_cast<Token>(below(3));
    s.remote.port = static_cast<std::uint16_t>(below(65536));
    return s;
  }

  std::mt19937_64 random_;
};

/// What retrieve means, as SQL would say it; the planner is pinned to reading posts backwards.
std::string oracle(RawDatabase& db, AccountId follower, std::uint32_t n, MessageId before) {
  const auto text = [](auto number) { return std::to_string(number); };
  return db.text(
      "SELECT p.id || ' ' || p.text FROM posts p CROSS JOIN follows f"
      " ON f.follower = " +
      text(follower) +
      " AND f.followee = p.author"
      " CROSS JOIN accounts a ON a.id = p.author AND NOT a.disabled"
      " WHERE p.text IS NOT NULL AND (" +
      text(before) + " = 0 OR p.id < " + text(before) + ") ORDER BY p.id DESC LIMIT " + text(n));
}

std::string lines(const std::vector<Post>& posts) {
  std::string out;
  for (const Post& post : posts) {
    out += (out.empty() ? "" : "\n") + std::to_string(post.id) + ' ' + post.text;
  }
  return out;
}

StoreOptions small_options() {
  StoreOptions options;
  options.max_follows = 4;
  options.heads_interval = 25;
  options.delete_step = 5;
  return options;
}

}  // namespace

TEST_CASE("both stores say and hold the same, whatever is asked, across restarts") {
  const auto seed = GENERATE(range(1u, 26u));
  CAPTURE(seed);
  Dice dice(seed);
  MemoryStore memory(small_options());
  const auto memory_reader = memory.open_reader();
  StoreWorld<OnDisk> disk(small_options());
  WallTime now{std::chrono::seconds(1'700'000'000)};
  for (int round = 0; round < 40; ++round) {
    now += std::chrono::milliseconds(1);
    const auto batch = dice.batch();
    REQUIRE(difference(describe(disk->store().apply(batch, now)),
                       describe(memory.apply(batch, now))) == "");
    if (dice.below(8) == 0) disk.reopen();
    REQUIRE(difference(describe(disk->reader()), describe(*memory_reader)) == "");
  }
  REQUIRE(check(disk.kind().file()).empty());
}

TEST_CASE("retrieve gives what the plain query gives, for every n and every start") {
  const auto seed = GENERATE(range(101u, 111u));
  CAPTURE(seed);
  Dice dice(seed);
  StoreWorld<OnDisk> world(small_options());
  RawDatabase raw(world.kind().file());
  for (int round = 0; round < 30; ++round) {
    world->store().apply(dice.batch(), {});
    for (int i = 0; i < 5; ++i) {
      const AccountId follower = dice.account();
      const auto n = static_cast<std::uint32_t>(dice.below(12));
      const MessageId before = dice.below(200);
      CAPTURE(round, follower, n, before);
      REQUIRE(lines(*world->reader().retrieve(follower, n, before)) ==
              oracle(raw, follower, n, before));
    }
  }
}

TEST_CASE("an administrator's reader sees the same feed without the writer") {
  const auto seed = GENERATE(range(201u, 206u));
  CAPTURE(seed);
  Dice dice(seed);
  StoreWorld<OnDisk> world(small_options());
  AdminReader admin(world.kind().file());
  for (int round = 0; round < 20; ++round) {
    world->store().apply(dice.batch(), {});
    REQUIRE(difference(describe(admin.reader()), describe(world->reader())) == "");
  }
  const auto state = describe(world->reader());
  world.reopen([&] { REQUIRE(difference(describe(admin.reader()), state) == ""); });
}
