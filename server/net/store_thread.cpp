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
  while (inbox_.wait_all(waiting)) {
    const std::span<const store::Request> all(waiting);
    const std::size_t most = fault("commits_are_not_grouped") ? 1 : kMaxGroup;
    for (std::size_t at = 0; at < all.size(); at += most) {
      commit(all.subspan(at, std::min(most, all.size() - at)));
    }
  }
  store_.reset();
}

void StoreThread::commit(std::span<const store::Request> group) {
  failpoint("batch_taken");
  StoreOutputs outputs;
  try {
    outputs = store_->apply(group, wall_clock());
  } catch (const std::exception& error) {
    outputs = refuse_all(group, error.what());
  }
  failpoint("outputs_kept");
  arrivals_.try_push(std::move(outputs));
}

}  // namespace hub::server
