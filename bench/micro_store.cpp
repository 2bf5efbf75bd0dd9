// The store on a real disk. The databases with a history are made once a run, or taken from the
// file that HUB_BENCH_HISTORY names; HUB_BENCH_WORK says where (default /var/tmp).
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/load/database.hpp"
#include "bench/load/hub_process.hpp"

namespace hub::bench {
namespace {

constexpr std::size_t kHistory = 1'000'000;

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
    store = store::SqliteStore::open(file);
    reader = store->open_reader();
  }

  AccountId account(const std::string& name) {
    const auto found = reader->account(name);
    return found && *found ? (*found)->id : 0;
  }

  TempDirectory directory;
  std::unique_ptr<store::SqliteStore> store;
  std::unique_ptr<store::Reader> reader;
};

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

/// retrieve#20 by several readers in turn, everything in the page cache.
void store_retrieve_20(benchmark::State& state) {
  static OpenStore open(true);
  std::vector<AccountId> readers;
  for (const auto& name : HistoryShape::readers(static_cast<std::size_t>(state.range(0)))) {
    readers.push_back(open.account(name));
  }
  std::size_t next = 0;
  for (auto _ : state) {
    const auto posts = open.reader->retrieve(readers[next++ % readers.size()], 20, 0);
    if (!posts || posts->size() != 20) state.SkipWithError("a retrieve did not find 20 posts");
  }
}
BENCHMARK(store_retrieve_20)
    ->ArgName("followees")
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace hub::bench
