// The reader thread: serves what the core wants read (read_server.hpp), from a reader of its own,
// beside the writer and off the reactor. Logins and resumes go before what those who are online
// want read: each is short, and somebody waits at the door. Resumes come in crowds, after a
// restart of the hub: those that wait are looked up together.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "server/net/arrivals.hpp"
#include "server/net/inbox.hpp"
#include "server/net/read_server.hpp"
#include "store/store.hpp"

namespace hub::server {

class ReaderThread {
 public:
  ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader, LoadKeys load_keys,
               Arrivals& arrivals);
  /// What still waits is dropped: nobody is left to read it.
  ~ReaderThread();
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  /// Takes from the front of `jobs` what there is room for; returns how many.
  std::size_t push(std::vector<ReadJob>& jobs) { return inbox_.push_some(jobs); }

 private:
  void run();
  /// Sorts what has come into the three queues.
  void sort(std::vector<ReadJob>& jobs);
  void serve_resumes();
  void serve_one(std::deque<ReadJob>& queue);

  Inbox<ReadJob> inbox_;
  Arrivals& arrivals_;
  ReadServer server_;
  std::atomic<bool> stopping_ = false;
  std::deque<DeviceJob> resumes_;  // the thread's own
  std::deque<ReadJob> logins_;
  std::deque<ReadJob> others_;
  std::thread thread_;
};

}  // namespace hub::server
