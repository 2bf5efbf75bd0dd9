#include <algorithm>
#include <charconv>
#include <functional>
#include <random>
#include <set>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/rivals/resp.hpp"
#include "bench/rivals/rival_clients.hpp"
#include "bench/rivals/scenarios.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLoadBatch = 1000;  // commands on their way while the streams are filled
constexpr std::size_t kWarmUpRounds = 20;
constexpr auto kPatience = 10s;

/// So many replies, each handed to `visit` value by value; one that is cut off by the end of what
/// has come is begun again, which `restart` says.
class Replies {
 public:
  explicit Replies(Connections& connections) : connections_(connections) {}

  void take(std::size_t count, const std::function<void()>& restart,
            const std::function<void(const RespValue&)>& visit) {
    while (count > 0) {
      const std::size_t news =
          connections_.receive(kPatience, [&](std::size_t, std::string_view bytes, TimePoint) {
            std::size_t used = 0;
            while (count > 0) {
              restart();
              const auto size = resp_walk(bytes.substr(used), visit);
              if (!size) break;
              used += *size;
              --count;
              finish_();
            }
            return used;
          });
      if (news == 0) throw Failure("redis-server does not answer");
    }
  }
  /// Called after each whole reply.
  void on_reply(std::function<void()> finish) { finish_ = std::move(finish); }

 private:
  Connections& connections_;
  std::function<void()> finish_ = [] {};
};

void refuse_errors(const RespValue& value) {
  if (value.type == '-') throw Failure("redis-server says " + std::string(value.text));
}

/// One stream an author; the entries' IDs are the posts' numbers, as a hub's message IDs are.
void fill(Connections& connections, std::size_t posts) {
  std::mt19937_64 random(3);
  const std::string text = text_of(HistoryShape::kTextBytes);
  Replies replies(connections);
  for (std::size_t done = 0; done < posts;) {
    const std::size_t batch = std::min(kLoadBatch, posts - done);
    for (std::size_t i = 0; i < batch; ++i) {
      resp_command({"XADD", fmt::format("s:{}", random() % HistoryShape::kAuthors),
                    fmt::format("{}-0", ++done), "t", text},
                   connections.out(0));
    }
    replies.take(
        batch, [] {}, refuse_errors);
  }
}

/// Readers that follow so many authors each, drawn at random, always the same.
std::vector<std::vector<std::string>> draw_readers(std::size_t followees) {
  std::mt19937_64 random(4);
  std::vector<std::vector<std::string>> out(HistoryShape::kReaders);
  for (auto& streams : out) {
    std::set<std::size_t> drawn;
    while (drawn.size() < followees) drawn.insert(random() % HistoryShape::kAuthors);
    for (const std::size_t author : drawn) streams.push_back(fmt::format("s:{}", author));
  }
  return out;
}

class Retrieves {
 public:
  Retrieves(Connections& connections, std::size_t n)
      : connections_(connections), replies_(connections), n_(n), count_(std::to_string(n)) {
    replies_.on_reply([this] { newest_.insert(newest_.end(), reply_.begin(), reply_.end()); });
  }

  /// From sending the requests to the n newest of all their answers.
  Duration one(const std::vector<std::string>& streams) {
    newest_.clear();
    const TimePoint begin = std::chrono::steady_clock::now();
    for (const std::string& stream : streams) {
      resp_command({"XREVRANGE", stream, "+", "-", "COUNT", count_}, connections_.out(0));
    }
    replies_.take(
        streams.size(), [this] { reply_.clear(); },
        [this](const RespValue& value) { take(value); });
    const std::size_t kept = std::min(n_, newest_.size());
    std::partial_sort(newest_.begin(), newest_.begin() + static_cast<std::ptrdiff_t>(kept),
                      newest_.end(), [](const Entry& a, const Entry& b) { return a.id > b.id; });
    newest_.resize(kept);
    if (kept != n_) ++wrong_;
    return std::chrono::steady_clock::now() - begin;
  }

  std::size_t wrong() const { return wrong_; }

 private:
  struct Entry {
    std::uint64_t id = 0;
    std::string text;
  };

  /// [[id, ["t", text]], …]: the ID is two arrays deep, the text three and behind its name.
  void take(const RespValue& value) {
    refuse_errors(value);
    if (value.type != '$') return;
    if (value.depth == 2) {
      Entry entry;
      std::from_chars(value.text.data(), value.text.data() + value.text.size(), entry.id);
      reply_.push_back(std::move(entry));
    } else if (value.depth == 3 && value.text != "t" && !reply_.empty()) {
      reply_.back().text = value.text;
    }
  }

  Connections& connections_;
  Replies replies_;
  const std::size_t n_;
  const std::string count_;
  std::vector<Entry> reply_;   // of one stream
  std::vector<Entry> newest_;  // of all of them
  std::size_t wrong_ = 0;
};

}  // namespace

Result run_rival_retrieve(const RivalSetting& setting, const RetrieveOptions& options) {
  if (setting.rival.name != "redis") throw Failure("only Redis keeps streams to retrieve from");
  const TempDirectory directory(setting.work);
  const RivalServer server(setting.rival, directory.path());
  RivalClients clients(setting.rival, server.address());
  clients.open(1);
  Connections& connections = clients.connections();
  fill(connections, options.history);
  const auto readers = draw_readers(options.followees);

  Retrieves retrieves(connections, options.n);
  for (std::size_t i = 0; i < kWarmUpRounds; ++i) retrieves.one(readers[i % readers.size()]);
  Samples latencies(options.count);
  const Usage before = server.usage();
  const TimePoint end = before.at + std::chrono::duration_cast<Duration>(
                                        std::chrono::duration<double>(setting.seconds));
  for (std::size_t i = 0; i < options.count && std::chrono::steady_clock::now() < end; ++i) {
    latencies.add(retrieves.one(readers[i % readers.size()]));
  }
  const Spent spent = between(before, server.usage());
  const auto count = static_cast<double>(latencies.size());

  Result result;
  result.scenario = name_of(setting, fmt::format("retrieve/{}", options.followees));
  result.add("retrieves", count);
  result.add("p50_us", latencies.percentile_us(0.5));
  result.add("p99_us", latencies.percentile_us(0.99));
  result.add("retrieves_per_second", count / spent.seconds);
  result.add("server_cpu_us_each", spent.server_seconds / std::max(count, 1.0) * 1e6);
  result.add("wrong", static_cast<double>(retrieves.wrong()));
  if (retrieves.wrong() > 0) result.note("retrieves were short");
  result.add(spent);
  result.note(server.version());
  return result;
}

}  // namespace hub::bench
