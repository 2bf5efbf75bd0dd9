// The reader thread: serves retrieves from a reader of its own, beside the writer and off the
// reactor.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "server/net/arrivals.hpp"
#include "server/net/inbox.hpp"
#include "store/store.hpp"

namespace hub::server {

class ReaderThread {
 public:
  ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader, Arrivals& arrivals);
  /// What still waits is dropped: nobody is left to read it.
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  /// Takes from the front of `jobs` what there is room for; returns how many.
  std::size_t push(std::vector<RetrieveJob>& jobs) { return inbox_.push_some(jobs); }

 private:
  void run();

  Inbox<RetrieveJob> inbox_;
  Arrivals& arrivals_;
  std::unique_ptr<store::Reader> reader_;
  std::thread thread_;
};

}  // namespace hub::server
