// Random requests against three oracles: the store in memory, the database after a restart, and the
// plain SQL query that retrieve replaces.
#include <algorithm>
#include <map>
#include <random>
#include <utility>

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
    const auto [asker, once] = numbered();
    if (roll < 40) return AppendPost{asker, "name", "text " + std::to_string(random_()), once};
    if (roll < 50) return Follow{asker, name(), once};
    if (roll < 55) return Unfollow{asker, name(), once};
    if (roll < 59) return OpenSession{session(), {}};
    if (roll < 67) return sealed_login();
    if (roll < 69) return CloseSession{account(), below(3), Framing::kClassic, below(300), true};
    if (roll < 72)
      return CloseSession{account(), sealed_token(), Framing::kSealed, below(300), below(2) == 0};
    if (roll < 75) return SaveProgress{account(), sealed_token(), below(300), session().remote, {}};
    if (roll < 76) return control::ForgetDevice{name(), dummy_device(device())};
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

  /// Whose a device is is seen from what a store answers.
  void learn(const std::vector<Output>& outputs) {
    for (const Output& output : outputs) {
      const auto* reply = std::get_if<Reply>(&output);
      const auto* opened = reply != nullptr ? std::get_if<SessionOpened>(&reply->body) : nullptr;
      if (opened == nullptr || !opened->device) continue;
      devices_.emplace_back(opened->session.account, opened->device->number);
    }
  }

 private:
  std::uint8_t device() { return static_cast<std::uint8_t>(1 + below(5)); }
  std::uint64_t sealed_token() { return 10 * device() + below(2); }

  /// Sometimes no number, mostly the next one of a device and its account, or one of the last.
  std::pair<AccountId, Numbered> numbered() {
    if (devices_.empty() || below(4) == 0) return {account(), {}};
    const std::size_t recent = std::min<std::size_t>(devices_.size(), 6);
    const auto& [owner, device] = devices_[devices_.size() - 1 - below(recent)];
    std::uint64_t& next = next_number_[device];
    std::uint64_t number = next;
    if (below(3) == 0) {
      number -= std::min<std::uint64_t>(next, below(below(4) == 0 ? 100 : 5));
    } else {
      next += below(20) == 0 ? below(80) : 1;
    }
    return {below(10) == 0 ? account() : owner, Numbered{device, number}};
  }

  OpenSession sealed_login() {
    const std::uint8_t seed = device();
    OpenSession login{session(), {}};
    login.session.account = static_cast<AccountId>(1 + below(3));
    login.session.framing = Framing::kSealed;
    login.session.token = 10 * std::uint64_t{seed} + below(2);
    const bool wrong = below(5) == 0;
    login.device =
        DeviceLogin{dummy_device(seed),
                    dummy_resume_key(wrong ? 50 : seed),
                    below(2) == 0 ? DeviceLogin::Proof::kPassword : DeviceLogin::Proof::kResumeKey,
                    {}};
    return login;
  }

  std::uint8_t small() { return static_cast<std::uint8_t>(below(200)); }
  StoredSession session() {
    StoredSession s;
    s.account = account();
    s.token = static_cast<Token>(below(3));
    s.remote.port = static_cast<std::uint16_t>(below(65536));
    return s;
  }

  std::mt19937_64 random_;
  std::vector<std::pair<AccountId, DeviceNumber>> devices_;
  std::map<DeviceNumber, std::uint64_t> next_number_;
};

std::string describe(const Backlog& backlog) {
  return std::to_string(backlog.left_out) + (backlog.more ? "+" : "") + " from " +
         std::to_string(backlog.from);
}

/// What a store says of one account's backlog, for one choice of bounds.
void require_same_backlog(Reader& one, Reader& two, Dice& dice) {
  const AccountId account = dice.account();
  const MessageId after = dice.below(200);
  const auto keep = static_cast<std::uint32_t>(dice.below(8));
  const auto most = static_cast<std::uint32_t>(dice.below(8));
  CAPTURE(account, after, keep, most);
  REQUIRE(describe(*one.backlog(account, after, keep, most)) ==
          describe(*two.backlog(account, after, keep, most)));
}

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
  options.max_devices = 3;
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
    const auto said = apply(memory, batch, now);
    REQUIRE(difference(describe(apply(disk->store(), batch, now)), describe(said)) == "");
    dice.learn(said);
    if (dice.below(8) == 0) disk.reopen();
    REQUIRE(difference(describe(disk->reader()), describe(*memory_reader)) == "");
    for (int i = 0; i < 5; ++i) require_same_backlog(disk->reader(), *memory_reader, dice);
    if (dice.below(8) == 0) {
      TempDirectory elsewhere;
      const auto killed = SqliteStore::open(crash_copy(disk.kind().file(), elsewhere));
      REQUIRE(difference(describe(*killed->open_reader()), describe(*memory_reader)) == "");
    }
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
    apply(world->store(), dice.batch());
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
    dice.learn(apply(world->store(), dice.batch()));
    REQUIRE(difference(describe(admin.reader()), describe(world->reader())) == "");
  }
  const auto state = describe(world->reader());
  world.reopen([&] { REQUIRE(difference(describe(admin.reader()), state) == ""); });
}
