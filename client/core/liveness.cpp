#include "client/core/liveness.hpp"

#include <algorithm>
#include <chrono>

#include "protocol/fault.hpp"

namespace hub::client {

using namespace std::chrono_literals;

namespace {

constexpr int kGapsOfSilence = 4;
constexpr int kGapWeight = 8;  // of the past against the newest gap

}  // namespace

void Liveness::begin(TimePoint now) {
  interval_ = config_.keep_alive;
  usual_gap_ = Duration::zero();
  last_heard_ = now;
  silence_.reset();
  plan_keep_alive(now);
}

void Liveness::set_session_timeout(Duration timeout, TimePoint now) {
  interval_ = std::min<Duration>(std::max<Duration>(timeout / 3, 100ms), config_.keep_alive);
  plan_keep_alive(now);
}

void Liveness::plan_keep_alive(TimePoint now) {
  const auto tenth = static_cast<std::uint64_t>(interval_.count() / 10);
  keep_alive_ = now + interval_ - Duration(static_cast<Duration::rep>(random_.u64() % (tenth + 1)));
  if (fault("no_keep_alive")) keep_alive_ = now + 24h;
}

void Liveness::on_sent(TimePoint now) { plan_keep_alive(now); }

void Liveness::on_heard(TimePoint now) {
  const Duration gap = now - last_heard_;
  last_heard_ = now;
  usual_gap_ =
      usual_gap_ == Duration::zero() ? gap : (usual_gap_ * (kGapWeight - 1) + gap) / kGapWeight;
  silence_wait_ = std::max(config_.silence, kGapsOfSilence * usual_gap_);
  silence_ = now + silence_wait_;
  if (fault("silence_not_asked_about")) silence_.reset();
}

TimePoint Liveness::next_timeout() const {
  // Beyond a keep-alive's time, the keep-alive asks the same question.
  if (silence_ && *silence_ < keep_alive_) return *silence_;
  return keep_alive_;
}

bool Liveness::on_timeout(TimePoint now) {
  if (now < next_timeout()) return false;
  if (silence_ && now >= *silence_) {
    silence_wait_ *= 2;
    silence_ = now + silence_wait_;
  }
  plan_keep_alive(now);
  return true;
}

}  // namespace hub::client
