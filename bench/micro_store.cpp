// The store on a real disk. The databases with a history are made once a run, or taken from the
// file that HUB_BENCH_HISTORY names; HUB_BENCH_WORK says where (default /var/tmp). What is measured
// on a history ten times as long runs only where HUB_BENCH_LARGE names the file that
// `hubload prepare --history 10000000` made; it is used where it lies.
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"
#include "protocol/limits.hpp"

namespace hub::bench {
namespace {

constexpr std::size_t kHistory = 1'000'000;
constexpr const char* kLargeHistory = "HUB_BENCH_LARGE";

std::filesystem::path from_environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

const std::filesystem::path& work_directory() {
  static const TempDirectory directory(from_environment("HUB_BENCH_WORK", "/var/tmp"));
  return directory.path();
}

const std::filesystem::path& history_file() {
  static const std::filesystem::path file = [] {
    const auto given = from_environment("HUB_BENCH_HISTORY", "");
    const auto out = given.empty() ? work_directory() / "history.db" : given;
    prepare_history(out, kHistory);
    return out;
  }();
  return file;
}

/// A store of one's own: with no posts, or with a copy of the history.
struct OpenStore {
  explicit OpenStore(bool with_history) : directory(work_directory()) {
    const auto file = directory.path() / "data" / "hub.db";
    if (with_history) {
      copy_to_data(history_file(), directory.path());
    } else {
      std::filesystem::create_directories(file.parent_path());
      Database(file).add_users(64);
    }
    open(file);
  }
  /// Where it lies.
  explicit OpenStore(const std::filesystem::path& file) : directory(work_directory()) {
    open(file);
  }

  void open(const std::filesystem::path& file) {
    store = store::SqliteStore::open(file);
    reader = store->open_reader();
  }

  AccountId account(const std::string& name) {
    const auto found = reader->account(name);
    return found && *found ? (*found)->id : 0;
  }
  std::vector<AccountId> accounts(const std::vector<std::string>& names) {
    std::vector<AccountId> out;
    for (const auto& name : names) out.push_back(account(name));
    return out;
  }

