#include "tests/e2e/soak/plan.hpp"

#include <vector>

#include <fmt/format.h>

#include "protocol/failpoint.hpp"

namespace hub::test::soak {

using std::chrono::milliseconds;

namespace {

constexpr unsigned kMostAfterBack = 800;   // ms
constexpr unsigned kMostAfterStart = 600;  // ms
constexpr unsigned kMostDowntime = 2500;   // ms
constexpr unsigned kDowntimeEvery = 8;     // else it is started again at once
constexpr unsigned kRound = 5;             // kills
constexpr unsigned kBadWeatherEvery = 4;

}  // namespace

unsigned draw(std::mt19937& random, unsigned most) {
  return static_cast<unsigned>(random() % (std::uint_fast64_t{most} + 1));
}

std::string draw_client_failpoint(std::mt19937& random, bool reads, bool writes) {
  std::vector<Failpoint> choice;
  if (reads) choice.insert(choice.end(), kReaderFailpoints.begin(), kReaderFailpoints.end());
  if (writes) choice.insert(choice.end(), kWriterFailpoints.begin(), kWriterFailpoints.end());
  const Failpoint& point = choice.at(draw(random, static_cast<unsigned>(choice.size()) - 1));
  const unsigned hit = 1 + draw(random, point.most - 1);
  const bool none = draw(random, 1) == 0;
  if (!kHasFailpoints || none) return {};
  return fmt::format("{}:{}", point.name, hit);
}

const Failpoint* failpoint_of(unsigned number) {
  // Of a round the first comes under load, the third during the comeback.
  static constexpr std::array<int, kRound> kOfRound = {-1, 0, -1, 1, 2};
  const int in_round = kOfRound[number % kRound];
  if (in_round < 0) return nullptr;
  const unsigned before = number / kRound * 3;
  return &kHubFailpoints.at((before + static_cast<unsigned>(in_round)) % kHubFailpoints.size());
}

Kill plan_kill(unsigned number, std::mt19937& random) {
  Kill out;
  const Failpoint* const point = failpoint_of(number);
  if (kHasFailpoints && point != nullptr) {
    out.when = Kill::When::kFailpoint;
    out.name = point->name;
    out.failpoint = fmt::format("{}:{}", point->name, 1 + draw(random, point->most - 1));
  } else if (number % kRound == 2) {
    out.when = Kill::When::kComingBack;
    out.name = "coming back";
    out.after = milliseconds(draw(random, kMostAfterStart));
  } else {
    out.name = "under load";
    out.after = milliseconds(draw(random, kMostAfterBack));
  }
  if (draw(random, kDowntimeEvery - 1) == 0) {
    out.downtime = milliseconds(draw(random, kMostDowntime));
  }
  out.bad_weather = number % kBadWeatherEvery == kBadWeatherEvery - 1;
  return out;
}

}  // namespace hub::test::soak
