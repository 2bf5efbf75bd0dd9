// A disk that is full: what is refused, what goes on in the room kept for it, and how it ends.
#include <catch2/catch.hpp>

#include "tests/store/stores.hpp"
#include "tests/store/workload.hpp"
#include "tests/support/simulated_reserve.hpp"
#include "tests/support/size_limit.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;
using Writing = Health::Writing;

namespace {

constexpr std::uint64_t kReserve = 256 * 1024;
const WallTime kStart{std::chrono::seconds(1'700'000'000)};

/// A store with a reserve, on a disk with endless room at first.
struct FullDisk {
  explicit FullDisk(StoreOptions options = busy_options(), std::uint64_t reserve = kReserve)
      : options_(std::move(options)), reserve_(reserve) {
    Workload({.batches = 4}).set_up(file());
    open();
    verbs().add("bob");
  }
  std::filesystem::path file() const { return directory / "hub.db"; }
  void open(bool reserve_is_held = false) {
    close();
    auto kept = std::make_unique<SimulatedReserve>(disk, reserve_, reserve_is_held);
    store = SqliteStore::open(file(), options_, std::move(kept));
    verbs_ = std::make_unique<StoreVerbs>(*store);
  }
  void close() {
    verbs_.reset();
    store.reset();
  }
  StoreVerbs& verbs() { return *verbs_; }

  /// Posts a second after the one before, until one is refused; how many were taken.
  int fill() {
    for (int taken = 0; taken < 1000; ++taken) {
      if (refused(post())) return taken;
    }
    FAIL("the disk does not fill up");
    return 0;
  }
  StoreVerbs::ReplyBody post() { return verbs().ask(verbs().append("ann", std::string(900, 'p'))); }
  static bool refused(const StoreVerbs::ReplyBody& reply) {
    return refusal_in(reply) == Refusal::kDiskFull;
  }
  Writing writing() const { return store->health().writing; }

  FaultyDisk disk;
  TempDirectory directory;
  std::unique_ptr<SqliteStore> store;

 private:
  const StoreOptions options_;
  const std::uint64_t reserve_;
  std::unique_ptr<StoreVerbs> verbs_;
};

}  // namespace

TEST_CASE("however much room is left, what must go on goes on, and no post is lost") {
  const Workload work({.text_size = 900, .posts = 3});
  TempDirectory fresh;
  work.set_up(fresh / "fresh.db");
  StoreOptions options = busy_options();
  options.checkpoints.preallocate = GENERATE(false, true);
  bool was_tight = true;
  for (std::uint64_t left = 0; was_tight; left += 1500) {
    CAPTURE(left);
    REQUIRE(left < 600'000);
    FaultyDisk disk;
    TempDirectory directory;
    const auto file = directory / "hub.db";
    std::filesystem::copy_file(fresh / "fresh.db", file);
    Workload::Answers answers;
    {
      const auto store =
          SqliteStore::open(file, options, std::make_unique<SimulatedReserve>(disk, kReserve));
      disk.leave_free(left);
      bool tight_before = false;
      work.run(*store, answers, [&](int batch) {
        const bool is_tight = store->health().writing == Writing::kTight;
        REQUIRE((is_tight || !tight_before));  // it does not flap
        if (tight_before) {
          REQUIRE(answers[std::to_string(batch) + ".post"] == Workload::Answer::kNoRoom);
        }
        tight_before = is_tight;
      });
      for (const auto& [fact, answer] : answers) {
        CAPTURE(fact);
        if (!Workload::is_growth(fact)) REQUIRE(answer == Workload::Answer::kDone);
      }
      REQUIRE(work.facts(*store->open_reader()) == Workload::done(answers));
      was_tight = tight_before;
    }
    disk.make_room();
    work.require_sound(file, answers);
  }
}

TEST_CASE("a full disk ends by itself when there is room again, not before and not by halves") {
  FullDisk w;
  REQUIRE(w.store->health().reserve_bytes == kReserve);
  w.disk.leave_free(100'000);
  REQUIRE(w.fill() > 10);
  REQUIRE(w.writing() == Writing::kTight);
  REQUIRE(w.store->health().reserve_bytes == 0);
  REQUIRE(w.store->health().is_restless);
  REQUIRE(w.store->health().said.find("the disk is full") == 0);
  const auto said = w.store->health().said;

  // Whatever was given up is not enough to go on: or it would be full once a second.
  for (int i = 0; i < 20; ++i) {
    const auto before = w.disk.operations();
    REQUIRE(w.refused(w.post()));
    w.store->maintain(w.verbs().now());
    REQUIRE(w.disk.operations() == before);
  }
  w.disk.leave_free(2 * kReserve - 1);
  REQUIRE(w.refused(w.post()));
  REQUIRE(w.store->health().said == said);

  w.disk.leave_free(2 * kReserve);
  SECTION("the next post ends it") { REQUIRE_FALSE(w.refused(w.post())); }
  SECTION("so does the time, where nobody posts") {
    w.store->maintain(w.verbs().now() + std::chrono::milliseconds(500));
    REQUIRE(w.writing() == Writing::kTight);
    w.store->maintain(w.verbs().now() + std::chrono::seconds(1));
  }
  REQUIRE(w.writing() == Writing::kAll);
  REQUIRE(w.store->health().reserve_bytes == kReserve);
  REQUIRE(w.store->health().refused == 22);
  REQUIRE(w.store->health().said.find("22 were refused") != std::string::npos);
  REQUIRE_FALSE(w.refused(w.post()));
  REQUIRE(w.verbs().feed("ann", 1000).size() > 10);
}

TEST_CASE("a logout is not refused for coming together with the post that fills the disk") {
  FullDisk w;
  w.verbs().open_session("bob", 7);
  w.disk.leave_free(0);
  CloseSession logout;
  logout.account = w.verbs().id("bob");
  logout.token = 7;
  const auto replies =
      w.verbs().run({w.verbs().append("ann", "lost"), logout, w.verbs().append("ann", "lost too")});
  REQUIRE(w.refused(replies[0]));
  REQUIRE(is_done(replies[1]));
  REQUIRE(w.refused(replies[2]));
  REQUIRE(w.verbs().events().empty());
  REQUIRE(w.verbs().reader().counts()->sessions == 5);  // the workload's
  REQUIRE(w.verbs().feed("ann").empty());
}

TEST_CASE("on a full disk people log in and out, and administrators work, a thousand times") {
  FullDisk w;
  w.disk.leave_free(50'000);
  w.fill();
  for (int i = 0; i < 1000; ++i) {
    const auto device = static_cast<std::uint8_t>(i % 40);  // more than an account may have
    const auto opened = w.verbs().open_sealed("bob", device);
    SaveProgress progress;
    progress.account = opened.session.account;
    progress.token = device;
    progress.mark = 1;
    REQUIRE(is_done(w.verbs().ask(progress)));
    CloseSession logout;
    logout.account = opened.session.account;
    logout.token = device;
    logout.framing = Framing::kSealed;
    logout.logged_out = true;
    REQUIRE(is_done(w.verbs().ask(logout)));
    w.store->maintain(w.verbs().now());
  }
  REQUIRE(w.refused(w.post()));
  REQUIRE(is_done(w.verbs().ask(control::SetPassword{"bob", dummy_verifier(9)})));
  REQUIRE(is_done(w.verbs().ask(control::DisableUser{"bob"})));
  REQUIRE(is_done(w.verbs().ask(control::AddUser{"eve", dummy_verifier()})));
  REQUIRE(is_done(w.verbs().ask(control::DeletePost{1})));
  w.verbs().remove("ann");
  REQUIRE(w.store->health().log_bytes < kReserve);
  REQUIRE(w.writing() == Writing::kTight);
}

TEST_CASE("a start on a full disk is tight from the beginning, and reads") {
  FullDisk w;
  w.disk.leave_free(50'000);
  const int taken = w.fill();
  SECTION("after the reserve was given up: what it left is not for posts") { w.open(); }
  SECTION("after a crash, too") {
    w.close();
    w.disk.leave_free(kReserve);
    w.open();
  }
  REQUIRE(w.writing() == Writing::kTight);
  REQUIRE(w.store->health().said.find("cannot be made in") != std::string::npos);
  REQUIRE(w.refused(w.post()));
  REQUIRE(w.verbs().feed("ann", 1000).size() == static_cast<std::size_t>(taken));
  w.verbs().open_session("bob", 9);
  w.disk.make_room();
  REQUIRE_FALSE(w.refused(w.post()));
  REQUIRE(w.writing() == Writing::kAll);
}

TEST_CASE("a reserve that is there already needs no room beside it") {
  FullDisk w;
  w.disk.leave_free(100'000);
  w.open(true);
  REQUIRE(w.writing() == Writing::kAll);
  REQUIRE_FALSE(w.refused(w.post()));
}

TEST_CASE("a database that cannot grow for what is in its log is a full disk") {
  // The log has room of its own, from a time when it was long; the database has none.
  StoreOptions options = busy_options();
  options.checkpoints = {50, 10'000'000};
  FullDisk w(options);
  for (int i = 0; i < 45; ++i) w.post();
  w.disk.leave_free(0);
  int taken = 0;
  for (; w.writing() == Writing::kAll && taken < 100; ++taken) {
    w.post();
    w.store->maintain(w.verbs().now());
  }
  REQUIRE(w.writing() == Writing::kTight);
  REQUIRE(w.store->health().checkpoints > 0);  // done all the same, in the room of the reserve
  REQUIRE_FALSE(w.store->health().log_is_long);
}

namespace {

/// What happens to the post whose frames no longer fit into the log's index, in shared memory that
/// cannot grow. `shift`: so many frames more are in the log before it.
struct FullIndex {
  FullIndex(std::uint64_t reserve, int shift) : w(options(), reserve) {
    std::vector<decltype(Request::body)> posts;
    for (int i = 0; i < 500; ++i) posts.push_back(w.verbs().append("ann", std::string(1000, 'p')));
    // 32 KiB of shared memory describe the first 4,062 pages of the log.
    for (std::uint64_t pages = 0; pages < 3'900; pages = w.store->health().log_bytes / 4120) {
      w.verbs().run(posts);
      w.store->maintain(w.verbs().now());
    }
    for (int i = 0; i < shift; ++i)
      w.verbs().ask(control::DeletePost{static_cast<MessageId>(i + 1)});
    int taken = 0;
    do {
      REQUIRE(++taken < 200);
      w.disk.leave_free(24 * 1024);  // enough for the log, and for no more shared memory
      REQUIRE(w.writing() != Writing::kFailed);
      refusal = refusal_in(w.verbs().ask(w.verbs().append("ann", std::to_string(taken))));
    } while (!refusal);
    REQUIRE(taken > 10);
    w.disk.make_room();
    const TempDirectory killed;
    const auto copy = SqliteStore::open(crash_copy(w.file(), killed), busy_options());
    StoreVerbs after(*copy);
    const auto feed = after.feed("ann", 3);
    REQUIRE((feed[0] == "<ann>" + std::to_string(taken - 1) ||
             feed[1] == "<ann>" + std::to_string(taken - 1)));
    is_there = feed[0] == "<ann>" + std::to_string(taken);
  }
  static StoreOptions options() {
    StoreOptions out = busy_options();
    out.checkpoints = {100'000, 1'000'000'000};
    return out;
  }

  FullDisk w;
  std::optional<Refusal> refusal;
  bool is_there = false;  // after a kill -9
};

}  // namespace

TEST_CASE("shared memory that cannot grow is a full disk, and what it refused stays away") {
  for (int shift = 0; shift < 6; ++shift) {
    CAPTURE(shift);
    FullIndex index(kReserve, shift);
    REQUIRE(index.refusal == Refusal::kDiskFull);
    REQUIRE_FALSE(index.is_there);
    REQUIRE(index.w.writing() == Writing::kTight);
    REQUIRE_FALSE(index.w.refused(index.w.post()));
  }
}

TEST_CASE("without a reserve nobody is told of a post that it is not there and comes back") {
  int unsure = 0;
  for (int shift = 0; shift < 6; ++shift) {
    CAPTURE(shift);
    FullIndex index(0, shift);
    if (index.refusal == Refusal::kDiskFull) REQUIRE_FALSE(index.is_there);
    if (index.refusal != Refusal::kDiskFull) ++unsure;
    REQUIRE((index.w.writing() == Writing::kFailed) == (index.refusal == Refusal::kStoreFailed));
  }
  REQUIRE(unsure > 0);
  REQUIRE(unsure < 6);
}

TEST_CASE("a limit on the size of files is a full disk, not a failing one") {
  TempDirectory directory;
  const Workload work({.batches = 4});
  work.set_up(directory / "hub.db");
  const auto store = SqliteStore::open(directory / "hub.db", busy_options());
  StoreVerbs verbs(*store);
  int taken = 0;
  std::optional<Refusal> refusal;
  {
    const SizeLimit limit(200'000);
    for (; !refusal && taken < 300; ++taken) {
      refusal = refusal_in(verbs.ask(verbs.append("ann", std::string(900, 'p'))));
    }
  }
  REQUIRE(refusal == Refusal::kDiskFull);
  verbs.post("ann", "again");
}

TEST_CASE("without a reserve each batch is tried, and said to be full once") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  auto& store = world->store();
  world.kind().disk().leave_free(0);
  REQUIRE(refusal_in(world->ask(world->append("ann", "lost"))) == Refusal::kDiskFull);
  const auto said = store.health().said;
  REQUIRE(store.health().writing == Writing::kTight);
  const auto before = world.kind().disk().failures();
  REQUIRE(refusal_in(world->ask(world->append("ann", "lost"))) == Refusal::kDiskFull);
  REQUIRE(world.kind().disk().failures() > before);
  REQUIRE(store.health().said == said);
  world.kind().disk().make_room();
  store.maintain(world->now() + std::chrono::seconds(10));
  REQUIRE(store.health().writing == Writing::kTight);  // nobody has tried
  world->post("ann", "kept");
  REQUIRE(store.health().writing == Writing::kAll);
}
