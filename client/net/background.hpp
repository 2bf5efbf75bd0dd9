// Work that would hold up the loop: stretching a password, resolving a name. One thread, one piece
// of work after the other; what is to happen with a result happens on the loop's thread again.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace hub::client {

class Background {
 public:
  /// Called on the loop's thread, in take().
  using Then = std::function<void()>;
  /// Called on the other thread; returns what comes after it.
  using Work = std::function<Then()>;

  Background();
  /// Waits for what is under way; the rest is dropped.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void post(Work work);
  /// Readable when take() has something to do.
  int fd() const { return fd_; }
  void take();

 private:
  void run();

  int fd_ = -1;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Work> works_;
  std::deque<Then> done_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hub::client
