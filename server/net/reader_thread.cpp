#include "server/net/reader_thread.hpp"

#include <utility>

namespace hub::server {

ReaderThread::ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader,
                           Arrivals& arrivals)
    : inbox_(capacity), arrivals_(arrivals), reader_(std::move(reader)) {
  thread_ = std::thread([this] { run(); });
}

ReaderThread::~ReaderThread() {
  inbox_.close();
  std::vector<RetrieveJob> dropped;
  inbox_.take_all(dropped);
  thread_.join();
}

void ReaderThread::run() {
  while (const auto job = inbox_.wait_one()) {
    arrivals_.try_push(
        RetrievePage{job->tag, reader_->retrieve(job->account, job->n, job->before)});
  }
}

}  // namespace hub::server
