#include "server/net/reader_thread.hpp"

#include <utility>

namespace hub::server {

ReaderThread::ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader,
                           LoadKeys load_keys, Arrivals& arrivals)
    : inbox_(capacity), arrivals_(arrivals), server_(std::move(reader), std::move(load_keys)) {
  thread_ = std::thread([this] { run(); });
}

ReaderThread::~ReaderThread() {
  inbox_.close();
  std::vector<ReadJob> dropped;
  inbox_.take_all(dropped);
  thread_.join();
}

void ReaderThread::run() {
  while (const auto job = inbox_.wait_one()) arrivals_.try_push(server_.perform(*job));
}

}  // namespace hub::server
