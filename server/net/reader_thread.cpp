#include "server/net/reader_thread.hpp"

#include <exception>
#include <utility>

#include "protocol/limits.hpp"
#include "server/net/account_check.hpp"

namespace hub::server {

ReaderThread::ReaderThread(std::size_t capacity, std::unique_ptr<store::Reader> reader,
                           LoadKeys load_keys, Arrivals& arrivals)
    : inbox_(capacity),
      arrivals_(arrivals),
      reader_(std::move(reader)),
      load_keys_(std::move(load_keys)) {
  thread_ = std::thread([this] { run(); });
}

ReaderThread::~ReaderThread() {
  inbox_.close();
  std::vector<ReadJob> dropped;
  inbox_.take_all(dropped);
  thread_.join();
}

void ReaderThread::run() {
  while (const auto job = inbox_.wait_one()) {
    arrivals_.try_push(std::visit([this](const auto& asked) { return perform(asked); }, *job));
  }
}

ReadResult ReaderThread::perform(const RetrieveJob& job) {
  return RetrievePage{job.tag, reader_->retrieve(job.account, job.n, job.before)};
}

ReadResult ReaderThread::perform(const CatchUpJob& job) {
  return CatchUpRead{job.tag, reader_->catch_up(job.account, job.after, kCatchUpPage)};
}

ReadResult ReaderThread::perform(const AccountJob& job) {
  AccountFound found;
  found.tag = job.tag;
  const auto candidate = find_candidate(*reader_, hub_, job.id);
  found.failed = !candidate.has_value();
  if (!candidate) return found;
  found.account = candidate->account;
  found.name = candidate->name;
  found.verifier = candidate->verifier;
  return found;
}

ReadResult ReaderThread::perform(const KeysJob& job) {
  try {
    return KeysRead{job.tag, load_keys_(), {}};
  } catch (const std::exception& error) {
    return KeysRead{job.tag, {}, error.what()};
  }
}

}  // namespace hub::server
