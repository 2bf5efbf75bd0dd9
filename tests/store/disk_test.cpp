// A disk that fills up, fails or loses power, at every operation that changes a file.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <catch2/catch.hpp>

#include "store/maintenance.hpp"
#include "tests/store/describe.hpp"
#include "tests/store/stores.hpp"
#include "tests/support/raw_database.hpp"

using namespace hub;
using namespace hub::store;
using namespace hub::test;
using control::Refusal;

namespace {

struct Outcome {
  std::set<std::string> acknowledged;
  std::set<std::string> refused;    // kDiskFull: certainly not written
  std::set<std::string> uncertain;  // kStoreFailed: whole batches, or nothing of them
};

constexpr int kBatches = 10;
constexpr int kPerBatch = 3;
constexpr std::size_t kTextSize = 10;
constexpr DeviceNumber kDevice = 1;

StoreOptions small_interval() {
  StoreOptions options;
  options.heads_interval = 7;
  return options;
}

void set_up(const std::filesystem::path& file) {
  make_database(file);
  const auto store = SqliteStore::open(file);
  StoreVerbs verbs(*store);
  verbs.add("ann");
  verbs.follow("ann", "ann");
  REQUIRE(verbs.open_sealed("ann", 1).device->number == kDevice);
}

std::vector<Request> batch_of(int number, AccountId author, int posts, std::size_t text_size) {
  std::vector<Request> out;
  for (int i = 0; i < posts; ++i) {
    const std::string name = std::to_string(number) + "." + std::to_string(i);
    const auto sequence = static_cast<std::uint64_t>(number * posts + i + 1);
    out.push_back(
        {static_cast<Tag>(i),
         AppendPost{author, "ann", name + std::string(text_size, 'x'), {kDevice, sequence}}});
  }
  return out;
}

/// Posts batch after batch; what came of each text is in `result` as soon as apply() has returned.
void run_batches(Store& store, AccountId author, Outcome& result, int posts = kPerBatch,
                 std::size_t text_size = kTextSize) {
  for (int number = 0; number < kBatches; ++number) {
    const auto batch = batch_of(number, author, posts, text_size);
    const auto out = store.apply(batch, {});
    std::size_t events = 0;
    std::size_t next = 0;
    for (const Output& output : out) {
      const auto* reply = std::get_if<Reply>(&output);
      if (reply == nullptr) {
        ++events;
        continue;
      }
      const std::string text = std::get<AppendPost>(batch[next++].body).text;
      const auto refusal = refusal_in(reply->body);
      if (!refusal) result.acknowledged.insert(text);
      if (refusal == Refusal::kDiskFull) result.refused.insert(text);
      if (refusal == Refusal::kStoreFailed) result.uncertain.insert(text);
    }
    REQUIRE(next == batch.size());
    REQUIRE((events == 0 || events == batch.size()));
  }
}

std::set<std::string> stored(Reader& reader, AccountId author) {
  const auto posts = reader.retrieve(author, 1'000'000, 0);
  REQUIRE(posts.has_value());
  std::set<std::string> out;
  for (const Post& post : *posts) out.insert(post.text);
  return out;
}

bool contains(const std::set<std::string>& all, const std::set<std::string>& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

/// Batches are whole: of the texts "7.0…", "7.1…", "7.2…" all are there or none is.
bool is_whole(const std::set<std::string>& texts, std::size_t per_batch) {
  std::map<std::string, std::size_t> batches;
  for (const std::string& text : texts) ++batches[text.substr(0, text.find('.'))];
  return std::all_of(batches.begin(), batches.end(),
                     [&](const auto& batch) { return batch.second == per_batch; });
}

/// The device asks for everything once more, as after the loss of all answers.
void require_done_once(const std::filesystem::path& file, StoreVerbs& verbs,
                       const std::set<std::string>& texts, int per_batch, std::size_t text_size) {
  using Was = Repeated::Outcome;
  for (int number = 0; number < kBatches; ++number) {
    std::vector<decltype(Request::body)> bodies;
    for (auto& request : batch_of(number, verbs.id("ann"), per_batch, text_size)) {
      bodies.push_back(std::move(request.body));
    }
    const auto replies = verbs.run(bodies);
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const bool there = texts.contains(std::get<AppendPost>(bodies[i]).text);
      const auto was = repeated_in(replies[i]);
      if (there) REQUIRE((was == Was::kOk || was == Was::kForgotten));
      if (!there) REQUIRE(was != Was::kOk);
    }
  }
  REQUIRE(RawDatabase(file).number("SELECT count(*) - count(DISTINCT text) FROM posts") == 0);
}

void require_sound(const std::filesystem::path& file, const Outcome& posted, int per_batch,
                   std::size_t text_size) {
  const auto problems = check(file);
  CAPTURE(problems);
  REQUIRE(problems.empty());
  const auto store = SqliteStore::open(file, small_interval());
  StoreVerbs verbs(*store);
  const auto texts = stored(verbs.reader(), verbs.id("ann"));
  REQUIRE(contains(texts, posted.acknowledged));
  REQUIRE(is_whole(texts, static_cast<std::size_t>(per_batch)));
  for (const std::string& text : posted.refused) REQUIRE_FALSE(texts.contains(text));
  REQUIRE(verbs.post("ann", "goes on") == texts.size() + 1);
  require_done_once(file, verbs, texts, per_batch, text_size);
}

using Failure = FaultyDisk::Failure;

/// One run with the failure after `k` operations; false where it came after the end.
bool run_with_failure(const std::filesystem::path& fresh, Failure failure, bool lasting,
                      std::uint64_t k, int per_batch, std::size_t text_size) {
  CAPTURE(static_cast<int>(failure), lasting, k);
  FaultyDisk disk;
  TempDirectory directory;
  const auto file = directory / "hub.db";
  std::filesystem::copy_file(fresh, file);
  Outcome posted;
  {
    const auto store = SqliteStore::open(file, small_interval());
    StoreVerbs verbs(*store);
    const AccountId ann = verbs.id("ann");
    disk.fail_after(k, failure, lasting);
    run_batches(*store, ann, posted, per_batch, text_size);
    REQUIRE(stored(verbs.reader(), ann) == posted.acknowledged);  // reads go on, and see no more
  }
  const bool failed = disk.failures() > 0;
  disk.repair();
  if (!failed)
    REQUIRE(posted.acknowledged.size() == static_cast<std::size_t>(kBatches * per_batch));
  require_sound(file, posted, per_batch, text_size);
  return failed;
}

}  // namespace

