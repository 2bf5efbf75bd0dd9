// What the hub's core wants done: it collects here, the reactor (or a simulation) carries it out at
// the end of the turn and clears it. Capacity stays, so that a warm turn allocates little.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/control.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/types.hpp"
#include "store/requests.hpp"
#include "store/store.hpp"

namespace hub::server {

/// The way a datagram came, and so the way its answer goes: between our address and theirs.
struct Path {
  Endpoint local;  // the address that was asked, with the port of the socket it arrived on
  Endpoint remote;

  bool operator==(const Path&) const = default;
};

/// Datagrams to send, their bytes back to back in one buffer.
class DatagramQueue {
 public:
  struct Entry {
    Path path;
    std::size_t offset = 0;
    std::size_t size = 0;
  };

  /// The buffer to append one datagram's bytes to; commit() then names where it goes.
  std::vector<std::uint8_t>& buffer() { return bytes_; }
  void commit(const Path& path, std::size_t size) {
    entries_.push_back({path, bytes_.size() - size, size});
  }

  const std::vector<Entry>& entries() const { return entries_; }
  Bytes bytes_of(const Entry& entry) const {
    return Bytes(bytes_).subspan(entry.offset, entry.size);
  }
  bool empty() const { return entries_.empty(); }
  void clear() {
    entries_.clear();
    bytes_.clear();
  }

 private:
  std::vector<std::uint8_t> bytes_;
  std::vector<Entry> entries_;
};

/// A login to check: look the account up (or its decoy), stretch, compare. Blocks; for the pool.
struct LoginCheck {
  store::Tag tag = 0;
  std::string id;  // a valid client ID, as typed
  std::string password;
};

struct LoginVerdict {
  enum class Outcome { kRight, kWrong, kFailed };  // kFailed: no memory, or the read failed
  store::Tag tag = 0;
  Outcome outcome = Outcome::kFailed;
  AccountId account = 0;  // with kRight
  std::string name;       // with kRight: the account's own spelling
};

/// A retrieve to read, for the reader thread.
struct RetrieveJob {
  store::Tag tag = 0;
  AccountId account = 0;
  std::uint32_t n = 0;
  MessageId before = 0;
};

struct RetrievePage {
  store::Tag tag = 0;
  store::Read<std::vector<store::Post>> posts;
};

/// Names one connection to the control socket, and one request on it.
using ControlTag = std::uint64_t;

struct ControlAnswer {
  ControlTag tag = 0;
  control::Reply reply;
};

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string text;  // harmless for a terminal
};

struct Outbox {
  DatagramQueue datagrams;
  std::vector<store::Request> writes;
  std::vector<LoginCheck> checks;
  std::vector<RetrieveJob> retrieves;
  std::vector<ControlAnswer> answers;
  std::vector<LogLine> log;

  void clear() {
    datagrams.clear();
    writes.clear();
    checks.clear();
    retrieves.clear();
    answers.clear();
    log.clear();
  }
};

}  // namespace hub::server
