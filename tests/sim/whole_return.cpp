// Whether everybody is there again after the hub was gone, and at rest in the end.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "tests/sim/whole_verdict.hpp"

namespace hub::test {

using namespace std::chrono_literals;
using What = Sight::What;

namespace {

constexpr Duration kBackWithin = 5s;
/// The hub writes down within a minute where a client went.
constexpr Duration kUnknownAddress = 70s;
constexpr Duration kNewWay = 3s;

/// What came of each client between the hub's going down and five seconds after its return.
struct Standing {
  bool online = false;
  Duration moved_at{};
  Duration unsure_until{};  // it moved, and the hub may not have written down where to; or it is
                            // about to log out
  bool back = false;
  bool excused = false;
};

class Returns {
 public:
  Returns(const History& history, Verdict& verdict)
      : history_(history), verdict_(verdict), all_(history.account_of.size()) {}

  void judge() {
    for (const Sight& sight : history_.sights) {
      if (up_at_ && sight.at > *up_at_ + kBackWithin) finish();
      if (sight.client >= 0) {
        take(sight, all_[static_cast<std::size_t>(sight.client)]);
      } else {
        take(sight);
      }
    }
  }

 private:
  void take(const Sight& sight, Standing& client) {
    switch (sight.what) {
      case What::kOnline:
        client.online = true;
        // A way that was new in the middle of the login may not have been proven yet.
        if (sight.at > client.moved_at + kNewWay) client.unsure_until = {};
        if (up_at_) client.back = true;
        return;
      case What::kOffline:
        client.online = false;
        return;
      case What::kDisturbed:
        client.moved_at = sight.at;
        client.unsure_until = sight.at + kUnknownAddress;
        client.excused = true;
        return;
      case What::kUp:
      case What::kLeft:
      case What::kKilled:
      case What::kPowerCut:
      case What::kRewound:
        client.excused = true;
        return;
      case What::kTyped:
        if (sight.text == "logout#" || sight.text.substr(0, 6) == "login#") {
          client.unsure_until = Duration::max();
          client.excused = true;
        }
        return;
      default:
        return;
    }
  }

  void take(const Sight& sight) {
    switch (sight.what) {
      case What::kHubDown:
        if (!down_) {
          for (Standing& client : all_) {
            client.excused = !client.online || client.unsure_until > sight.at;
            client.back = false;
          }
        }
        down_ = true;
        up_at_.reset();
        return;
      case What::kHubUp:
        if (down_) up_at_ = sight.at;
        down_ = false;
        foul_since_up_ = foul_ || !disk_works_;
        return;
      case What::kFair:
        foul_ = false;
        return;
      case What::kFoul:
        foul_ = foul_since_up_ = true;
        return;
      case What::kDiskFails:
        disk_works_ = false;
        foul_since_up_ = true;
        return;
      case What::kDiskWorks:
        disk_works_ = true;
        return;
      case What::kOrdered:
      case What::kRestored:
        // Somebody's sessions are over.
        for (Standing& client : all_) client.excused = true;
        return;
      default:
        return;
    }
  }

  void finish() {
    for (std::size_t i = 0; i < all_.size() && !foul_since_up_; ++i) {
      if (all_[i].excused || (all_[i].back && all_[i].online)) continue;
      Sight sight;
      sight.at = *up_at_;
      sight.client = static_cast<int>(i);
      verdict_.add("back", fmt::format("client {} is not back within 5 s of the hub", i), sight);
    }
    up_at_.reset();
  }

  const History& history_;
  Verdict& verdict_;
  std::vector<Standing> all_;
  std::optional<Duration> up_at_;  // five seconds are not over since
  bool down_ = false;
  bool foul_ = true;
  bool foul_since_up_ = true;
  bool disk_works_ = true;
};

}  // namespace

void judge_returns(const History& history, Verdict& verdict) {
  Returns(history, verdict).judge();
  for (const History::Stuck& stuck : history.stuck) {
    Sight sight;
    sight.client = stuck.client;
    sight.at = history.sights.back().at;
    verdict.add("rest", stuck.what, sight);
  }
}

}  // namespace hub::test
