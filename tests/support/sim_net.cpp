#include "tests/support/sim_net.hpp"

#include <stdexcept>

namespace hub::test {

namespace {
constexpr WallTime kWallBegin{std::chrono::seconds(1'700'000'000)};
constexpr std::uint64_t kEventBudget = 5'000'000;  // of one run_until()
}  // namespace

SimNet::SimNet(std::uint64_t seed, const LinkFaults& faults)
    : seed_(seed), dice_(seed), faults_(faults) {}

Now SimNet::now() const {
  return {now_, kWallBegin + std::chrono::duration_cast<std::chrono::microseconds>(now_ - kBegin)};
}

void SimNet::attach(const Endpoint& at, Receiver receiver) { receivers_[at] = std::move(receiver); }

void SimNet::cut(const Endpoint& at, bool is_cut) {
  if (is_cut) {
    cut_.insert(at);
  } else {
    cut_.erase(at);
  }
}

bool SimNet::chance(double probability) {
  return probability > 0 && std::uniform_real_distribution<double>(0, 1)(dice_) < probability;
}

void SimNet::send(const Endpoint& from, const Endpoint& to, Bytes bytes) {
  if (bytes.size() > faults_.mtu) return;
  const int copies = chance(faults_.loss) ? 0 : chance(faults_.duplicate) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy) {
    std::vector<std::uint8_t> sent(bytes.begin(), bytes.end());
    if (!sent.empty() && chance(faults_.corrupt)) {
      sent[dice_() % sent.size()] ^= static_cast<std::uint8_t>(1u << (dice_() % 8));
    }
    Duration wait = faults_.delay;
    if (faults_.jitter > Duration::zero()) {
      wait += Duration(
          static_cast<Duration::rep>(dice_() % static_cast<std::uint64_t>(faults_.jitter.count())));
    }
    after(wait, [this, from, to, sent = std::move(sent)] { deliver(from, to, sent); });
  }
}

void SimNet::deliver(const Endpoint& from, const Endpoint& to,
                     const std::vector<std::uint8_t>& bytes) {
  if (cut_.count(from) > 0 || cut_.count(to) > 0) return;
  const auto found = receivers_.find(to);
  if (found == receivers_.end()) return;
  const Receiver receiver = found->second;  // it may detach itself
  receiver(from, to, bytes);
}

void SimNet::at(TimePoint when, std::function<void()> what) {
  events_.emplace(std::pair{when < now_ ? now_ : when, order_++}, std::move(what));
}

void SimNet::advance_to(TimePoint when) {
  if (when > now_) now_ = when;
}

bool SimNet::run_until(const std::function<bool()>& done, Duration limit) {
  const TimePoint end = now_ + limit;
  if (done()) return true;
  for (std::uint64_t budget = kEventBudget; !events_.empty(); --budget) {
    if (budget == 0) {
      throw std::runtime_error("event budget used up, a busy loop? seed " + std::to_string(seed_));
    }
    auto next = events_.begin();
    if (next->first.first > end) break;
    advance_to(next->first.first);
    const auto what = std::move(next->second);
    events_.erase(next);
    what();
    if (done()) return true;
  }
  advance_to(end);
  return done();
}

void SimNet::run_for(Duration span) {
  run_until([] { return false; }, span);
}

void SeededRandom::fill(std::span<std::uint8_t> out) {
  for (auto& byte : out) byte = static_cast<std::uint8_t>(dice_());
}

}  // namespace hub::test
