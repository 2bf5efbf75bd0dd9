// Checking logins off the reactor.
#include <condition_variable>
#include <mutex>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "server/net/login_pool.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/store_verbs.hpp"

using namespace hub;
using namespace hub::server;
using hub::test::MemoryStore;
using hub::test::StoreVerbs;
using Outcome = LoginVerdict::Outcome;

namespace {

constexpr KdfParams kCheap{kMinKdfMemory, kMinKdfPasses};

store::HubInfo hub_info(const KdfParams& kdf) {
  store::HubInfo info;
  info.kdf = kdf;
  return info;
}

/// "ann" with the password "secret".
struct Accounts {
  explicit Accounts(const KdfParams& hub_kdf = kCheap) : memory({}, hub_info(hub_kdf)) {
    SystemRandom random;
    StoreVerbs verbs(memory);
    verbs.ask(control::AddUser{"Ann", *make_verifier("secret", kCheap, random)});
    ann = verbs.id("ann");
  }

  LoginVerdict check(const std::string& id, const std::string& password) {
    std::optional<store::HubInfo> hub;
    return check_login(*memory.open_reader(), hub, {7, id, password});
  }
  void disable() { StoreVerbs(memory).ask(control::DisableUser{"ann"}); }

  MemoryStore memory;
  AccountId ann = 0;
};

}  // namespace

TEST_CASE("a right password names the account in its own spelling") {
  Accounts accounts;
  const auto verdict = accounts.check("aNN", "secret");
  CHECK(verdict.tag == 7);
  CHECK(verdict.outcome == Outcome::kRight);
  CHECK(verdict.account == accounts.ann);
  CHECK(verdict.name == "Ann");
  CHECK(accounts.check("ann", "Secret").outcome == Outcome::kWrong);
  CHECK(accounts.check("bob", "secret").outcome == Outcome::kWrong);
}

TEST_CASE("a disabled account is a wrong password") {
  Accounts accounts;
  accounts.disable();
  const auto verdict = accounts.check("ann", "secret");
  CHECK(verdict.outcome == Outcome::kWrong);
  CHECK(verdict.account == 0);
}

TEST_CASE("unknown and disabled accounts cost the stretching of a password") {
  // Parameters that cannot be stretched with show that it was tried: the hub's own for an unknown
  // ID, the account's for a disabled one.
  Accounts accounts(KdfParams{});
  CHECK(accounts.check("ann", "secret").outcome == Outcome::kRight);
  CHECK(accounts.check("bob", "secret").outcome == Outcome::kFailed);
  StoreVerbs(accounts.memory).ask(control::AddUser{"cid", Verifier{}});
  StoreVerbs(accounts.memory).ask(control::DisableUser{"cid"});
  CHECK(accounts.check("cid", "secret").outcome == Outcome::kFailed);
}

TEST_CASE("a read that fails is neither right nor wrong") {
  Accounts accounts;
  accounts.memory.fail_reads(true);
  CHECK(accounts.check("ann", "secret").outcome == Outcome::kFailed);
}

TEST_CASE("wiping leaves nothing of a password, short or long, even after a move") {
  for (const std::string& text : {std::string("short"), std::string(100, 'x')}) {
    std::string secret = text;
    const char* at = secret.data();
    const std::size_t size = secret.capacity();
    wipe(secret);
    CHECK(secret.empty());
    CHECK(std::string(at, size).find_first_not_of('\0') == std::string::npos);
  }
  std::string moved_from = "short";
  const std::string target = std::move(moved_from);  // NOLINT(bugprone-use-after-move)
  wipe(moved_from);
  CHECK(std::string(moved_from.data(), 5) == std::string(5, '\0'));
}

TEST_CASE("every check of a pool is answered once, whichever thread makes it") {
  Accounts accounts;
  Arrivals arrivals(1000);
  std::mutex mutex;
  std::condition_variable changed;
  int wakes = 0;
  arrivals.on_first([&] {
    const std::lock_guard lock(mutex);
    ++wakes;
    changed.notify_all();
  });
  // MemoryStore serves one thread, so this pool has one; two threads are what hubd is tested with.
  LoginPool pool(
      1, 64, [&] { return accounts.memory.open_reader(); }, arrivals);
  std::vector<LoginCheck> checks;
  for (store::Tag tag = 0; tag < 40; ++tag) {
    checks.push_back({tag, tag % 2 == 0 ? "ann" : "bob", "secret"});
  }
  REQUIRE(pool.push(checks) == 40);
  std::vector<LoginVerdict> verdicts;
  while (verdicts.size() < 40) {
    {
      std::unique_lock lock(mutex);
      REQUIRE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return wakes > 0; }));
      wakes = 0;
    }
    std::vector<Arrival> taken;
    arrivals.take_all(taken);
    for (Arrival& arrival : taken) verdicts.push_back(std::get<LoginVerdict>(arrival));
  }
  for (std::size_t i = 0; i < 40; ++i) {
    CHECK(verdicts[i].tag == i);
    CHECK(verdicts[i].outcome == (i % 2 == 0 ? Outcome::kRight : Outcome::kWrong));
  }
  arrivals.on_first({});
}
