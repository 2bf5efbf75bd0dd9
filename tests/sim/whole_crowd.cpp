#include "tests/sim/whole_crowd.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <new>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hub::test {

namespace {

constexpr std::size_t kMostWorkers = 64;
constexpr std::size_t kMostFailures = 1024;

/// In memory that all processes share.
struct Board {
  struct Entry {
    std::uint64_t seed = 0;
    char check[24] = {};
  };
  struct Worker {
    std::atomic<std::uint64_t> seed{0};  // what it is at; 0: nothing
    Tally tally;
  };
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> runs{0};
  std::atomic<std::size_t> failures{0};
  Entry entries[kMostFailures];
  Worker workers[kMostWorkers];

  void fail(std::uint64_t seed, const std::string& check) {
    const std::size_t place = failures.fetch_add(1);
    if (place >= kMostFailures) return;
    entries[place].seed = seed;
    std::strncpy(entries[place].check, check.c_str(), sizeof entries[place].check - 1);
  }
};

class SharedBoard {
 public:
  SharedBoard()
      : memory_(::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::runtime_error("no shared memory");
    board_ = new (memory_) Board;
  }
  ~SharedBoard() { ::munmap(memory_, sizeof(Board)); }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  Board& operator*() { return *board_; }

 private:
  void* memory_;
  Board* board_;
};

[[noreturn]] void work(const CrowdOptions& options, Board& board, Board::Worker& self) {
  const std::uint64_t end = options.first + options.seeds;
  while (board.failures < options.most_failures) {
    const std::uint64_t seed = board.next++;
    if (seed >= end) break;
    self.seed = seed;
    ::alarm(time_limit());
    const auto begin = std::chrono::steady_clock::now();
    const Trial trial = try_here(make_script(seed, options.length));
    ::alarm(0);
    self.tally.add(trial.tally);
    ++board.runs;
    if (!trial.violations.empty()) board.fail(seed, trial.violations.front().check);
    if (options.verbose) {
      const double took =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      fmt::print("seed {}: {} actions, {} posts, {} shown, {} ends of the hub, {:.0f} ms{}\n", seed,
                 trial.tally.actions, trial.tally.posts, trial.tally.shown, trial.tally.hub_ends,
                 1000 * took, trial.violations.empty() ? "" : ", FAILED");
      std::fflush(stdout);
    }
    self.seed = 0;
  }
  ::_exit(0);
}

}  // namespace

Crowd run_crowd(const CrowdOptions& options) {
  SharedBoard shared;
  Board& board = *shared;
  board.next = options.first;
  std::map<pid_t, std::size_t> running;
  const auto start = [&](std::size_t place) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no process");
    if (child == 0) work(options, board, board.workers[place]);
    running[child] = place;
  };
  for (std::size_t i = 0; i < std::min<std::size_t>(options.jobs, kMostWorkers); ++i) start(i);
  while (!running.empty()) {
    int status = 0;
    const pid_t child = ::waitpid(-1, &status, 0);
    const auto ended = running.find(child);
    if (ended == running.end()) continue;
    const std::size_t place = ended->second;
    running.erase(ended);
    const std::uint64_t seed = board.workers[place].seed.exchange(0);
    if (seed == 0) continue;
    ++board.runs;
    board.fail(seed, "crash");
    start(place);
  }
  Crowd out;
  out.runs = board.runs;
  for (const Board::Worker& worker : board.workers) out.tally.add(worker.tally);
  for (std::size_t i = 0; i < std::min<std::size_t>(board.failures, kMostFailures); ++i) {
    out.failures.push_back({board.entries[i].seed, board.entries[i].check});
  }
  std::sort(out.failures.begin(), out.failures.end(),
            [](const Failure& a, const Failure& b) { return a.seed < b.seed; });
  return out;
}

}  // namespace hub::test
