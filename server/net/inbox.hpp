// A bounded mailbox between threads. Any thread pushes; whoever owns the inbox takes. Nothing else
// is shared between the hub's threads. A full or closed inbox refuses at once: nobody waits to
// push.
//
// A worker thread waits in wait_all() or wait_one(). The reactor, which may not wait, is woken by
// the function of on_first(): called once whenever an item arrives in an empty inbox, so that a
// burst costs one wake-up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "protocol/fault.hpp"

namespace hub::server {

template <typename T>
class Inbox {
 public:
  explicit Inbox(std::size_t capacity) : capacity_(capacity) {}

  /// `wake` is called by the pushing thread with the inbox locked: it must not touch the inbox. An
  /// empty function takes the old one away; after that call it is not running and never runs again.
  void on_first(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
  }

  /// False, with `item` untouched, where the inbox is full or closed.
  bool try_push(T&& item) {
    const std::lock_guard lock(mutex_);
    if (!has_room()) return false;
    items_.push_back(std::move(item));
    if (items_.size() == 1 && wake_) wake_();
    arrived_.notify_one();
    return true;
  }

  /// Takes from the front of `items` what there is room for, under one lock; returns how many.
  std::size_t push_some(std::vector<T>& items) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = items_.empty();
    std::size_t taken = 0;
    for (; taken < items.size() && has_room(); ++taken) {
      items_.push_back(std::move(items[taken]));
    }
    if (taken > 0 && was_empty && wake_) wake_();
    if (taken > 0) arrived_.notify_all();
    return taken;
  }

  /// Waits, then moves everything there into `out` (emptied first). False, and nothing, once the
  /// inbox is closed and what was in it has been taken.
  bool wait_all(std::vector<T>& out) {
    out.clear();
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return closed_ || !items_.empty(); });
    out.swap(items_);
    return !out.empty();
  }

  /// The same, but no longer than so: true with nothing in `out` is that nothing came.
  bool wait_all_for(std::vector<T>& out, std::chrono::milliseconds at_most) {
    out.clear();
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, at_most, [&] { return closed_ || !items_.empty(); });
    out.swap(items_);
    return !out.empty() || !closed_;
  }

  /// Waits for the oldest item; for several threads on one short inbox. Nothing once closed.
  std::optional<T> wait_one() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> out(std::move(items_.front()));
    items_.erase(items_.begin());
    return out;
  }

  /// Moves everything there into `out` (emptied first) without waiting.
  void take_all(std::vector<T>& out) {
    out.clear();
    const std::lock_guard lock(mutex_);
    out.swap(items_);
  }

  /// Refuses every further push; waiting threads take what is left, then nothing.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    arrived_.notify_all();
  }

 private:
  bool has_room() const {
    return !closed_ && (items_.size() < capacity_ || fault("inbox_unbounded"));
  }

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<T> items_;
  std::function<void()> wake_;
  bool closed_ = false;
};

}  // namespace hub::server
