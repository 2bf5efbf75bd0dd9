// The store thread: what waits while a commit runs is the next commit, and answers keep their
// order.
#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "server/net/store_thread.hpp"
#include "store/sqlite_store.hpp"

using namespace hub;
using namespace hub::server;

namespace {

/// Counts its batches and answers each request; every apply() waits for a permit.
struct Ledger {
  std::mutex mutex;
  std::condition_variable changed;
  int permits = 0;
  std::vector<std::size_t> groups;  // sizes, at the begin of each commit
  std::vector<store::Tag> tags;
  bool closed = false;

  void permit(int count) {
    const std::lock_guard lock(mutex);
    permits += count;
    changed.notify_all();
  }
  void wait_for_groups(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return groups.size() >= count; });
  }
};

class GatedStore final : public store::Store {
 public:
  explicit GatedStore(Ledger& ledger) : ledger_(ledger) {}
  ~GatedStore() override { ledger_.closed = true; }

  std::vector<store::Output> apply(std::span<store::Request> batch, WallTime) override {
    std::unique_lock lock(ledger_.mutex);
    ledger_.groups.push_back(batch.size());
    ledger_.changed.notify_all();
    ledger_.changed.wait(lock, [&] { return ledger_.permits > 0; });
    --ledger_.permits;
    std::vector<store::Output> out;
    for (const store::Request& request : batch) {
      if (request.tag == kPoison) throw std::bad_alloc();
      ledger_.tags.push_back(request.tag);
      out.emplace_back(store::Reply{request.tag, control::Done{}});
    }
    return out;
  }
  std::unique_ptr<store::Reader> open_reader() override { return nullptr; }

  static constexpr store::Tag kPoison = 666'666;

 private:
  Ledger& ledger_;
};

std::vector<store::Request> requests(store::Tag from, store::Tag to) {
  std::vector<store::Request> out;
  for (store::Tag tag = from; tag < to; ++tag) out.push_back({tag, store::Unfollow{1, "bob"}});
  return out;
}

std::vector<store::Reply> replies(Arrivals& arrivals) {
  std::vector<Arrival> taken;
  arrivals.take_all(taken);
  std::vector<store::Reply> out;
  for (const Arrival& arrival : taken) {
    for (const auto& output : std::get<StoreOutputs>(arrival)) {
      out.push_back(std::get<store::Reply>(output));
    }
  }
  return out;
}

/// Says how it is, and hears when it is looked after.
class WatchedStore final : public store::Store {
 public:
  using Watch = std::function<void(store::Health&)>;
  explicit WatchedStore(Watch watch) : watch_(std::move(watch)) {}

  std::vector<store::Output> apply(std::span<store::Request> batch, WallTime) override {
    std::vector<store::Output> out;
    for (const auto& request : batch) out.emplace_back(store::Reply{request.tag, control::Done{}});
    return out;
  }
  void maintain(WallTime) override { watch_(health_); }
  store::Health health() const override { return health_; }
  std::unique_ptr<store::Reader> open_reader() override { return nullptr; }

 private:
  Watch watch_;
  store::Health health_;
};

/// Counts to a number, which somebody waits for.
class Count {
 public:
  int add() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    return ++count_;
  }
  void wait_for(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

std::vector<store::Health> told(const std::vector<Arrival>& arrivals) {
  std::vector<store::Health> out;
  for (const Arrival& arrival : arrivals) {
    if (const auto* health = std::get_if<store::Health>(&arrival)) out.push_back(*health);
  }
  return out;
}

StoreThread::Open open(Ledger& ledger) {
  return
      [&ledger]() -> std::unique_ptr<store::Store> { return std::make_unique<GatedStore>(ledger); };
}

}  // namespace

