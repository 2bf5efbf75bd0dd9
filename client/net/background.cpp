#include "client/net/background.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace hub::client {

Background::Background() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    works_.clear();
  }
  arrived_.notify_one();
  thread_.join();
  close(fd_);
}

void Background::post(Work work) {
  {
    const std::lock_guard lock(mutex_);
    works_.push_back(std::move(work));
  }
  arrived_.notify_one();
}

void Background::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read_bytes = read(fd_, &count, sizeof count);
  std::deque<Then> done;
  {
    const std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (const Then& then : done) then();
}

void Background::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return stopping_ || !works_.empty(); });
    if (stopping_) return;
    const Work work = std::move(works_.front());
    works_.pop_front();
    lock.unlock();
    Then then = work();
    lock.lock();
    done_.push_back(std::move(then));
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
  }
}

}  // namespace hub::client