  TempDirectory directory;
  std::unique_ptr<store::SqliteStore> store;
  std::unique_ptr<store::Reader> reader;
};

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// A device of the account.
store::DeviceNumber log_in(store::Store& store, AccountId account) {
  store::OpenSession login;
  login.session.account = account;
  login.session.framing = Framing::kSealed;
  login.device = store::DeviceLogin{};
  store::Request request{0, login};
  const auto out = store.apply(std::span(&request, 1), WallTime{});
  return std::get<store::SessionOpened>(std::get<store::Reply>(out.at(0)).body).device->number;
}

/// One commit of so many posts by 64 authors. Items are posts.
void store_append(benchmark::State& state) {
  OpenStore open(state.range(1) != 0);
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::string text = text_of(100);
  std::vector<store::Request> batch;
  for (std::size_t i = 0; i < size; ++i) {
    const std::string name = user_name(i % 64);
    batch.push_back({i, store::AppendPost{open.account(name), name, text}});
  }
  for (auto _ : state) benchmark::DoNotOptimize(open.store->apply(batch, WallTime{}));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(store_append)
    ->ArgNames({"batch", "history"})
    ->ArgsProduct({{64, 1024}, {0, static_cast<long>(kHistory)}})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

/// What numbers cost a commit of 64 posts by 64 authors: batches without and with them in turn, on
/// a store each, so that a slow minute of the disk falls on both. `ratio` is what one with numbers
/// takes against one without, `cpu_ratio` the same of this thread's CPU time alone.
void store_append_numbers(benchmark::State& state) {
  struct Side {
    explicit Side(bool with_numbers) : numbered(with_numbers) {}
    OpenStore open{false};
    bool numbered;
    std::vector<store::Request> batch;
    double wall = 0;
    double cpu = 0;
  };
  Side sides[] = {Side(false), Side(true)};
  const std::string text = text_of(100);
  for (Side& side : sides) {
    for (std::size_t i = 0; i < 64; ++i) {
      const std::string name = user_name(i);
      store::AppendPost post{side.open.account(name), name, text, {}};
      if (side.numbered) post.once.device = log_in(*side.open.store, post.author);
      side.batch.push_back({i, post});
    }
  }
  std::uint64_t number = 0;
  for (auto _ : state) {
    ++number;
    for (Side& side : sides) {
      if (side.numbered) {
        for (auto& request : side.batch)
          std::get<store::AppendPost>(request.body).once.number = number;
      }
      const double wall = seconds_of(CLOCK_MONOTONIC);
      const double cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID);
      benchmark::DoNotOptimize(side.open.store->apply(side.batch, WallTime{}));
      side.wall += seconds_of(CLOCK_MONOTONIC) - wall;
      side.cpu += seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu;
    }
  }
  const auto micros = [&](double seconds) {
    return seconds * 1e6 / static_cast<double>(state.iterations());
  };
  state.counters["plain_us"] = micros(sides[0].wall);
  state.counters["numbered_us"] = micros(sides[1].wall);
  state.counters["ratio"] = sides[1].wall / sides[0].wall;
  state.counters["cpu_ratio"] = sides[1].cpu / sides[0].cpu;
}
BENCHMARK(store_append_numbers)->Unit(benchmark::kMicrosecond)->UseRealTime();

/// retrieve#20 by several readers in turn, everything in the page cache. Beside the mean, which is
/// CPU time, what half and 99 of 100 stayed below in real time.
void retrieve_20(benchmark::State& state, store::Reader& reader,
                 const std::vector<AccountId>& accounts) {
  Samples samples(1'000'000);
  std::size_t next = 0;
  for (auto _ : state) {
    const auto begin = std::chrono::steady_clock::now();
    const auto posts = reader.retrieve(accounts[next++ % accounts.size()], 20, 0);
    samples.add(std::chrono::steady_clock::now() - begin);
    if (!posts || posts->size() != 20) state.SkipWithError("a retrieve did not find 20 posts");
  }
  state.counters["p50_us"] = samples.percentile_us(0.5);
  state.counters["p99_us"] = samples.percentile_us(0.99);
}

void store_retrieve_20(benchmark::State& state) {
  static OpenStore open(true);
  const auto readers = HistoryShape::readers(static_cast<std::size_t>(state.range(0)));
  retrieve_20(state, *open.reader, open.accounts(readers));
}
BENCHMARK(store_retrieve_20)
    ->ArgName("followees")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond);

/// The same with ten times as many posts there, by those who follow authors that have long been
/// silent, and by so many readers (of 100 followees each) that what one needed has gone from the
/// processor's caches and SQLite's when it asks again.
void retrieve_20_large(benchmark::State& state, const std::vector<std::string>& readers) {
  static OpenStore open(from_environment(kLargeHistory, ""));
  retrieve_20(state, *open.reader, open.accounts(readers));
}
const bool is_large_known = [] {
  if (from_environment(kLargeHistory, "").empty()) return false;
  const auto add = [](const std::string& readers, const std::vector<std::string>& names) {
    benchmark::RegisterBenchmark(("store_retrieve_20_large/" + readers).c_str(), retrieve_20_large,
                                 names)
        ->Unit(benchmark::kMicrosecond);
  };
  for (const std::size_t followees : HistoryShape::kFollowees) {
    add("followees:" + std::to_string(followees), HistoryShape::readers(followees));
  }
  add("quiet:1000", HistoryShape::readers_of_quiet());
  add("readers:10000", user_names(0, HistoryShape::kAuthors));
  return true;
}();

/// retrieve#20&1000: at the other end of a million posts.
void store_retrieve_oldest(benchmark::State& state) {
  static OpenStore open(true);
  const auto readers = HistoryShape::readers(static_cast<std::size_t>(state.range(0)));
  const AccountId reader = open.account(readers.front());
  for (auto _ : state) {
    if (!open.reader->retrieve(reader, 20, 1000)) state.SkipWithError("a retrieve failed");
  }
}
BENCHMARK(store_retrieve_oldest)
    ->ArgName("followees")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond);

/// Where the catch-up begins of somebody who was away since the first post: 1000 posts kept, 10,000
/// counted.
void store_backlog(benchmark::State& state) {
  static OpenStore open(true);
  const auto readers = HistoryShape::readers(static_cast<std::size_t>(state.range(0)));
  const AccountId reader = open.account(readers.front());
  for (auto _ : state) {
    const auto backlog = open.reader->backlog(reader, 0, kMaxCatchUp, kMaxCountedEarlier);
    if (!backlog) state.SkipWithError("the backlog was not counted");
  }
}
BENCHMARK(store_backlog)
    ->ArgName("followees")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hub::bench
