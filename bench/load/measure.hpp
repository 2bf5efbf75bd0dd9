// What a run measures and how it is told: latencies, shares of a core, figures by name.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "protocol/types.hpp"

namespace hub::bench {

/// A run that cannot go on; what() is one sentence saying why.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// This machine has not what a scenario needs: it is left out, and the others go on.
class NotHere : public Failure {
 public:
  using Failure::Failure;
};

class Samples {
 public:
  /// Never holds more than `most`; later ones are dropped.
  explicit Samples(std::size_t most) : most_(most) { values_.reserve(most); }
  void add(Duration value) {
    if (values_.size() < most_) values_.push_back(value);
  }
  std::size_t size() const { return values_.size(); }
  /// Nearest rank, in microseconds; 0 where there are no samples. `part` from 0 to 1.
  double percentile_us(double part);

 private:
  std::size_t most_;
  std::vector<Duration> values_;
};

/// A reading of wall time and of the CPU time that this program and the server have used so far.
struct Usage {
  TimePoint at{};
  double own_seconds = 0;
  double server_seconds = 0;             // user + system, all threads
  std::map<int, double> server_threads;  // by thread ID
};

/// What went by between two readings.
struct Spent {
  double seconds = 0;
  double own_share = 0;       // of one core
  double server_share = 0;    // of one core, all threads: may exceed 1
  double server_busiest = 0;  // of one core, the busiest thread
  double server_seconds = 0;

  /// The load program worked harder than any thread of the server, so that the rate measured may be
  /// its own.
  bool load_is_bottleneck() const { return own_share > server_busiest; }
};
Spent between(const Usage& before, const Usage& after);

/// User and system time of this program.
double own_cpu_seconds();

/// One scenario's outcome. Printed as one JSON object and one line for people.
struct Result {
  std::string scenario;  // "fanout/1000": the same name is the same measurement
  std::vector<std::pair<std::string, double>> numbers;
  std::vector<std::string> notes;  // what a reader must know to trust the numbers

  void add(std::string name, double value) { numbers.emplace_back(std::move(name), value); }
  void note(std::string text) { notes.push_back(std::move(text)); }
  /// The shares of both programs, and a note where the load program was the bottleneck.
  void add(const Spent& spent);
};

}  // namespace hub::bench
