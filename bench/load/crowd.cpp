#include <memory>

#include <fmt/format.h>

#include "bench/load/database.hpp"
#include "bench/load/scenarios.hpp"
#include "bench/load/started_hub.hpp"

namespace hub::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAuthor = 0;  // the first session, and the first user
constexpr std::size_t kWarmUp = 5;  // posts
constexpr auto kPatience = 20s;
constexpr auto kSettle = 60ms;  // the last acks of a post wait 25 ms

/// One author and those who follow it. Made once, where there is a file to keep it in.
void prepare_crowd(const std::filesystem::path& file, std::size_t followers) {
  if (std::filesystem::exists(file)) return;
  std::filesystem::path unfinished = file;
  unfinished += ".unfinished";
  std::filesystem::remove(unfinished);
  {
    Database database(unfinished);
    database.add_users(1 + followers);
    std::vector<Database::Follows> follows;
    for (std::size_t i = 1; i <= followers; ++i) follows.push_back({i, {kAuthor}});
    database.follow(follows);
  }
  std::filesystem::rename(unfinished, file);
}

/// A hub whose author has so many followers, some of them online.
class Crowd {
 public:
  Crowd(const Setting& setting, const std::filesystem::path& file, std::size_t followers,
        const CrowdOptions& options)
      : setting_(setting),
        directory_(setting.work),
        data_((prepare_crowd(file, followers), copy_to_data(file, directory_.path()))),
        online_(options.online),
        hub_(std::make_unique<StartedHub>(setting, data_, user_name(kAuthor))) {
    empty_bytes_ = static_cast<double>(hub_->process().resident_bytes());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < online_; ++i) {
      names.push_back(user_name(1 + i * (followers / online_)));
    }
    hub_->swarm().login(names, kPassword);
    hub_->swarm().rest_for(kSettle);
    for (std::size_t i = 0; i < kWarmUp; ++i) post();
    full_bytes_ = static_cast<double>(hub_->process().resident_bytes());
    before_ = hub_->process().usage();
  }

  void post() {
    SealedSwarm& swarm = hub_->swarm();
    std::size_t missing = online_;
    swarm.send(kAuthor, Opcode::kPost, text_of(100), 0);
    const auto take = [&](std::size_t session, const Arrived& arrived, TimePoint) {
      if (arrived.opcode != Opcode::kForward) return;
      swarm.send(session, Opcode::kForwardAck, {}, arrived.id);
      if (missing > 0) --missing;
    };
    const TimePoint end = std::chrono::steady_clock::now() + kPatience;
    while (missing > 0) {
      if (std::chrono::steady_clock::now() > end) throw Failure("forwards of a post are missing");
      swarm.receive(100ms, take);
    }
    swarm.rest_for(kSettle);
    ++posts_;
  }

  double cpu_us_a_post() const {
    const Spent spent = between(before_, hub_->process().usage());
    return spent.server_seconds / static_cast<double>(posts_ - kWarmUp) * 1e6;
  }
  double empty_bytes() const { return empty_bytes_; }
  double full_bytes() const { return full_bytes_; }
  const StartedHub& hub() const { return *hub_; }
  std::uint64_t disk_bytes() const { return std::filesystem::file_size(data_.database()); }

  /// The online ones' sessions are in its database then.
  double restart_seconds() {
    hub_.reset();
    return StartedHub(setting_, data_, user_name(kAuthor)).first_login_seconds();
  }

 private:
  const Setting& setting_;
  const TempDirectory directory_;
  const store::DataDirectory data_;
  const std::size_t online_;
  std::unique_ptr<StartedHub> hub_;
  double empty_bytes_ = 0;
  double full_bytes_ = 0;
  Usage before_;
  std::size_t posts_ = 0;
};

}  // namespace

Result run_crowd(const Setting& setting, const CrowdOptions& options) {
  if (options.online > options.followers) throw Failure("more are online than there are");
  const TempDirectory directory(setting.work);
  const auto file = setting.history.empty() ? directory.path() / "crowd.db" : setting.history;
  Crowd large(setting, file, options.followers, options);
  Crowd small(setting, directory.path() / "small.db", options.online, options);
  for (std::size_t i = 0; i < options.posts; ++i) {
    large.post();
    small.post();
  }

  Result result;
  result.scenario = fmt::format("crowd/{}", options.followers);
  result.add("post_hub_cpu_us", large.cpu_us_a_post());
  result.add("post_hub_cpu_us_without_others", small.cpu_us_a_post());
  result.add("ratio", large.cpu_us_a_post() / small.cpu_us_a_post());
  result.add("start_to_first_login_s", large.hub().first_login_seconds());
  result.add("resident_bytes_nobody_online", large.empty_bytes());
  result.add("resident_bytes", large.full_bytes());
  result.add("resident_bytes_without_others", small.full_bytes());
  result.add("database_bytes", static_cast<double>(large.disk_bytes()));
  note_drops(large.hub().process().stats(), result);
  result.add("restart_to_first_login_s", large.restart_seconds());
  return result;
}

}  // namespace hub::bench