TEST_CASE("requests that arrive during a commit are committed together, 1024 at most") {
  Ledger ledger;
  Arrivals arrivals(10'000);
  {
    StoreThread thread(10'000, open(ledger), arrivals);
    auto first = requests(0, 1);
    REQUIRE(thread.push(first) == 1);
    ledger.wait_for_groups(1);
    for (store::Tag tag = 1; tag < 2500; tag += 100) {  // in small pushes, as turns make them
      auto more = requests(tag, std::min<store::Tag>(tag + 100, 2500));
      REQUIRE(thread.push(more) == more.size());
    }
    ledger.permit(10'000);
    ledger.wait_for_groups(4);
  }
  CHECK(ledger.groups == std::vector<std::size_t>{1, 1024, 1024, 451});
  CHECK(ledger.closed);
  const auto all = replies(arrivals);
  REQUIRE(all.size() == 2500);
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i].tag == i);
}

TEST_CASE("a store thread commits what waits before it ends") {
  Ledger ledger;
  Arrivals arrivals(100);
  ledger.permit(100);
  {
    StoreThread thread(100, open(ledger), arrivals);
    auto some = requests(0, 50);
    thread.push(some);
  }
  CHECK(ledger.tags.size() == 50);
  CHECK(replies(arrivals).size() == 50);
}

TEST_CASE("a full store inbox takes the first requests and leaves the others") {
  Ledger ledger;
  Arrivals arrivals(100);
  StoreThread thread(10, open(ledger), arrivals);
  auto first = requests(0, 1);
  thread.push(first);
  ledger.wait_for_groups(1);
  auto more = requests(1, 31);
  CHECK(thread.push(more) == 10);
  CHECK(more[10].tag == 11);
  ledger.permit(100);
}

TEST_CASE("a store that throws answers nobody with success, and goes on") {
  Ledger ledger;
  Arrivals arrivals(100);
  ledger.permit(100);
  {
    StoreThread thread(100, open(ledger), arrivals);
    auto bad = requests(GatedStore::kPoison, GatedStore::kPoison + 1);
    thread.push(bad);
    ledger.wait_for_groups(1);
    auto good = requests(7, 8);
    thread.push(good);
  }
  const auto all = replies(arrivals);
  REQUIRE(all.size() == 2);
  CHECK(std::get<control::Refused>(all[0].body).why == control::Refusal::kStoreFailed);
  CHECK(std::holds_alternative<control::Done>(all[1].body));
}

TEST_CASE("the store is looked after at the start, and when the outputs are on their way") {
  Arrivals arrivals(100);
  std::vector<std::size_t> on_their_way;
  Count looked;
  const auto watch = [&](store::Health&) {
    std::vector<Arrival> taken;
    arrivals.take_all(taken);
    on_their_way.push_back(taken.size());
    looked.add();
  };
  {
    StoreThread thread(
        100, [&] { return std::make_unique<WatchedStore>(watch); }, arrivals);
    looked.wait_for(1);
    for (int i = 0; i < 3; ++i) {
      auto some = requests(0, 5);
      thread.push(some);
      looked.wait_for(2 + i);
    }
  }
  CHECK(on_their_way == std::vector<std::size_t>{0, 1, 1, 1});
}

TEST_CASE("how the store is reaches the reactor: what matters at once, figures once a second") {
  using Writing = store::Health::Writing;
  Arrivals arrivals(1000);
  Count looked;
  const auto watch = [&](store::Health& health) {
    const int times = looked.add();
    health.log_bytes = static_cast<std::uint64_t>(times);
    if (times == 30) health.writing = Writing::kTight;
    if (times == 60) health.writing = Writing::kFailed;
  };
  {
    StoreThread thread(
        100, [&] { return std::make_unique<WatchedStore>(watch); }, arrivals);
    for (int i = 0; i < 80; ++i) {
      auto some = requests(0, 1);
      thread.push(some);
      looked.wait_for(2 + i);
    }
    looked.wait_for(82);  // nobody writes; the newest figures are told all the same
  }
  std::vector<Arrival> taken;
  arrivals.take_all(taken);
  const auto healths = told(taken);
  REQUIRE(healths.size() >= 4);
  CHECK(healths.size() < 20);
  CHECK(healths.front().log_bytes == 1);
  CHECK(healths.back().log_bytes >= 81);
  const auto first = [&](Writing writing) {
    const auto found = std::find_if(healths.begin(), healths.end(),
                                    [&](const auto& health) { return health.writing == writing; });
    return found == healths.end() ? 0 : found->log_bytes;
  };
  CHECK(first(Writing::kTight) == 30);
  CHECK(first(Writing::kFailed) == 60);
}

TEST_CASE("a store with something left to do is looked after though nobody writes") {
  Arrivals arrivals(100);
  Count looked;
  const auto watch = [&](store::Health& health) { health.is_restless = looked.add() < 3; };
  StoreThread thread(
      100, [&] { return std::make_unique<WatchedStore>(watch); }, arrivals);
  looked.wait_for(3);
}

TEST_CASE("how the store is has to wait where the reactor's inbox is full, and is not lost") {
  Arrivals arrivals(1);
  arrivals.try_push(StoreOutputs{});
  Count looked;
  const auto watch = [&](store::Health& health) {
    health.refused = 7;
    looked.add();
  };
  StoreThread thread(
      100, [&] { return std::make_unique<WatchedStore>(watch); }, arrivals);
  looked.wait_for(1);
  Count arrived;
  std::vector<Arrival> taken;
  arrivals.on_first([&] { arrived.add(); });
  arrivals.take_all(taken);
  arrived.wait_for(1);
  arrivals.take_all(taken);
  REQUIRE(told(taken).size() == 1);
  CHECK(told(taken)[0].refused == 7);
  arrivals.on_first({});
}

TEST_CASE("a database that cannot be opened is told to whoever starts the thread") {
  Arrivals arrivals(100);
  const auto fail = []() -> std::unique_ptr<store::Store> {
    throw store::OpenError(store::OpenError::Why::kNotADatabase, "no database");
  };
  CHECK_THROWS_AS(StoreThread(10, fail, arrivals), store::OpenError);
}
