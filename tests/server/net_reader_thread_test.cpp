// The reader thread: logins go before what those who are online want read.
#include <condition_variable>
#include <mutex>

#include <catch2/catch.hpp>

#include "server/net/reader_thread.hpp"
#include "tests/support/hold.hpp"
#include "tests/support/memory_store.hpp"

using namespace hub;
using namespace hub::server;

namespace {

/// What the reactor would be handed, awaited.
class Results {
 public:
  explicit Results(std::size_t capacity = 100) : arrivals(capacity) {
    arrivals.on_first([this] {
      const std::lock_guard lock(mutex_);
      arrived_ = true;
      changed_.notify_all();
    });
  }
  ~Results() { arrivals.on_first({}); }
  /// The first `count`, in the order in which they were read: their kinds.
  std::vector<std::size_t> kinds(std::size_t count) {
    std::vector<std::size_t> out;
    std::vector<Arrival> taken;
    while (out.size() < count) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return arrived_; });
        arrived_ = false;
      }
      arrivals.take_all(taken);
      for (const Arrival& arrival : taken) out.push_back(std::get<ReadResult>(arrival).index());
    }
    return out;
  }

  Arrivals arrivals;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool arrived_ = false;
};

/// Keeps the thread busy with a KeysJob, its first, so that what comes meanwhile waits.
LoadKeys load_keys(test::Hold& hold) {
  return [&hold]() -> HubKeyRing {
    hold.hold();
    return {};
  };
}

template <typename Result>
std::size_t kind_of() {
  return ReadResult{Result{}}.index();
}

}  // namespace

TEST_CASE("logins and resumes that wait are read before pages that came earlier") {
  test::MemoryStore store;
  Results results;
  test::Hold hold;
  ReaderThread thread(100, store.open_reader(), load_keys(hold), results.arrivals);
  std::vector<ReadJob> first = {KeysJob{1}};
  REQUIRE(thread.push(first) == 1);
  CHECK(hold.has_begun());  // the thread is busy; what comes now waits
  std::vector<ReadJob> rest = {CatchUpJob{2, 1, 0}, RetrieveJob{3, 1, 5, 0},
                               DeviceJob{4, {"ann", {}}}, BacklogJob{5, 1, 0},
                               AccountJob{6, "ann"}};
  REQUIRE(thread.push(rest) == 5);
  hold.release();
  CHECK(results.kinds(6) == std::vector<std::size_t>{kind_of<KeysRead>(), kind_of<DeviceFound>(),
                                                     kind_of<AccountFound>(),
                                                     ReadResult{CatchUpRead{}}.index(),
                                                     ReadResult{RetrievePage{}}.index(),
                                                     ReadResult{BacklogRead{}}.index()});
}

TEST_CASE("a crowd of resumes is read before pages that came earlier, and answered one by one") {
  constexpr std::size_t kCrowd = 200;
  test::MemoryStore store;
  Results results(2 * kCrowd);
  test::Hold hold;
  ReaderThread thread(2 * kCrowd, store.open_reader(), load_keys(hold), results.arrivals);
  std::vector<ReadJob> first = {KeysJob{1}};
  REQUIRE(thread.push(first) == 1);
  CHECK(hold.has_begun());
  std::vector<ReadJob> rest = {RetrieveJob{2, 1, 5, 0}};
  for (store::Tag tag = 0; tag < kCrowd; ++tag) rest.push_back(DeviceJob{100 + tag, {"ann", {}}});
  REQUIRE(thread.push(rest) == kCrowd + 1);
  hold.release();
  std::vector<std::size_t> expected(kCrowd + 2, kind_of<DeviceFound>());
  expected.front() = kind_of<KeysRead>();
  expected.back() = ReadResult{RetrievePage{}}.index();
  CHECK(results.kinds(kCrowd + 2) == expected);
}

TEST_CASE("a reader thread that ends drops what waits, and does not wait for it") {
  test::MemoryStore store;
  Results results;
  test::Hold hold;
  {
    ReaderThread thread(100, store.open_reader(), load_keys(hold), results.arrivals);
    std::vector<ReadJob> jobs = {KeysJob{1}, AccountJob{2, "ann"}, CatchUpJob{3, 1, 0}};
    REQUIRE(thread.push(jobs) == 3);
    CHECK(hold.has_begun());
    hold.release();
  }
  SUCCEED();
}
