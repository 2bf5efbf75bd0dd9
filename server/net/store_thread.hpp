// The store thread: owns the store, and commits in groups. Whatever waits when a commit ends is the
// next group (HOUSE rule of every group commit: the slower the disk, the larger the group). Once
// the outputs of a commit are handed over it lets the store do what need not be done before, and
// tells the reactor how the store is: at once where that matters, else once a second at most.
// Created and pushed to by the reactor's side; the store itself lives and dies on this thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "server/net/arrivals.hpp"
#include "server/net/inbox.hpp"
#include "store/store.hpp"

namespace hub::server {

class StoreThread {
 public:
  using Open = std::function<std::unique_ptr<store::Store>()>;

  /// A group is committed as one transaction; no more than this many requests at once.
  static constexpr std::size_t kMaxGroup = 1024;

  /// Calls `open` on the new thread and waits for it; what it throws is thrown here.
  StoreThread(std::size_t capacity, const Open& open, Arrivals& arrivals);
  /// Commits what still waits, then closes the store. Every reader must be gone.
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  /// Takes from the front of `requests` what there is room for; returns how many.
  std::size_t push(std::vector<store::Request>& requests) { return inbox_.push_some(requests); }

  /// Any thread: whether writing has stopped for good.
  bool has_failed() const { return has_failed_; }
  /// Any thread; it must not outlive this object.
  std::unique_ptr<store::Reader> open_reader() { return store_->open_reader(); }

 private:
  void run();
  bool wait(std::vector<store::Request>& waiting);
  void commit(std::span<store::Request> group);
  void look_after_store();

  Inbox<store::Request> inbox_;
  Arrivals& arrivals_;
  std::unique_ptr<store::Store> store_;
  std::atomic<bool> has_failed_{false};
  // The thread's own: how the store is, as the reactor was told last.
  store::Health told_;
  std::chrono::steady_clock::time_point next_telling_{};
  bool awaits_second_ = false;  // something is to be done or told though nobody writes
  std::thread thread_;
};

}  // namespace hub::server
