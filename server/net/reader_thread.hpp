// The reader thread: serves what the core wants read, from a reader of its own, beside the writer and
// off the reactor: retrieves, what a session missed, the verifier for a login, the hub's keys.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "server/net/arrivals.hpp"
#include "server/net/inbox.hpp"
#include "store/store.hpp"

namespace hub::server {

/// Reads the hub's keys from its data directory. Throws std::runtime_error with a sentence.
using LoadKeys = std::function<HubKeyRing()>;

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
  ReadResult perform(const RetrieveJob& job);
  ReadResult perform(const CatchUpJob& job);
  ReadResult perform(const AccountJob& job);
  ReadResult perform(const KeysJob& job);

  Inbox<ReadJob> inbox_;
  Arrivals& arrivals_;
  std::unique_ptr<store::Reader> reader_;
  LoadKeys load_keys_;
  std::optional<store::HubInfo> hub_;  // what the database says of the hub as a whole, once read
  std::thread thread_;
};

}  // namespace hub::server
