#include "server/net/store_thread.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <future>
#include <span>
#include <string>

#include "protocol/failpoint.hpp"
#include "protocol/fault.hpp"

namespace hub::server {

namespace {

constexpr std::chrono::seconds kSecond{1};

WallTime wall_clock() {
  return std::chrono::time_point_cast<WallTime::duration>(std::chrono::system_clock::now());
}

/// The store does not throw; if it does all the same (out of memory), nobody may be told "done".
StoreOutputs refuse_all(std::span<const store::Request> group, const std::string& why) {
  StoreOutputs out;
  for (const store::Request& request : group) {
    out.emplace_back(store::Reply{
        request.tag, control::Refused{control::Refusal::kStoreFailed, "the store failed: " + why}});
  }
  return out;
}

}  // namespace

StoreThread::StoreThread(std::size_t capacity, const Open& open, Arrivals& arrivals)
    : inbox_(capacity), arrivals_(arrivals) {
  std::promise<void> opened;
  auto result = opened.get_future();
  thread_ = std::thread([this, &open, promise = std::move(opened)]() mutable {
    try {
      store_ = open();
    } catch (...) {
      promise.set_exception(std::current_exception());
      return;
    }
    promise.set_value();
    run();
  });
  try {
    result.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

StoreThread::~StoreThread() {
  inbox_.close();
  thread_.join();
}

void StoreThread::run() {
  std::vector<store::Request> waiting;
  look_after_store();
  while (wait(waiting)) {
    if (waiting.empty()) look_after_store();
    const std::span<store::Request> all(waiting);
    const std::size_t most = fault("commits_are_not_grouped") ? 1 : kMaxGroup;
    for (std::size_t at = 0; at < all.size(); at += most) {
      commit(all.subspan(at, std::min(most, all.size() - at)));
    }
  }
  store_.reset();
}

bool StoreThread::wait(std::vector<store::Request>& waiting) {
  return awaits_second_ ? inbox_.wait_all_for(waiting, kSecond) : inbox_.wait_all(waiting);
}

void StoreThread::commit(std::span<store::Request> group) {
  failpoint("batch_taken");
  StoreOutputs outputs;
  try {
    outputs = store_->apply(group, wall_clock());
  } catch (const std::exception& error) {
    outputs = refuse_all(group, error.what());
  }
  failpoint("outputs_kept");
  if (fault("acks_wait_for_checkpoint")) look_after_store();
  arrivals_.try_push(std::move(outputs));
  look_after_store();
}

void StoreThread::look_after_store() {
  try {
    store_->maintain(wall_clock());
  } catch (const std::exception&) {
    // As above. What is left undone is due again a second later, or at the next commit.
  }
  const store::Health health = store_->health();
  has_failed_ = health.writing == store::Health::Writing::kFailed;
  const bool matters = health.writing != told_.writing || health.log_is_long != told_.log_is_long;
  const auto now = std::chrono::steady_clock::now();
  if (health != told_ && (matters || now >= next_telling_) &&
      arrivals_.try_push(store::Health(health))) {
    told_ = health;
    next_telling_ = now + kSecond;
  }
  awaits_second_ = health.is_restless || health != told_;
}

}  // namespace hub::server
