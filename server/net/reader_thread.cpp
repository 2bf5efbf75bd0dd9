#include "server/net/reader_thread.hpp"

#include <utility>
#include <variant>

namespace hub::server {

ReaderThread::ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader,
                           LoadKeys load_keys, Arrivals& arrivals)
    : inbox_(capacity), arrivals_(arrivals), server_(std::move(reader), std::move(load_keys)) {
  thread_ = std::thread([this] { run(); });
}

ReaderThread::~ReaderThread() {
  stopping_ = true;
  inbox_.close();
  thread_.join();
}

void ReaderThread::run() {
  std::vector<ReadJob> arrived;
  while (!stopping_) {
    if (logins_.empty() && others_.empty()) {
      if (!inbox_.wait_all(arrived)) return;
    } else {
      inbox_.take_all(arrived);
    }
    sort(arrived);
    std::deque<ReadJob>& queue = logins_.empty() ? others_ : logins_;
    const ReadJob job = std::move(queue.front());
    queue.pop_front();
    arrivals_.try_push(server_.perform(job));
  }
}

void ReaderThread::sort(std::vector<ReadJob>& jobs) {
  for (ReadJob& job : jobs) {
    const bool is_login =
        std::holds_alternative<AccountJob>(job) || std::holds_alternative<DeviceJob>(job);
    (is_login ? logins_ : others_).push_back(std::move(job));
  }
  jobs.clear();
}

}  // namespace hub::server
