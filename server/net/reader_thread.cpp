#include "server/net/reader_thread.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

/// Some 10 us each: nobody else waits much longer for them.
constexpr std::size_t kMostTogether = 64;

}  // namespace

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
    if (resumes_.empty() && logins_.empty() && others_.empty()) {
      if (!inbox_.wait_all(arrived)) return;
    } else {
      inbox_.take_all(arrived);
    }
    sort(arrived);
    if (!resumes_.empty()) serve_resumes();
    if (!logins_.empty()) {
      serve_one(logins_);
    } else if (!others_.empty() && (resumes_.empty() || fault("pages_between_resumes"))) {
      serve_one(others_);
    }
  }
}

void ReaderThread::sort(std::vector<ReadJob>& jobs) {
  for (ReadJob& job : jobs) {
    if (auto* resume = std::get_if<DeviceJob>(&job)) {
      resumes_.push_back(std::move(*resume));
    } else {
      (std::holds_alternative<AccountJob>(job) ? logins_ : others_).push_back(std::move(job));
    }
  }
  jobs.clear();
}

void ReaderThread::serve_resumes() {
  const std::size_t count = std::min(resumes_.size(), kMostTogether);
  const auto end = resumes_.begin() + static_cast<std::ptrdiff_t>(count);
  const std::vector<DeviceJob> jobs(resumes_.begin(), end);
  resumes_.erase(resumes_.begin(), end);
  std::vector<Arrival> answers;
  for (ReadResult& found : server_.find_devices(jobs)) answers.emplace_back(std::move(found));
  arrivals_.push_some(answers);
}

void ReaderThread::serve_one(std::deque<ReadJob>& queue) {
  const ReadJob job = std::move(queue.front());
  queue.pop_front();
  arrivals_.try_push(server_.perform(job));
}

}  // namespace hub::server