TEST_CASE("whichever operation fails, only what is on disk is acknowledged") {
  const auto failure =
      GENERATE(Failure::kFull, Failure::kWriteError, Failure::kShortWrite, Failure::kSyncError);
  const bool lasting = GENERATE(false, true);
  TempDirectory directory;
  set_up(directory / "fresh.db");
  std::uint64_t k = 0;
  while (run_with_failure(directory / "fresh.db", failure, lasting, k, kPerBatch, kTextSize)) ++k;
  REQUIRE(k >= kBatches);  // it was not over before it began
}

TEST_CASE("a disk that fails while the log is checkpointed loses nothing either") {
  const auto seed = GENERATE(range(1u, 9u));
  std::mt19937_64 random(seed);
  const auto failure = seed % 2 == 0 ? Failure::kFull : Failure::kSyncError;
  TempDirectory directory;
  set_up(directory / "fresh.db");
  // 300 posts a batch of 900 bytes: after a few batches the log is full and is written back.
  run_with_failure(directory / "fresh.db", failure, seed % 4 < 2,
                   random() % (failure == Failure::kFull ? 3000 : 15), 300, 900);
}

TEST_CASE("whenever the power goes, what was acknowledged is there afterwards") {
  const auto seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  FaultyDisk disk;
  TempDirectory directory;
  const auto file = directory / "hub.db";
  set_up(file);

  TempDirectory remains;
  std::vector<std::pair<std::filesystem::path, Outcome>> cuts;
  Outcome posted;
  {
    const auto store = SqliteStore::open(file, small_interval());
    StoreVerbs verbs(*store);
    const AccountId ann = verbs.id("ann");
    disk.watch([&] {
      const auto place = remains.path() / std::to_string(cuts.size());
      std::filesystem::create_directory(place);
      disk.cut_power(place, random);
      cuts.emplace_back(place / "hub.db", posted);
    });
    run_batches(*store, ann, posted);
  }
  disk.watch({});
  REQUIRE(cuts.size() > 3 * kBatches);
  for (const auto& [cut, then] : cuts) {
    CAPTURE(cut.string());
    require_sound(cut, then, kPerBatch, kTextSize);
  }
}

TEST_CASE("a database that another program has locked is busy, not broken") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  RawDatabase raw(world.kind().file());
  raw.run("BEGIN IMMEDIATE");
  REQUIRE(refusal_in(world->ask(world->append("ann", "later"))) == Refusal::kBusy);
  REQUIRE(world->feed("ann").empty());
  raw.run("COMMIT");
  REQUIRE(world->post("ann", "later") == 1);
}

TEST_CASE("a row that cannot be written fails alone") {
  StoreWorld<OnDisk> world;
  world->add("ann");
  world->follow("ann", "ann");
  RawDatabase(world.kind().file())
      .run(
          "CREATE TRIGGER no_eve BEFORE INSERT ON admin_log WHEN NEW.target = 'eve'"
          " BEGIN SELECT raise(ABORT, 'not eve'); END");
  const auto replies =
      world->run({world->append("ann", "one"), control::AddUser{"eve", dummy_verifier()},
                  control::AddUser{"bob", dummy_verifier()}, world->append("ann", "two")});
  REQUIRE(refusal_in(replies[1]) == Refusal::kInvalid);
  REQUIRE(is_done(replies[2]));
  REQUIRE(world->feed("ann") == std::vector<std::string>{"<ann>two", "<ann>one"});
  REQUIRE_FALSE(world->reader().account("eve")->has_value());
  REQUIRE(world->id("bob") > 0);
}
