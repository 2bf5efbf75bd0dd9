#include "tests/sim/whole_script.hpp"

#include <algorithm>
#include <array>
#include <random>

#include <fmt/format.h>

namespace hub::test {

using namespace std::chrono_literals;

namespace {

struct Kind {
  Deed deed;
  const char* name;
  double weight;  // how often, against the others
};

/// What a world's paths carry: no more than any, tunnels, Ethernet, jumbo frames, loopback.
constexpr std::array<std::size_t, 5> kMtus{1200, 1400, 1472, 8972, 65'507};

constexpr std::array kKinds = {
    Kind{Deed::kPost, "post", 40},
    Kind{Deed::kSubscribe, "subscribe", 8},
    Kind{Deed::kUnsubscribe, "unsubscribe", 5},
    Kind{Deed::kRetrieve, "retrieve", 3},
    Kind{Deed::kLogout, "logout", 3},
    Kind{Deed::kRebind, "rebind", 3},
    Kind{Deed::kMove, "move", 2},
    Kind{Deed::kCut, "cut", 6},
    Kind{Deed::kLeave, "leave", 2},
    Kind{Deed::kKillClient, "kill client", 5},
    Kind{Deed::kCutClient, "cut the client's power", 2},
    Kind{Deed::kRewind, "rewind the client's files", 0.7},
    Kind{Deed::kFillClient, "fill the client's disk", 1},
    Kind{Deed::kWeather, "weather", 4},
    Kind{Deed::kKillHub, "kill the hub", 4},
    Kind{Deed::kCutHub, "cut the hub's power", 4},
    Kind{Deed::kFailDisk, "fail the hub's disk", 3},
    Kind{Deed::kDisable, "disable", 1},
    Kind{Deed::kSetPassword, "set-password", 0.5},
    Kind{Deed::kEndSessions, "end-session", 0.5},
    Kind{Deed::kForgetDevice, "forget-device", 0.5},
    Kind{Deed::kDeleteUser, "delete-user", 0.5},
    Kind{Deed::kDeletePost, "delete-post", 2},
    Kind{Deed::kBackUp, "back up", 1.5},
    Kind{Deed::kRestore, "restore", 0.4},
    Kind{Deed::kImport, "import", 0.5},
};
static_assert(kKinds.size() == static_cast<std::size_t>(Deed::kCount));

const std::vector<std::string> kNames = {"ann", "bob", "cid", "dee", "eve"};
const std::vector<std::string> kStrangers = {"fay", "gus"};

class Maker {
 public:
  Maker(std::uint64_t seed, Duration length) : dice_(seed) {
    script_.seed = seed;
    script_.length = length;
  }

  Script make() {
    cast();
    circumstances();
    meet();
    const auto weights = tastes();
    std::discrete_distribution<std::size_t> kinds(weights.begin(), weights.end());
    const auto mean =
        std::chrono::duration<double>(std::uniform_real_distribution(0.3, 1.5)(dice_));
    std::exponential_distribution<double> gaps(1 / mean.count());
    Duration at = 6s;
    while (true) {
      at += std::chrono::duration_cast<Duration>(std::chrono::duration<double>(gaps(dice_)));
      if (at >= script_.length) break;
      add(at, kKinds[kinds(dice_)].deed);
    }
    return std::move(script_);
  }

 private:
  std::uint64_t below(std::uint64_t n) { return dice_() % n; }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(dice_) < p; }
  Duration between(Duration low, Duration high) {
    return low + Duration(static_cast<Duration::rep>(
                     below(static_cast<std::uint64_t>((high - low).count()))));
  }
  /// Mostly short, seldom long.
  Duration absence() {
    switch (below(6)) {
      case 0:
        return between(1ms, 50ms);
      case 1:
        return between(10s, 30s);
      default:
        return between(100ms, 6s);
    }
  }
  int client() { return static_cast<int>(below(script_.cast.account_of.size())); }
  const std::string& account() {
    return script_.cast.accounts[below(script_.cast.accounts.size())];
  }

  const std::string& stranger() {
    return script_.cast.strangers[below(script_.cast.strangers.size())];
  }
  const std::string& anybody() { return chance(0.25) ? stranger() : account(); }

  void cast() {
    script_.cast.strangers = kStrangers;
    const std::size_t clients = 3 + below(6);
    const std::size_t accounts = std::min(clients, 2 + below(4));
    script_.cast.accounts.assign(kNames.begin(),
                                 kNames.begin() + static_cast<std::ptrdiff_t>(accounts));
    for (std::size_t i = 0; i < clients; ++i) {
      script_.cast.account_of.push_back(static_cast<int>(i < accounts ? i : below(accounts)));
      script_.cast.queues.push_back(chance(0.5));
    }
  }

  void circumstances() {
    script_.weather = {.loss = chance(0.5) ? 0.0 : 0.01,
                       .duplicate = chance(0.5) ? 0.0 : 0.01,
                       .corrupt = 0,
                       .delay = between(1ms, 40ms),
                       .jitter = chance(0.3) ? Duration{1} : between(1ms, 20ms),
                       .mtu = kMtus[script_.seed % kMtus.size()]};
    script_.delays = {.commit = between(0ms, 30ms),
                      .check = 5ms,
                      .read = chance(0.2) ? between(20ms, 300ms) : between(0ms, 10ms),
                      .read_first = chance(0.5),
                      .outputs = chance(0.3) ? Duration{0} : between(0ms, 20ms)};
    server::HubConfig& config = script_.config;
    config.classic = server::ClassicAccess::kOff;
    config.session_timeout = between(15s, 60s);
    config.posts_per_second = chance(0.2) ? 5 : 500;
    // By the seed alone: most runs have little in memory, and read from the store.
    if (script_.seed % 8 != 0) config.recent_posts = static_cast<std::uint32_t>(script_.seed % 10);
    // Enough for everybody, but not for a device that nobody is any more beside them.
    script_.max_devices = chance(0.3) ? most_of_one_account() : 32;
    script_.delete_step = chance(0.5) ? 2'000 : static_cast<std::uint32_t>(2 + below(40));
    script_.heads_interval = chance(0.5) ? 10'000 : static_cast<std::uint32_t>(3 + below(40));
  }

  std::uint32_t most_of_one_account() const {
    const auto& all = script_.cast.account_of;
    std::ptrdiff_t most = 0;
    for (const int account : all)
      most = std::max(most, std::count(all.begin(), all.end(), account));
    return static_cast<std::uint32_t>(most);
  }

  /// At first everybody follows somebody.
  void meet() {
    for (std::size_t i = 0; i < script_.cast.account_of.size(); ++i) {
      for (std::uint64_t n = 1 + below(2); n > 0; --n) {
        Action& action = add(between(2s, 6s), Deed::kSubscribe);
        action.client = static_cast<int>(i);
      }
    }
    sort();
  }

  void sort() {
    std::stable_sort(script_.actions.begin(), script_.actions.end(),
                     [](const Action& a, const Action& b) { return a.at < b.at; });
    for (std::size_t i = 0; i < script_.actions.size(); ++i) {
      script_.actions[i].number = static_cast<int>(i);
    }
  }

  /// Every world likes some deeds and lacks others: together they try more than all would alike.
  std::vector<double> tastes() {
    std::vector<double> out;
    for (const Kind& kind : kKinds) {
      constexpr std::array kFactors = {0.0, 0.3, 1.0, 1.0, 3.0};
      const bool always = kind.deed == Deed::kPost || kind.deed == Deed::kSubscribe;
      out.push_back(kind.weight * (always ? 1.0 : kFactors[below(kFactors.size())]));
    }
    return out;
  }

  LinkFaults storm() {
    LinkFaults faults = script_.weather;
    if (script_.seed % 3 == 0) faults.mtu = kMtus.front();
    switch (below(4)) {
      case 0:
        faults.loss = 0.05 + 0.4 * static_cast<double>(below(100)) / 100;
        break;
      case 1:
        faults.duplicate = 0.3;
        faults.jitter = 300ms;
        faults.corrupt = 0.02;
        break;
      case 2:
        faults.delay = 750ms;
        faults.loss = 0.05;
        break;
      default:
        faults.loss = 1;
    }
    return faults;
  }

  Action& add(Duration at, Deed deed) {
    Action action;
    action.number = static_cast<int>(script_.actions.size());
    action.at = at;
    action.deed = deed;
    action.client = client();
    action.lasts = absence();
    fill(action);
    script_.actions.push_back(std::move(action));
    return script_.actions.back();
  }

  void fill(Action& action) {
    switch (action.deed) {
      case Deed::kPost:
        // Now and then more than a connection takes at once.
        action.count = chance(0.7) ? 1 : chance(0.9) ? 2 + below(12) : 40 + below(40);
        action.text = chance(0.8) ? "t" : "t" + std::string(200 + below(700), 'x');
        break;
      case Deed::kSubscribe:
      case Deed::kUnsubscribe:
      case Deed::kDisable:
        action.text = anybody();
        break;
      case Deed::kSetPassword:
      case Deed::kEndSessions:
        action.text = account();
        break;
      case Deed::kForgetDevice:
        action.text = account();
        action.count = below(8);
        break;
      case Deed::kDeleteUser:
        action.text = stranger();
        break;
      case Deed::kRetrieve:
        action.count = 1 + below(30);
        break;
      case Deed::kKillClient:
      case Deed::kCutClient:
      case Deed::kRewind:
        action.count = below(6);
        break;
      case Deed::kWeather:
        action.faults = storm();
        if (action.faults.loss >= 1) action.lasts = std::min<Duration>(action.lasts, 8s);
        break;
      case Deed::kKillHub:
      case Deed::kCutHub:
        action.where = chance(0.2) ? Where::kNow : chance(0.6) ? Where::kDisk : Where::kNetwork;
        action.count = below(14);
        break;
      case Deed::kFailDisk:
        action.failure = static_cast<SimDisk::Failure>(below(4));
        action.count = below(14);
        action.lasting = chance(0.5);
        break;
      case Deed::kDeletePost:
        action.count = 1 + below(5);
        break;
      case Deed::kImport:
        action.text = chance(0.6) ? stranger() : account();
        action.count = chance(0.5) ? 5 + below(100) : 900 + below(400);
        break;
      default:
        break;
    }
  }

  std::mt19937_64 dice_;
  Script script_;
};

std::string seconds(Duration span) {
  return fmt::format("{:.3f} s", std::chrono::duration<double>(span).count());
}

std::string details(const Action& action) {
  const std::string during = " for " + seconds(action.lasts);
  constexpr std::array kFailures = {"full", "write error", "short write", "sync error"};
  switch (action.deed) {
    case Deed::kPost:
      return fmt::format("{} lines, the first #{}", action.count, text_of(action, 0).substr(0, 20));
    case Deed::kSubscribe:
    case Deed::kUnsubscribe:
    case Deed::kSetPassword:
    case Deed::kEndSessions:
    case Deed::kForgetDevice:
    case Deed::kDeleteUser:
      return action.text;
    case Deed::kDisable:
      return action.text + during;
    case Deed::kRetrieve:
    case Deed::kDeletePost:
      return fmt::format("{}", action.count);
    case Deed::kImport:
      return fmt::format("{} posts by {}", action.count, action.text);
    case Deed::kKillClient:
    case Deed::kCutClient:
    case Deed::kRewind:
      return fmt::format("after {} outputs,{}", action.count, during);
    case Deed::kWeather:
      return describe(action.faults) + during;
    case Deed::kKillHub:
    case Deed::kCutHub:
      return fmt::format("after {} {},{}", action.where == Where::kNow ? 0 : action.count,
                         action.where == Where::kDisk ? "disk operations" : "datagrams", during);
    case Deed::kFailDisk:
      return fmt::format("{} after {} operations, {}{}",
                         kFailures.at(static_cast<std::size_t>(action.failure)), action.count,
                         action.lasting ? "lasting" : "once", during);
    default:
      return action.lasts > Duration::zero() ? "for " + seconds(action.lasts) : std::string();
  }
}

}  // namespace

const char* name_of(Deed deed) { return kKinds.at(static_cast<std::size_t>(deed)).name; }

Script make_script(std::uint64_t seed, Duration length) { return Maker(seed, length).make(); }

std::string text_of(const Action& action, std::uint64_t index) {
  return fmt::format("t{}.{}{}", action.number, index, action.text.substr(1));
}

std::string describe(const LinkFaults& faults) {
  return fmt::format(
      "loss {:.2f}, repeats {:.2f}, damage {:.2f}, at most {} bytes, delay {} to {} ms",
      faults.loss, faults.duplicate, faults.corrupt, faults.mtu,
      std::chrono::duration_cast<std::chrono::milliseconds>(faults.delay).count(),
      std::chrono::duration_cast<std::chrono::milliseconds>(faults.delay + faults.jitter).count());
}

std::string describe(const Action& action, const Script& script) {
  const bool of_client = action.deed < Deed::kWeather;
  const std::string who =
      of_client ? fmt::format("client {} ({})", action.client,
                              script.cast.accounts[static_cast<std::size_t>(
                                  script.cast.account_of[static_cast<std::size_t>(action.client)])])
                : std::string("all");
  return fmt::format("[{:3}] {:>9}  {:15} {} {}", action.number, seconds(action.at), who,
                     name_of(action.deed), details(action));
}

}  // namespace hub::test
